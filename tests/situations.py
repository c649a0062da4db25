"""What a provider does on the wire, and what the policy has of it: one table for both worlds."""

import asyncio
import json
import socket
import struct
from typing import NamedTuple

from simroute.testing.script import Step
from upstreams import DONE, USAGE, chunk, http, whole

ANSWER_S, FIRST_S, REFUSAL_S, RESET_S, NEVER_S = 0.83, 0.37, 0.29, 0.23, 10_000.0
"""Seconds: of an answer, to its first token, of an error, of a reset; and what a hang lasts."""


class Wire(NamedTuple):
    """One answer on the wire. status: that the policy has of it, where that is not the provider's
    own. first: whether a streamed one has its first token before it ends so."""

    name: str
    seconds: float = REFUSAL_S
    status: int = 200
    first: bool = False
    retry_after: float | None = None

    def step(self, streamed: bool) -> Step:
        """The same in a simulation."""
        first = FIRST_S if streamed and self.first else None
        seconds = ANSWER_S if first else self.seconds
        return Step(seconds, self.status, self.retry_after, first)


OK = Wire("ok", ANSWER_S, first=True)
DOWN = Wire("http 503", status=503)
HANG = Wire("hang", NEVER_S, 504)
SITUATIONS: dict[str, list[Wire]] = {
    "ok": [OK],
    "429 without Retry-After": [Wire("http 429", status=429)],
    "429 with Retry-After": [Wire("http 429", status=429, retry_after=2.0)],
    "429 with a long Retry-After": [Wire("http 429", status=429, retry_after=300.0)],
    "503 once": [DOWN, OK],
    "503 five times": [*[DOWN] * 5, OK],
    "503 always": [DOWN],
    "hang": [HANG],
    # where the worlds differ: the provider says one thing, and the policy has another of it
    "reset": [Wire("reset", RESET_S, 503)],
    "invalid JSON": [Wire("invalid json", status=502)],
    "HTML": [Wire("html", status=502)],
    "400": [Wire("http 400", status=400)],
    "401": [Wire("http 401", status=502)],
    "a stream cut": [Wire("cut", status=502, first=True)],
    "an error in a stream": [Wire("error inside", status=502, first=True)],
}
"""Situation -> what the first deployment does, call by call; the last goes on for ever."""


class Providers:
    """Servers of situations: at /CELL/TARGET/v1, by what `scripts` says of (cell, target)."""

    def __init__(self, scripts: dict[tuple[str, str], list[Wire]]) -> None:
        self.scripts, self.asked = scripts, dict.fromkeys(scripts, 0)
        self.streaming: list[bool] = []

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=1024)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _talk(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(
                    line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line
                )
                body = json.loads(await reader.readexactly(int(fields[b"content-length"])))
                _, cell, target, *_ = head.split()[1].decode().split("/")
                script, number = self.scripts[cell, target], self.asked[cell, target]
                self.asked[cell, target] += 1
                wire = script[min(number, len(script) - 1)]
                if not await said(wire, body.get("stream") is True, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def said(wire, streamed, reader, writer) -> bool:
    """Answers; returns whether the connection can be used again."""
    if wire.name == "hang":
        await reader.read()  # to the end: the caller gives up
        return False
    if streamed and wire.first:
        return await said_in_pieces(wire, writer)
    await asyncio.sleep(wire.seconds)
    if wire.name == "reset":
        reset(writer)
        return False
    writer.write(whole_answer(wire))
    await writer.drain()
    return wire.name != "cut"


def whole_answer(wire) -> bytes:
    """The bytes of an answer in one piece."""
    if wire.name.startswith("http "):
        wait = "" if wire.retry_after is None else f"Retry-After: {wire.retry_after:g}\r\n"
        error = json.dumps({"error": {"message": "no", "type": "test"}}).encode()
        return http(error, f"{wire.name[5:]} Said", wait)
    return {
        "ok": whole(),
        "invalid json": http(b'{"choices": ['),
        "html": http(b"<html><body>Bad gateway</body></html>", kind="text/html"),
        "cut": whole()[:-20],
        "error inside": http(b'{"error": {"message": "overloaded"}}'),
    }[wire.name]


async def said_in_pieces(wire, writer) -> bool:
    """A streamed answer: its first token after FIRST_S, its end after ANSWER_S."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    await asyncio.sleep(FIRST_S)
    writer.write(head + b"\r\n" + piece(chunk("one ")))
    await writer.drain()
    await asyncio.sleep(ANSWER_S - FIRST_S)
    if wire.name == "cut":
        return False
    if wire.name == "error inside":
        writer.write(piece(b'data: {"error": {"message": "overloaded"}}\n\n') + b"0\r\n\r\n")
    else:
        end = chunk("two", "stop"), USAGE, DONE
        writer.write(b"".join(map(piece, end)) + b"0\r\n\r\n")
    await writer.drain()
    return True


def piece(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def reset(writer) -> None:
    """Ends a connection with RST."""
    given = writer.get_extra_info("socket")
    given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
