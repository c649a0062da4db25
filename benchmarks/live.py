"""What the gateway adds to a call: processor time of the library against plain aiohttp, of the
server against a relay that hands bytes on and reads none of them.

All on this machine, before an upstream that answers at once, by turns; the least of several rounds.
Beside them, where they are installed (SIMROUTE_LITELLM: the folder of another environment), what
others spend: the openai SDK alone, the LiteLLM Router, TensorZero embedded.
`python benchmarks/live.py [--requests N] [--rounds N]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.server import Server
from simroute.sockets import Listener

AT_ONCE, CHUNKS = 50, 20
BODY = {"messages": [{"role": "user", "content": "hello " * 50}], "temperature": 0.5}
ANSWER = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi " * 100},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 75, "completion_tokens": 100},
}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "five words of an answer "}}]}
LAST = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
POLICIES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": {"total": "30s"}},
    "circuit_breaker": {
        "fallback": {"targets": ["a", "b"]},
        "breaker": {"failures": 3},
        "retry": {"attempts": 2},
        "timeout": {"total": "30s", "first_token": "5s"},
    },
    "layered": {
        "cache": {"match": "exact"},
        "budget": {"usd": 1000, "period": "day"},
        "route": {"by": "weight"},
        "fallback": {"targets": ["a", "b"]},
        "breaker": {"failures": 3},
        "retry": {"attempts": 2},
        "timeout": {"total": "30s", "first_token": "5s"},
    },
}


async def answer(request: web.Request) -> web.StreamResponse:
    """The upstream."""
    body = await request.json()
    if not body.get("stream"):
        return web.json_response(ANSWER)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in [CHUNK] * CHUNKS + [LAST]:
        await response.write(b"data: " + json.dumps(part).encode() + b"\n\n")
        await asyncio.sleep(0)
    await response.write(b"data: [DONE]\n\n")
    return response


def relay(address: str) -> web.Application:
    """Hands on what comes, and reads none of it."""

    async def passed(request: web.Request) -> web.StreamResponse:
        session: aiohttp.ClientSession = request.app["session"]
        data = await request.read()
        async with session.post(address, data=data, headers=HEADERS) as theirs:
            response = web.StreamResponse(headers={"Content-Type": theirs.headers["Content-Type"]})
            await response.prepare(request)
            async for piece in theirs.content.iter_any():
                await response.write(piece)
            return response

    async def session(app: web.Application) -> Any:
        app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        yield
        await app["session"].close()

    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_post("/v1/chat/completions", passed)
    return app


HEADERS = {"Content-Type": "application/json"}


def entries(address: str) -> dict[str, Any]:
    base = address.removesuffix("/chat/completions")
    price = {"input": 1, "output": 2}
    return {
        name: {"provider": name, "model": "m", "base_url": base, "price": price} for name in "ab"
    }


def serve(kind: str, address: str, ports: Any, orders: Any, used: Any) -> None:
    """One process with one server; tells its processor time when asked."""

    async def main() -> None:
        gateway = None
        if kind == "upstream":
            app = web.Application()
            app.router.add_post("/v1/chat/completions", answer)
        elif kind == "relay":
            app = relay(address)
        else:
            server = Server(Clients({}), kind)
            gateway = Gateway(
                POLICIES[kind],
                entries(address),
                rows=server.watch_attempt,
                requests=server.watch_request,
                events=server.watch_event,
            )
            server.serve(gateway)
            app = server.app()
        listener = Listener(app)
        ports.put(await listener.start("127.0.0.1", 0))
        while await asyncio.to_thread(orders.get) == "used":
            used.put(time.process_time())
        await listener.close()
        if gateway is not None:
            await gateway.close(0)

    asyncio.run(main())


class Remote:
    """A server in a process of its own."""

    def __init__(self, kind: str, address: str = "") -> None:
        context = multiprocessing.get_context("spawn")
        ports, self._orders, self._used = context.Queue(), context.Queue(), context.Queue()
        arguments = (kind, address, ports, self._orders, self._used)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        self.address = f"http://127.0.0.1:{ports.get(timeout=60)}/v1/chat/completions"

    def used(self) -> float:
        """Processor seconds so far."""
        self._orders.put("used")
        return float(self._used.get(timeout=60))

    def end(self) -> None:
        self._orders.put("end")
        self._process.join(10)


async def crowd(count: int, at_once: int, call: Callable[[], Awaitable[None]]) -> list[float]:
    """Seconds of each of `count` calls, `at_once` at a time."""
    left, seconds = [count], []

    async def one() -> None:
        while left[0] > 0:
            left[0] -= 1
            began = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(at_once)))
    return seconds


async def library(address: str, count: int, streamed: bool) -> dict[str, float]:
    """Processor microseconds a request of plain aiohttp, and of the library by policy."""
    body = {**BODY, "stream": streamed}
    raw = json.dumps(body).encode()
    spent: dict[str, float] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def plain() -> None:
            async with session.post(address, data=raw, headers=HEADERS) as response:
                if streamed:
                    async for piece in response.content.iter_any():
                        len(piece)
                else:
                    json.loads(await response.read())

        spent["plain aiohttp"] = await _timed(count, plain)
    for name, policy in POLICIES.items():
        async with Gateway(policy, entries(address)) as gateway:

            async def ours(gateway: Gateway = gateway) -> None:
                if streamed:
                    async for chunk in gateway.stream(body):
                        len(chunk)
                else:
                    assert (await gateway.complete(body)).status == 200

            spent[name] = await _timed(count, ours)
    return spent


async def _timed(count: int, call: Callable[[], Awaitable[None]]) -> float:
    await crowd(AT_ONCE, AT_ONCE, call)
    began = time.process_time()
    await crowd(count, AT_ONCE, call)
    return (time.process_time() - began) / count * 1e6


def peers(address: str, count: int, streamed: bool) -> dict[str, float | str]:
    """Processor microseconds a request of others, or why there is no figure."""
    base = address.removesuffix("/chat/completions")
    told: dict[str, float | str] = {}
    pythons = [sys.executable]
    if folder := os.environ.get("SIMROUTE_LITELLM"):
        pythons.append(str(Path(folder, "bin", "python")))
    for python in pythons:
        script = str(Path(__file__).with_name("peers.py"))
        words = [python, "-I", script, base, str(count), json.dumps({**BODY, "stream": streamed})]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=True)
            found: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
        except FileNotFoundError:
            found = {}  # there is no such environment
        except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            found = {python: f"did not run ({type(error).__name__})"}
        told |= {name: said for name, said in found.items() if name not in told or said != ABSENT}
    return told


ABSENT = "not installed"


async def _load(address: str, count: int, streamed: bool, at_once: int) -> list[float]:
    raw = json.dumps({**BODY, "stream": streamed}).encode()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> None:
            async with session.post(address, data=raw, headers=HEADERS) as response:
                await response.read()
                assert response.status == 200

        return await crowd(count, at_once, call)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    upstream = Remote("upstream")
    servers = {kind: Remote(kind, upstream.address) for kind in ("relay", *POLICIES)}
    for streamed in (False, True):
        word, count = ("streamed", given.requests // 4) if streamed else ("whole", given.requests)
        rounds = [
            asyncio.run(library(upstream.address, count, streamed)) for _ in range(given.rounds)
        ]
        least = {name: min(each[name] for each in rounds) for name in rounds[0]}
        base = least["plain aiohttp"]
        print(f"library, {word}: microseconds of processor a request")
        for name, value in least.items():
            print(f"  {name:18}{value:9.0f}{value / base:7.2f}")
        for name, said in peers(upstream.address, count // 5, streamed).items():
            told = f"{said:9.0f}{said / base:7.2f}" if isinstance(said, float) else f"  {said}"
            print(f"  {name:18}{told}")
        spent: dict[str, list[float]] = {kind: [] for kind in servers}
        late: dict[str, list[float]] = {kind: [] for kind in servers}
        for _ in range(given.rounds):
            for kind, server in servers.items():
                before = server.used()
                seconds = asyncio.run(_load(server.address, count, streamed, AT_ONCE))
                spent[kind].append((server.used() - before) / count * 1e6)
                late[kind].append(sorted(seconds)[int(0.99 * len(seconds))])
        base, slow = min(spent["relay"]), min(late["relay"])
        print(f"server, {word}: microseconds of processor a request, p99 at {AT_ONCE} at once")
        for kind in servers:
            value, tail = min(spent[kind]), min(late[kind])
            print(
                f"  {kind:18}{value:9.0f}{value / base:7.2f}   "
                f"{tail * 1000:7.1f} ms{tail / slow:7.2f}"
            )
    for server in (*servers.values(), upstream):
        server.end()


if __name__ == "__main__":
    main()
