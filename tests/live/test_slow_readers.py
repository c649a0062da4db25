"""Callers who read slowly, or not at all, are no fault of a provider."""

import asyncio
import json
import socket
from dataclasses import dataclass

import pytest

from simroute import sockets
from simroute.core import layer
from simroute.live import Gateway, GatewayError
from simroute.live.clients import Clients
from simroute.live.server import Server
from simroute.sockets import Listener
from upstreams import HELLO, Upstream, chunk, deployments, stream, whole

LIMIT_S = 0.8
POLICY = {
    "breaker": {"failures": 1, "cooldown": "60s"},
    "timeout": {"total": f"{LIMIT_S}s"},
}
PIECE = "x" * 10_000


def long(pieces, pause=0.0):
    """A provider that sends so many pieces of 10 kB as fast as it is read, waits, and ends."""

    async def answer(reader, writer):
        writer.write(stream(chunk("begin "), ends=False))
        for _ in range(pieces):
            event = chunk(PIECE)
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        await asyncio.sleep(pause)
        event = chunk(finish="stop")
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))
        await writer.drain()
        writer.close()

    return answer


async def read(gateway, pauses):
    """Length and status of an answer, of which a piece is taken after each of these seconds."""
    length, pauses = 0, iter(pauses)
    try:
        async for piece in gateway.stream(HELLO):
            length += len(piece.text)
            await asyncio.sleep(next(pauses, 0.0))
    except GatewayError as error:
        return length, error.answer.status
    return length, 200


@pytest.mark.parametrize(
    ("pause", "statuses"),
    [
        (0.0, [200, 200]),
        (6 * LIMIT_S, [408, 503]),  # what the provider takes counts after such a wait as well
    ],
)
def test_what_a_slow_reader_takes_is_none_of_the_provider_s_time(pause, statuses):
    """An answer that waits for its reader, three times as long as it may take, opens no breaker."""

    async def main():
        a = await Upstream(long(100, pause)).start()
        async with Gateway(POLICY, deployments(a=a)) as gateway:
            seen = [await read(gateway, (0.01, 3 * LIMIT_S)) for _ in range(2)]
            assert not [length for length, status in seen if status == 200 and length < 1_000_000]
            return [status for _, status in seen]

    assert asyncio.run(asyncio.wait_for(main(), 40)) == statuses


def test_a_caller_who_takes_nothing_has_gone_away(monkeypatch):
    """After a minute, here a hundredth: his row says 499, and the provider's end is closed."""
    monkeypatch.setattr(sockets, "STALLED_S", 0.6)
    rows = []

    async def main():
        a = await Upstream(long(100_000)).start()
        async with Gateway(POLICY, deployments(a=a), rows=rows.append) as gateway:
            server = Server(Clients({}), "mine")
            server.serve(gateway)
            listener = Listener(server.app())
            port = await listener.start("127.0.0.1", 0)
            body = json.dumps({**HELLO, "stream": True}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
            _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
            while not a.closed:
                await asyncio.sleep(0.05)
            writer.close()
            await listener.close()
            return gateway.in_flight, gateway.serving.transport.pools["a"].slots.busy

    assert asyncio.run(asyncio.wait_for(main(), 30)) == (0, 0)
    assert [row.status for row in rows] == [499]


@layer("whole_first")
@dataclass
class WholeFirst:
    """Reads an answer to its end before it hands it on."""

    async def __call__(self, call, send, world):
        outcome = await send(call)
        if outcome.rest is not None:
            final = await outcome.rest
            return outcome if final.ok else final
        return outcome


@pytest.mark.parametrize(("pieces", "status"), [(20, 200), (1100, 502)])
def test_a_layer_that_wants_all_of_an_answer_waits_for_no_reader(pieces, status):
    """200 kB are there at once; more than ten megabytes are no answer."""

    async def main():
        a = await Upstream(long(pieces)).start()
        policy = {"whole_first": WholeFirst(), "timeout": {"total": "10s"}}
        async with Gateway(policy, deployments(a=a)) as gateway:
            return await read(gateway, ())

    length, seen = asyncio.run(asyncio.wait_for(main(), 20))
    assert seen == status
    assert status != 200 or length == len("begin ") + pieces * len(PIECE)


def test_a_caller_who_takes_nothing_of_a_whole_answer_holds_no_connection(monkeypatch):
    """Nine megabytes wait for him in vain."""
    monkeypatch.setattr(sockets, "STALLED_S", 0.4)

    async def main():
        a = await Upstream(whole("x" * 9_000_000)).start()
        async with Gateway(POLICY, deployments(a=a)) as gateway:
            server = Server(Clients({}), "mine")
            server.serve(gateway)
            listener = Listener(server.app())
            port = await listener.start("127.0.0.1", 0)
            own = socket.socket()
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            own.setblocking(False)
            await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
            body = json.dumps(HELLO).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
            own.sendall(head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
            while not a.bodies:
                await asyncio.sleep(0.02)
            while listener._runner.server.connections:
                await asyncio.sleep(0.02)
            own.close()
            await listener.close()
            return gateway.in_flight

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 0
