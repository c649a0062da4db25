"""A provider as a process of its own, whose mood each line on its stdin sets: `python unruly.py
SECONDS PORT` answers within so many seconds, and says on stdout when it listens.

ok: answers. hang: takes a request and says nothing. reset: breaks the connection before, within or
after the headers. flood: 100 MB where an answer should be. lie: each row of the table of what a
provider may do in docs/live.md, in turn. slow: ten times as long for each call at once.
"""

import asyncio
import json
import socket
import struct
import sys
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from upstreams import DONE, USAGE, chunk, http, stream, whole

FLOOD, PIECE = 100_000_000, b" " * 100_000
EVENTS = (*(chunk("word ") for _ in range(5)), chunk(finish="stop"), USAGE, DONE)
BILL = 10 * 3000 + 5 * 15_000, 10 * 3000 + 3 * 15_000
"""Nano-USD of a whole and of a streamed answer, at 3 and 15 USD a million tokens."""
MOVED = "Location: http://127.0.0.1:1/v1\r\n"
LIES = (
    *(http(b"no", f"{status} X") for status in (401, 402, 403, 404, 201, 202, 999)),
    *(
        http(b"", f"{status} X", "Location: http://127.0.0.1:1/v1\r\n")
        for status in (301, 302, 308)
    ),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    *(http(b"no", f"{status} X") for status in (408, 429, 500, 502, 503, 504, 529)),
    http(b"no", "429 X", "Retry-After: 1\r\n"),
    http(b"no", "503 X", "Retry-After: soon\r\n"),
    http(b"<html>", kind="text/html"),
    http(b""),
    http(b"{"),
    http(b'{"choices": []}'),
    http(b'{"choices": "none"}'),
    http(b'{"error": {"message": "no"}}'),
    http(b"[" * 100_000),
    http(b"\x1f\x8b\x08", headers="Content-Encoding: gzip\r\n"),
    http(b" " * 10_000_001),
    b"nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-T",
    stream(DONE),
    stream(b'data: {"error": {"message": "no"}}\n\n'),
    stream(b"data: {\n\n"),
    stream(b"data: " + b"x" * (1 << 21)),
    stream(b": still here\n\n"),
)


class Unruly:
    """One provider. billed: nano-USD of the sound answers that it has begun to give."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.mood = seconds, "ok"
        self.billed = self.busy = 0
        self.lies, self.breaks = cycle(LIES), cycle((b"", b"HTTP/1.1 20", EVENTS[0]))

    async def talk(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    writer.write(http(b"%d" % self.billed))
                    continue
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.busy += 1
                try:
                    keeps = await getattr(self, self.mood)(reader, writer, body.get("stream"))
                finally:
                    self.busy -= 1
                if not keeps:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def ok(self, reader, writer, streamed, seconds=None):
        await asyncio.sleep(self.seconds if seconds is None else seconds)
        self.billed += BILL[bool(streamed)]
        writer.write(stream(*EVENTS) if streamed else whole())
        await writer.drain()
        return True

    async def slow(self, reader, writer, streamed):
        return await self.ok(reader, writer, streamed, self.seconds * 10 * self.busy)

    async def hang(self, reader, writer, streamed):
        await reader.read()

    async def reset(self, reader, writer, streamed):
        begun = next(self.breaks)
        if begun == EVENTS[0]:
            self.billed += BILL[bool(streamed)]
            begun = stream(begun, ends=False) if streamed else whole()[:-5]
        writer.write(begun)
        await writer.drain()
        await asyncio.sleep(self.seconds / 2)
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    async def flood(self, reader, writer, streamed):
        if streamed:
            writer.write(stream(b": ", ends=False))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % FLOOD)
        for _ in range(FLOOD // len(PIECE)):
            writer.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if streamed else PIECE)
            await writer.drain()

    async def lie(self, reader, writer, streamed):
        writer.write(next(self.lies))
        await writer.drain()
        await asyncio.sleep(self.seconds)


async def main(seconds: float, port: int) -> None:
    provider = Unruly(seconds)
    await asyncio.start_server(provider.talk, "127.0.0.1", port, backlog=1000)
    sys.stdout.write("listens\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    make = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: make, sys.stdin)
    while line := await reader.readline():
        provider.mood = line.decode().strip()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
