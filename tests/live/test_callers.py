"""Whatever comes over the wire has an answer in OpenAI's shape, or its connection is closed."""

import asyncio
import json

import pytest

from raw_calls import BODY, GOOD, HEAD, ONCE, said, serving
from simroute import sockets


def status_and_error(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense secret\r\n\r\n", 400),
        (b"POST /secret HTTP/secret\r\n\r\n", 400),
        (b"\x16\x03\x01secret\r\n\r\n", 400),
        (b"GET /" + b"secret" * 5000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"secret" * 5000 + b"\r\n\r\n", 431),
        (HEAD + b"Content-Length: secret\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: -2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (HEAD + b"Transfer-Encoding: secret\r\n\r\n{}", 400),
        (HEAD + b"Authorization: Bearer secret\x00\r\n\r\n", 400),
        (HEAD + b"A : secret\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_in_openai_s_shape(raw, status):
    """And not quoted; nothing is sent, and the next caller is served."""

    async def talk(port, upstream, gateway):
        answers = [await said(port, raw)]
        answers.append(await said(port, ONCE))
        return answers, len(upstream.bodies)

    (refused, good), asked = serving(talk)
    got, error = status_and_error(refused)
    assert (got, error["type"], asked) == (status, "invalid_request_error", 1)
    assert b"secret" not in refused
    assert good.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/nowhere"])
def test_an_expectation_that_nobody_knows_is_refused_in_openai_s_shape(path):
    """And not quoted; the one that is known is met."""
    plain = ONCE.replace(b"/v1/chat/completions", path)
    asked = plain.replace(b"\r\n", b"\r\nExpect: secret\r\n", 1)

    async def talk(port, upstream, gateway):
        refused = await said(port, asked)
        return refused, await said(port, ONCE.replace(b"\r\n", b"\r\nExpect: 100-continue\r\n", 1))

    refused, met = serving(talk)
    status, error = status_and_error(refused)
    assert (status, error["type"], b"secret" in refused) == (417, "api_error", False)
    assert met.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (b"POST / HT",),
        (HEAD,),
        (HEAD[:40], *(b"%c" % byte for byte in HEAD[40:60])),  # a byte at a time
    ],
)
def test_headers_that_never_finish_end_the_connection(parts, monkeypatch):
    """After ten seconds, of which here are a fifth; others are served meanwhile."""
    monkeypatch.setattr(sockets, "SILENT_S", 0.2)

    async def talk(port, upstream, gateway):
        slow = asyncio.ensure_future(said(port, *parts))
        await asyncio.sleep(0)
        good = await said(port, ONCE)
        return await asyncio.wait_for(slow, 5), good[:12]

    assert serving(talk) == (b"", b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [BODY[:-1], b""])
def test_a_body_that_never_finishes_is_408(sent, monkeypatch):
    """After ten seconds, of which here are a fifth; nothing is sent."""
    monkeypatch.setattr("simroute.live.server.SLOW_S", 0.2)

    async def talk(port, upstream, gateway):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GOOD[: -len(BODY)] + sent)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), len(upstream.bodies)

    assert serving(talk) == (408, 0)


def test_a_connection_too_many_is_closed_and_those_before_it_are_served(monkeypatch):
    """A thousand, of which here are two."""
    monkeypatch.setattr(sockets, "MOST_CONNECTIONS", 2)

    async def talk(port, upstream, gateway):
        first = await asyncio.open_connection("127.0.0.1", port)
        second = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        third = await said(port, GOOD)
        second[1].close()
        first[1].write(GOOD)
        answer = await first[0].readuntil(b"\r\n\r\n")
        fourth = await said(port, ONCE)
        first[1].close()
        return third, answer[:12], fourth[:12]

    assert serving(talk) == (b"", b"HTTP/1.1 200", b"HTTP/1.1 200")
