"""Raw HTTP by curl, to the gateway and to the fake providers."""

import asyncio
import json
import shutil

import pytest

from servers import gateway, mock, run
from upstreams import DONE, HELLO, chunk, stream

pytestmark = [
    pytest.mark.live_clients,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]
BODY = json.dumps(HELLO)
PATH = "/v1/chat/completions"
KIND = ("-H", "Content-Type: application/json")


async def curl(*words, said=b""):
    """What it prints, headers before bodies."""
    there = await asyncio.create_subprocess_exec(
        "curl",
        *("-s", "-i", "-N", "--max-time", "10", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await there.communicate(said)
    return out


def parted(raw):
    """(status, body as JSON) of one answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b" 100 " in head.split(b"\r\n")[0]:
        head, _, body = body.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def asked(*words, served=gateway, path=PATH, **more):
    """One call's status and body, and how many upstreams were asked."""

    async def main():
        async with served() as made:
            url, upstreams = made if isinstance(made, tuple) else (made, {})
            status, body = parted(await curl(*words, f"{url}{path}", **more))
            return status, body, sum(len(each.bodies) for each in upstreams.values())

    return run(main())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--http1.0",),
        ("-H", "Transfer-Encoding: chunked"),
        ("-H", "Expect: 100-continue"),
        ("--http2",),
    ],
)
def test_a_body_may_come_as_http_allows(words):
    """HTTP/1.0, in chunks, after a question whether to, with an offer to change the protocol."""
    status, body, sends = asked(*KIND, *words, "-d", BODY)
    assert (status, sends) == (200, 1)
    assert body["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize(
    ("words", "path", "status"),
    [
        (("-X", "PUT", "-d", BODY), PATH, 405),
        (("-X", "DELETE"), PATH, 405),
        (("-X", "PATCH", "-d", BODY), PATH, 405),
        (("-X", "NONSENSE"), PATH, 400),
        ((), PATH, 405),
        (("-d", BODY), "/v1/completions", 404),
        (("--path-as-is", "-d", BODY), "/../v1/chat/completions", 404),
        (("-d", BODY, "-H", "Content-Encoding: gzip"), PATH, 415),
        (
            (
                "-F",
                "a=b",
            ),
            PATH,
            415,
        ),
        (("-d", BODY[:-1]), PATH, 400),
        (("-d", BODY, "-H", f"X-Long: {'x' * 9000}"), PATH, 431),
        (("-d", BODY, "-H", "Transfer-Encoding: chunked", "-H", "Content-Length: 9"), PATH, 400),
        (("-d", BODY, "-H", "Transfer-Encoding: gzip, chunked"), PATH, 501),
    ],
)
def test_what_is_not_asked_rightly_is_refused_in_openai_s_shape(words, path, status):
    """Methods, paths, kinds, lengths; nothing is sent."""
    kind = () if "-F" in words else KIND
    got, body, sends = asked(*kind, *words, path=path)
    assert (got, sends) == (status, 0)
    assert body["error"]["message"]


def test_requests_in_a_line_are_answered_in_their_order():
    """Three on one connection before the first answer, the second of them wrong."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    bodies = [json.dumps({**HELLO, "user": "one"}), '{"messages": []}', json.dumps(HELLO)]
    raw = "".join(f"{head}Content-Length: {len(each)}\r\n\r\n{each}" for each in bodies)

    async def main():
        async with gateway() as (url, upstreams):
            place = url.replace("http", "telnet")
            out = await curl("-m", "1", place, said=raw.encode())
            return out, [body.get("user") for body in upstreams["a"].bodies]

    out, users = run(main())
    assert [part.split()[0] for part in out.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"200"]
    assert users == ["one", None]


def test_a_stream_comes_as_it_is_made():
    """To a caller of HTTP/1.0, too, whose answer ends with the connection."""
    events = (chunk("one "), chunk("two"), chunk(finish="stop"), DONE)
    asks = json.dumps({**HELLO, "stream": True})

    async def main():
        async with gateway(a=stream(*events)) as (url, _):
            return [
                await curl(*KIND, *version, "-d", asks, f"{url}{PATH}")
                for version in ((), ("--http1.0",))
            ]

    for out in run(main()):
        head, _, body = out.partition(b"\r\n\r\n")
        assert b"text/event-stream" in head
        assert body == b"".join(events)


@pytest.mark.parametrize(
    ("path", "words", "status"),
    [
        ("/gpt-4o/v1/chat/completions", ("-d", BODY), 200),
        ("/gpt-4o/v1/chat/completions", ("--http1.0", "-d", BODY), 200),
        ("/gpt-4o/v1/chat/completions", ("-d", "{"), 400),
        ("/nobody/v1/chat/completions", ("-d", BODY), 404),
        ("/claude-sonnet/v1/messages", ("-d", BODY), 200),
        ("/gpt-4o/v1/messages", ("-d", BODY), 404),
        ("/control", (), 200),
        ("/control", ("-d", '{"outage": {"provider": "nobody"}}'), 400),
        ("/control", ("-d", '{"outage": 3}'), 400),
        ("/nothing", (), 404),
        ("/control", ("-X", "DELETE"), 405),
    ],
)
def test_fake_providers_answer_all_in_json(path, words, status):
    """As the companies do, also where nothing is."""
    got, body, _ = asked(*KIND, *words, served=mock, path=path)
    assert got == status
    assert isinstance(body, dict)
    assert ("error" in body) == (status != 200)
