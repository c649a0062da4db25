"""What a provider does on the wire, and what the policy has of it: one table for both worlds."""

import asyncio
import json
import socket
import struct
from typing import NamedTuple

from simroute.testing.script import Step
from upstreams import DONE, chunk, http, whole

ANSWER_S, FIRST_S, REFUSAL_S, RESET_S, NEVER_S = 0.83, 0.37, 0.29, 0.23, 10_000.0
"""Seconds: of an answer, to its first token, of an error, of a reset; and what a hang lasts."""

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "no"}}
TOKENS = 5
USAGE = {"prompt_tokens": 10, "completion_tokens": TOKENS}


class Wire(NamedTuple):
    """One answer on the wire. status: that the policy has of it, where that is not the provider's
    own. first: seconds to the first token of a streamed one that has any before it ends so; the
    others follow at equal distances, or none of a stall. error: the word that a policy
    has for it."""

    name: str
    seconds: float = REFUSAL_S
    status: int = 200
    first: float | None = None
    retry_after: float | None = None
    error: str = "error"

    def step(self, streamed: bool) -> Step:
        """The same in a simulation."""
        if not streamed or self.first is None:
            return Step(self.seconds, self.status, self.retry_after, error=self.error)
        stall = self.first if self.name == "stall" else None
        error = "truncated" if self.status == 502 else self.error
        return Step(self.seconds, self.status, None, self.first, stall, error)


OK = Wire("ok", ANSWER_S, first=FIRST_S)
LATER = Wire("ok", 0.97, first=0.41)
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
    "reset": [Wire("reset", RESET_S, 503, error="reset")],
    "invalid JSON": [Wire("invalid json", status=502)],
    "HTML": [Wire("html", status=502)],
    "400": [Wire("http 400", status=400)],
    "401": [Wire("http 401", status=502)],
    "a stream cut": [Wire("cut", ANSWER_S, 502, FIRST_S, error="truncated")],
    "an error in a stream": [Wire("error inside", ANSWER_S, 502, FIRST_S)],
    "a stall": [Wire("stall", NEVER_S, 504, FIRST_S)],
    # what is told by a word in the body
    "context length": [Wire("http 400", status=400, error="context_length"), OK],
    "a refused prompt": [Wire("http 400", status=400, error="content_filter"), OK],
    "a filtered answer": [Wire("filtered", ANSWER_S, first=FIRST_S, error="content_filter"), OK],
    "a quota": [Wire("http 429", status=429, error="insufficient_quota")],
}
CODES = {"context_length": "context_length_exceeded"}
"""Word of a policy -> code of a provider's error, where they differ."""
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
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


async def said(wire, streamed, reader, writer) -> bool:
    """Answers; returns whether the connection can be used again."""
    if wire.name == "hang" or (wire.name == "stall" and not streamed):
        await reader.read()  # to the end: the caller gives up
        return False
    if streamed and wire.first is not None:
        return await said_in_pieces(wire, reader, writer)
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
        code = {"code": CODES.get(wire.error, wire.error)}
        error = json.dumps({"error": {"message": "no", "type": "test", **code}}).encode()
        return http(error, f"{wire.name[5:]} Said", wait)
    return {
        "ok": whole(),
        "filtered": whole(choices=[{**CHOICE, "finish_reason": "content_filter"}]),
        "invalid json": http(b'{"choices": ['),
        "html": http(b"<html><body>Bad gateway</body></html>", kind="text/html"),
        "cut": whole()[:-20],
        "error inside": http(b'{"error": {"message": "overloaded"}}'),
    }[wire.name]


async def said_in_pieces(wire, reader, writer) -> bool:
    """A streamed answer: its first token, and `TOKENS` of four characters at equal distances."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    await asyncio.sleep(wire.first)
    writer.write(head + b"\r\n" + piece(chunk("a")))
    if wire.name == "stall":
        await reader.read()
        return False
    for number in range(1, TOKENS + 1):
        await asyncio.sleep((wire.seconds - wire.first) / TOKENS)
        writer.write(piece(chunk("abc" if number == 1 else "abcd")))
    if wire.name == "cut":
        return False
    if wire.name == "error inside":
        writer.write(piece(b'data: {"error": {"message": "overloaded"}}\n\n') + b"0\r\n\r\n")
    else:
        why = "content_filter" if wire.name == "filtered" else "stop"
        end = chunk("", why), chunk(choices=[], usage=USAGE), DONE
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
