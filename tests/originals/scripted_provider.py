"""A provider on loopback that answers by a script, for originals that run in real time."""

import asyncio
import json
import time
from itertools import pairwise
from typing import NamedTuple

from simroute.testing import Step
from upstreams import DONE, USAGE, chunk, http, stream, whole

GARBLED = "invalid_body"
BROKEN = 507
"""What stands for the status of a stream that breaks."""


class Answer(NamedTuple):
    """Status (0: the connection is cut), seconds before anything of it is sent, header lines, and
    the seconds that these ask for. breaks: a stream of which only the beginning comes. error: what
    is wrong; `invalid_body` is a 200 that nobody can read."""

    status: int = 200
    delay: float = 0.0
    headers: str = ""
    asks: float | None = None
    breaks: bool = False
    error: str = "made_up"

    def step(self):
        """The same for our upstreams, where a cut connection is a failure like any 500."""
        if self.breaks:
            return Step(self.delay, BROKEN, first=self.delay)
        status = 502 if self.error == GARBLED else self.status or 500
        return Step(self.delay, status, self.asks, error=self.error)


class ScriptedProvider:
    """Answers POSTs below /RUN/TARGET by that run's script; the last answer goes on for ever.

    sends: run -> (time, target), in order.
    """

    def __init__(self, scripts):
        self.scripts = scripts
        self.sends = {run: [] for run in scripts}

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    def url(self, run, target):
        return f"http://127.0.0.1:{self.port}/{run}/{target}/v1"

    async def _talk(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a caller that waits no longer
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        length = next(
            line.split(":")[1] for line in lines if line.lower().startswith("content-length")
        )
        body = await reader.readexactly(int(length))
        run, target = lines[0].split("/")[1:3]
        sends = self.sends[run]
        before = sum(name == target for _, name in sends)
        sends.append((time.monotonic(), target))
        script = self.scripts[run][target]
        answer = script[min(before, len(script) - 1)]
        await asyncio.sleep(answer.delay)
        if not answer.status:
            return False
        writer.write(_bytes(answer, len(sends), b'"stream":true' in body.replace(b" ", b"")))
        await writer.drain()
        return not answer.breaks


def _bytes(answer, number, streamed):
    if answer.status != 200:
        error = {"message": f"no. {number}", "type": answer.error, "code": answer.error}
        said = json.dumps({"error": error}).encode()
        return http(said, f"{answer.status} Made Up", answer.headers)
    if answer.error == GARBLED:
        return http(b'{"id": ')
    about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    if streamed:
        ending = () if answer.breaks else (chunk(None, "stop", **about), USAGE, DONE)
        return stream(chunk("hello", **about), *ending, ends=not answer.breaks)
    return whole(**about)


def pauses(times):
    """Seconds between sends, from each to the next."""
    return [later - earlier for earlier, later in pairwise(times)]
