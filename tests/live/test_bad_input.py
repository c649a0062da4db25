"""What providers, callers, set-ups and sinks may do wrong, as far as it is not tested where it is
read."""

import asyncio
import json
import os
import socket
from dataclasses import dataclass

import pytest

from raw_calls import BODY, HEAD, said, serving
from simroute.core import layer
from simroute.errors import InputError
from simroute.live import Gateway, GatewayError
from simroute.live.deployments import read_fleet
from simroute.live.log import RowLog
from upstreams import BOTH, DONE, HELLO, PLAIN, Upstream, chunk, deployments, http, stream, whole


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def with_usage(usage):
    """An answer that says so of its usage, whatever JSON may say."""
    text = '{"choices": [{"message": {"content": "four"}, "finish_reason": "stop"}], "usage": %s}'
    return http((text % usage).encode())


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        ('{"prompt_tokens": 1e999, "completion_tokens": 5}', None),
        ('{"prompt_tokens": -1, "completion_tokens": 5}', None),
        ('{"prompt_tokens": 10, "completion_tokens": -1e999}', None),
        ('{"prompt_tokens": "10", "completion_tokens": 5}', None),
        ('{"prompt_tokens": 1e15, "completion_tokens": 5}', None),
        ('{"prompt_tokens": 10, "completion_tokens": 1' + "0" * 400 + "}", None),
        ('"none"', None),
        ("null", None),
        ("{}", None),
        ('{"prompt_tokens": null, "completion_tokens": 5}', 75_000),
    ],
)
def test_a_usage_that_cannot_be_is_estimated_and_the_answer_kept(usage, nano):
    """A token was sent and one came, by their characters: 3,000 + 15,000 nano-dollars."""
    rows = []

    async def main():
        a = await Upstream(with_usage(usage)).start()
        async with Gateway(PLAIN, deployments(a=a), rows=rows.append) as gateway:
            return (await gateway.complete(HELLO)).text

    assert run(main()) == "four"
    estimated = nano is None
    assert [(row.nano, row.estimated) for row in rows] == [(nano or 18_000, estimated)]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_word_for_is_no_answer(constant):
    """As everywhere else in it."""

    async def main():
        said = with_usage(f'{{"prompt_tokens": {constant}, "completion_tokens": 5}}')
        async with Gateway(PLAIN, deployments(a=await Upstream(said).start())) as gateway:
            return (await gateway.complete(HELLO)).status

    assert run(main()) == 502


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    """To another host, which hears nothing: no key, and no prompt."""

    async def main():
        b = await Upstream().start()
        moved = http(b"", f"{status} Moved", f"Location: {b.url}/chat/completions\r\n")
        a = await Upstream(moved).start()
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            answer = await gateway.complete(HELLO)
        return answer.status, answer.error, len(a.bodies), b.heads

    assert run(main()) == (502, f"upstream {status}", 1, [])


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nno",
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_odd_status_goes_to_the_next_target(raw, streamed):
    """Which answers; the connection that carried it is not used for another call."""

    async def main():
        a = await Upstream(raw).start()
        events = (chunk("hello"), chunk(finish="stop"), DONE)
        b = await Upstream(stream(*events) if streamed else whole()).start()
        rows = []
        async with Gateway(BOTH, deployments(a=a, b=b), rows=rows.append) as gateway:
            if streamed:
                text = "".join([piece.text async for piece in gateway.stream(HELLO)])
            else:
                text = (await gateway.complete(HELLO)).text
        return text, [row.status for row in rows]

    assert run(main()) == ("hello", [502, 200])


def test_an_answer_without_text_is_an_answer_and_not_kept():
    """`content_filter` says nothing, and may say something the next time."""
    said = http(b'{"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}')

    async def main():
        a = await Upstream(said).start()
        policy = {"cache": {"any_temperature": True}, **PLAIN}
        async with Gateway(policy, deployments(a=a)) as gateway:
            answers = [await gateway.complete(HELLO) for _ in range(2)]
        return [(each.status, each.text, each.cached) for each in answers], len(a.bodies)

    assert run(main()) == ([(200, "", "no")] * 2, 2)


