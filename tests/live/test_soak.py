"""Very many requests through one gateway, of which many fail: nothing of them stays. `make soak`:
200,000, some minutes; SIMROUTE_SOAK: another number."""

import asyncio
import gc
import json
import os
import random
import resource
import sys
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from simroute.core import layer
from simroute.live import Gateway, GatewayError
from simroute.live.clients import Clients
from simroute.live.log import RowLog
from simroute.live.server import Server
from simroute.sockets import Listener
from upstreams import DONE, USAGE, chunk, http, stream, whole

REQUESTS = int(os.environ.get("SIMROUTE_SOAK", "200000"))
AT_ONCE = 40
ANSWERS = (whole(), stream(chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE))
BROKEN = (
    http(b"no", "429 Slow", "Retry-After: 0\r\n"),
    http(b"no", "503 Down"),
    http(b"no", "529 Overloaded"),
    http(b"no", "401 Unauthorized"),
    http(b'{"error": {"message": "too long"}}', "400 Bad"),
    http(b"<html>"),
    http(b'{"choices": []}'),
    b"nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    stream(chunk("one"), ends=False),
    stream(chunk("one"), b"data: {\n\n"),
    stream(DONE),
    b"HTTP/1.1 20",
    b"",
)
POLICY = {
    "cache": {"size": 100},
    "budget": {"usd": 1e6, "period": "month", "at_limit": "reject"},
    "fallback": {"targets": ["a", "b"]},
    "breaker": {"failures": 20, "window": "5s", "cooldown": "0.1s"},
    "limit": {"rpm": 1e6},
    "retry": {"attempts": 2, "backoff": {"initial": "0.001s"}},
    "timeout": {"total": "0.5s", "first_token": "0.3s"},
}


@layer("backup")
@dataclass
class Backup:
    """Asks a second time when the first has not answered within 20 ms; the first answer counts."""

    async def __call__(self, call, send, world):
        async def later():
            await world.sleep(0.02)
            return await send(call)

        return await world.first(send(call), later())


class Moody:
    """A provider that keeps nothing: most calls are answered, the others in all ways but that."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.connections = set()

    async def start(self):
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0, backlog=1000)
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def talk(self, reader, writer):
        self.connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                drawn = self.chance.random()
                if drawn < 0.003:
                    await reader.read()  # a hang
                elif drawn < 0.05:
                    await asyncio.sleep(0.04)
                elif drawn < 0.2:
                    writer.write(self.chance.choice(BROKEN))
                    await writer.drain()
                    return
                writer.write(ANSWERS[body.get("stream", False)])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()


def body(number):
    """A question of which a quarter is asked again, one of them often."""
    asked = number if number % 4 else number % 97
    return {"messages": [{"role": "user", "content": f"question {asked}"}], "temperature": 0}


async def call(gateway, session, number, seen):
    """One request of one of five kinds."""
    kind, said = number % 5, body(number)
    if kind == 0:
        async with session.post("/v1/chat/completions", json=said) as response:
            await response.read()
            seen[response.status] += 1
    elif kind == 1:
        with suppress(aiohttp.ClientError):
            async with session.post(
                "/v1/chat/completions", json={**said, "stream": True}
            ) as response:
                seen[response.status] += 1
                await response.read()
    elif kind == 2:  # its caller goes away
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001 * (number % 7)):
                await gateway.complete(said)
    elif kind == 3:  # or reads a part of it
        with suppress(GatewayError):
            async with aclosing(gateway.stream(said)) as pieces:
                async for _ in pieces:
                    if number % 3:
                        break
    else:
        seen[(await gateway.complete(said)).status] += 1


async def calls(gateway, session, numbers, seen):
    async def some():
        for number in numbers:
            await call(gateway, session, number, seen)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def memory():
    """Bytes that this process has in memory, without garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Bills:
    """Nano-USD of sends and of requests: each send belongs to a request that ends after it."""

    def __init__(self, rows):
        self.rows, self.sends, self.requests, self.number, self.failed = rows, 0, 0, 0, 0

    def attempt(self, row):
        self.sends += row.nano
        self.failed += row.status != 200
        self.rows.add_attempt(row)

    def request(self, row):
        self.requests += row.request.nano
        self.number += 1
        self.rows.add_request(row)


async def settled(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)


async def soak(folder, requests):
    a, b = await Moody(1).start(), await Moody(2).start()
    price = {"input": 3.0, "output": 15.0}
    entries = {
        name: {"provider": name, "model": name, "base_url": each.url, "price": price}
        for name, each in (("a", a), ("b", b))
    }
    entries["a"]["limits"] = {"concurrency": 20, "queue": 10}
    policy = {**POLICY, "backup": Backup()}
    rows = RowLog(folder, lambda: gateway.serving.fleet.targets, 0.0)
    bills, seen, sizes = Bills(rows), Counter(), []
    gateway = Gateway(
        policy, entries, rows=bills.attempt, requests=bills.request, state=folder / "s.sqlite"
    )
    server = Server(Clients({}), "mine")
    server.serve(gateway)
    listener = Listener(server.app())
    port = await listener.start("127.0.0.1", 0)
    before = asyncio.all_tasks()
    async with gateway:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for numbers in (range(requests // 10), range(requests // 10, requests)):
                await calls(gateway, session, iter(numbers), seen)
                sizes.append(memory())
        pools = gateway.serving.transport.pools.values()
        await settled(lambda: not any(pool.slots.busy for pool in pools) and not gateway.in_flight)
        left = {
            "calls": gateway.in_flight,
            "slots": sum(pool.slots.busy for pool in pools),
            "in line": sum(pool.slots.waiting for pool in pools),
            "rows": len(rows._tries),
            "bill": bills.sends - bills.requests,
        }
    await listener.close()
    rows.close()
    await settled(lambda: not a.connections and not b.connections)
    left["connections"] = len(a.connections) + len(b.connections)
    await settled(lambda: asyncio.all_tasks() <= before)
    left["tasks"] = len(asyncio.all_tasks() - before)
    a.server.close()
    b.server.close()
    return seen, sizes, left, bills


@pytest.mark.parametrize(
    "requests", [3000, pytest.param(REQUESTS, marks=pytest.mark.slow, id="soak")]
)
def test_nothing_stays_of_requests_that_have_ended(tmp_path, requests):
    """No task, socket, slot or row; and of many, memory after a tenth of them is that at the end,
    within a tenth."""
    seen, sizes, left, bills = asyncio.run(soak(tmp_path, requests))
    first, last = (round(size / 1e6, 1) for size in sizes)
    ends = f"{bills.number} requests, {bills.failed} sends that failed, statuses {dict(seen)}"
    sys.stdout.write(f"{ends}; {first} MB after a tenth, {last} MB at the end\n")
    assert left == dict.fromkeys(left, 0)
    assert bills.number == requests
    assert seen[200] > 0.5 * sum(seen.values())
    assert bills.failed > 0.1 * requests
    if requests >= 50_000:
        assert last < 1.1 * first
