"""Connections to providers that break in the midst of something."""

import asyncio

import pytest

from simroute.live import Gateway, GatewayError
from upstreams import HELLO, PLAIN, Upstream, chunk, deployments, stream, whole

SOON = 4.0
"""Seconds; the limit of time of PLAIN is five."""


def run(work):
    return asyncio.run(asyncio.wait_for(work, SOON))


FRAMES = [b"zz\r\nnonsense\r\n", b"-1\r\n", b"5\r\ntoo long for it\r\n", b"\r\n\r\n"]


@pytest.mark.parametrize("frame", FRAMES)
def test_broken_framing_ends_a_stream_at_once(frame):
    """What had come is handed on; the rest is a cut, long before any limit of time."""

    async def broken(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(frame)
        await reader.read()  # the connection stays open

    async def main():
        a, text = await Upstream(broken).start(), ""
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            try:
                async for piece in gateway.stream(HELLO):
                    text += piece.text
            except GatewayError as error:
                return text, error.answer.status, error.answer.error

    assert run(main()) == ("one", 502, "truncated")


@pytest.mark.parametrize("frame", FRAMES)
def test_broken_framing_ends_an_answer_at_once(frame):
    """502, not a timeout."""

    async def broken(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(frame)
        await reader.read()

    async def main():
        a = await Upstream(broken).start()
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            return (await gateway.complete(HELLO)).status

    assert run(main()) == 502


@pytest.mark.parametrize(
    ("begun", "asked", "status"),
    [(b"", 2, 200), (b"H", 1, 503), (b"HTTP/1.1 200 OK\r\nA: b", 1, 503)],
)
@pytest.mark.parametrize("resets", [False, True])
def test_a_call_is_sent_again_only_where_no_byte_of_an_answer_came(begun, asked, status, resets):
    """On a connection that was kept; the provider may have done what was asked."""

    async def main():
        a = await Upstream().start()

        async def breaks(reader, writer):
            a.answer = whole()  # whoever comes again is answered
            writer.write(begun)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort() if resets else writer.close()

        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            assert (await gateway.complete(HELLO)).status == 200
            a.answer = breaks
            answer = await gateway.complete(HELLO)
            return len(a.bodies) - 1, answer.status, answer.attempts

    assert run(main()) == (asked, status, 1)
