"""Providers for tests: what they say is bytes, so that they can say anything."""

import asyncio
import json


def whole(text="hello", status="200 OK", headers="", **more):
    """An answer as one JSON body."""
    body = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        **more,
    }
    return http(json.dumps(body).encode(), status, headers)


def http(body, status="200 OK", headers="", kind="application/json"):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}"
    return head.encode() + b"\r\n" + body


def chunk(text=None, finish=None, **more):
    """An event of a stream."""
    delta = {} if text is None else {"content": text}
    data = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}}\n\n'


def stream(*events, ends=True):
    """A chunked answer; one that does not end is cut."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    parts = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return head + b"".join(parts) + (b"0\r\n\r\n" if ends else b"")


class Upstream:
    """Answers each POST with `answer`: bytes, or a function that writes and may wait.

    bodies, heads: what was asked. closed: how many connections ended before their answer did.
    """

    def __init__(self, answer=None):
        self.answer = whole() if answer is None else answer
        self.bodies, self.heads, self.closed, self.keep = [], [], 0, True

    async def start(self):
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def stop(self):
        self.server.close()

    async def _talk(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                self.heads.append(head)
                self.bodies.append(json.loads(await reader.readexactly(length)))
                if callable(self.answer):
                    await self.answer(reader, writer)
                else:
                    writer.write(self.answer)
                    await writer.drain()
                if not self.keep or (not callable(self.answer) and b"chunked" in self.answer[:200]):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed += len(self.bodies) > 0
        finally:
            writer.close()


def deployments(**upstreams):
    """Entries for a file of deployments: 3 and 15 USD a million tokens."""
    return {
        name: {
            "provider": f"company-{name}",
            "model": f"model-{name}",
            "base_url": upstream.url,
            "price": {"input": 3.0, "output": 15.0},
        }
        for name, upstream in upstreams.items()
    }


HELLO = {"messages": [{"role": "user", "content": "hello"}]}
"""Five characters: one token, by the estimate."""
PLAIN = {"timeout": {"total": "5s"}}
BOTH = {"fallback": {"targets": ["a", "b"]}, "timeout": {"total": "5s"}}