def test_a_line_without_an_end_cuts_a_stream_that_has_begun():
    """Two MiB of it; what had come is handed on."""

    async def long(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        await writer.drain()
        await asyncio.sleep(0.05)
        line = b"data: " + b"x" * (1 << 21)
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        await writer.drain()
        await reader.read()

    async def main():
        text = ""
        async with Gateway(PLAIN, deployments(a=await Upstream(long).start())) as gateway:
            try:
                async for piece in gateway.stream(HELLO):
                    text += piece.text
            except GatewayError as error:
                return text, error.answer.status

    assert run(main()) == ("one", 502)


PATHS = ("/", "/health", "/ready", "/status", "/metrics", "/v1/models", "/v1/chat/completions")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_method_but_one_changes_anything(method):
    """Nothing is sent, nothing is counted, and no other site is given leave; what is refused is
    refused in OpenAI's shape."""

    async def talk(port, a, gateway):
        seen = []
        for path in PATHS:
            length = b"Content-Length: %d\r\n\r\n" % len(BODY)
            head = HEAD.replace(b"POST /v1/chat/completions", f"{method} {path}".encode())
            more = b"Origin: http://evil\r\nConnection: close\r\n"
            got = await said(port, head + more + length + BODY)
            text, _, rest = got.partition(b"\r\n\r\n")
            status = int(text.split()[1])
            assert b"access-control" not in text.lower()
            if status >= 400 and method != "HEAD":
                assert json.loads(rest)["error"]["message"]
            seen.append(status)
        return seen, a.heads, gateway.in_flight

    reads = method in ("GET", "HEAD")
    assert serving(talk) == ([200 if reads else 405] * 6 + [405], [], 0)


@pytest.mark.parametrize(
    "more", [{"base_url": "http://evil"}, {"api_base": "http://evil"}, {"api_key": "sk"}]
)
def test_a_caller_does_not_say_where_or_with_which_key(more):
    """400, and nothing is sent."""

    async def talk(port, a, gateway):
        body = json.dumps({**HELLO, **more}).encode()
        close = HEAD.replace(b"Host", b"Connection: close\r\nHost")
        got = await said(port, close + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return int(got.split()[1]), a.heads

    assert serving(talk) == (400, [])


@pytest.mark.parametrize(
    ("private", "addresses", "tried"),
    [
        (False, [["127.0.0.1"]], []),
        (True, [["127.0.0.1"]], ["127.0.0.1"]),
        (False, [["169.254.169.254", "10.0.0.1", "::1"]], []),
        (False, [["8.8.8.8", "127.0.0.1"]], ["8.8.8.8"]),
        (False, [["8.8.8.8"], ["127.0.0.1"]], ["8.8.8.8"]),  # another answer when asked again
    ],
)
def test_a_host_is_connected_to_where_it_may_be_only(monkeypatch, private, addresses, tried):
    """A name that resolves to an address inside a network needs `private: true`; what was looked up
    is what is connected to."""
    answers, connected = iter(addresses), []

    async def main():
        a = await Upstream().start()
        loop = asyncio.get_running_loop()

        async def getaddrinfo(host, port, **_):
            assert host == "provider.example"
            kinds = {True: socket.AF_INET6, False: socket.AF_INET}
            return [
                (kinds[":" in each], socket.SOCK_STREAM, 6, "", (each, port))
                for each in next(answers)
            ]

        async def connect(sock, address):
            connected.append(address[0])
            if address[0] != "127.0.0.1":
                raise OSError("no route")
            await sock_connect(sock, address)

        sock_connect = loop.sock_connect
        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "sock_connect", connect)
        entries = deployments(a=a)
        entries["a"] |= {
            "base_url": a.url.replace("127.0.0.1", "provider.example"),
            "insecure": True,
            "private": private,
        }
        async with Gateway(PLAIN, entries) as gateway:
            return (await gateway.complete(HELLO)).status, len(a.bodies)

    assert run(main()) == ((200, 1) if private else (503, 0))
    assert connected == tried


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one deployment"),
        ("# nothing\n", "at least one deployment"),
        ("[]\n", "a mapping of keys"),
        ("a: {provider: x, model: m}\na: {provider: y, model: n}\n", "a"),
        ("a: 3\n", "a"),
        ("\tb: 3\n", "tab"),
    ],
)
def test_a_file_of_deployments_that_is_none_is_told_in_a_line(tmp_path, text, says):
    """Empty, a list, two of one name."""
    path = tmp_path / "d.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as error:
        read_fleet(path)
    assert len(error.value.lines) == 1


def fail(*_):
    raise OSError("secret")


async def fail_to_judge(call, outcome):
    raise OSError("secret")


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ({"rows": fail}, ["row_lost"]),
        ({"requests": fail}, ["row_lost"]),
        ({"rows": fail, "requests": fail, "events": fail}, []),
        ({"judge": fail_to_judge}, ["judge_failed"]),
    ],
)
def test_a_sink_or_judge_that_raises_costs_no_answer(options, events):
    """It arrives, and one event says which kind of error it was, not what it said."""
    told = []
    options = {"events": lambda *event: told.append(event), **options}
    policy = {"cascade": {"cheap": "a", "strong": "b"}, **PLAIN} if "judge" in options else PLAIN

    async def main():
        a, b = await Upstream().start(), await Upstream().start()
        async with Gateway(policy, deployments(a=a, b=b), **options) as gateway:
            return (await gateway.complete(HELLO)).status

    assert run(main()) == 200
    assert [event[2] for event in told if event[2] in ("row_lost", "judge_failed")] == events
    assert "secret" not in repr(told)


@layer("raises_behind")
@dataclass
class RaisesBehind:
    """Its background raises."""

    async def __call__(self, call, send, world):
        return await send(call)

    async def background(self, send, world):
        raise OSError("secret")


def test_a_background_that_raises_is_told_and_costs_no_answer():
    """By the kind of its error; it does not begin again."""
    told = []

    async def main():
        policy = {"raises_behind": RaisesBehind(), **PLAIN}
        entries = deployments(a=await Upstream().start())
        async with Gateway(policy, entries, events=lambda *event: told.append(event)) as gateway:
            await asyncio.sleep(0)
            return [(await gateway.complete(HELLO)).status for _ in range(2)]

    assert run(main()) == [200, 200]
    assert [(event[2], event[-1]) for event in told] == [
        ("background_failed", {"error": "OSError"})
    ]


def test_a_pipe_in_the_place_of_a_log_s_salt_is_refused_at_once(tmp_path):
    """It would be waited for."""
    os.mkfifo(tmp_path / ".salt")
    with pytest.raises(InputError, match=r"--log.*read only once"):
        RowLog(tmp_path, dict, 0.0)
