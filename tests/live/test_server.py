"""The gateway over HTTP, asked by a client that nobody here wrote, and by raw bytes."""

import asyncio
import json
from base64 import b64encode
from contextlib import suppress

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.clients import Clients, new_client, read_clients
from simroute.live.server import Server
from simroute.live.serving import parse_size
from simroute.sockets import Listener, parse_listen
from upstreams import BOTH, DONE, HELLO, PLAIN, USAGE, Upstream, chunk, deployments, http, stream

ANSWER = (chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE)


def serving(talk, policy=PLAIN, clients=None, most_body=10_000_000, is_local=False, **answers):
    """Runs `test(url, session, upstreams)` with a server in front of upstreams by name."""

    async def main():
        upstreams = {
            name: await Upstream(a).start() for name, a in (answers or {"a": None}).items()
        }
        async with Gateway(policy, deployments(**upstreams)) as gateway:
            server = Server(clients or Clients({}), "mine", most_body)
            server.serve(gateway)
            server.is_local = is_local
            listener = Listener(server.app())
            port = await listener.start("127.0.0.1", 0)
            try:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                    return await talk(port, session, upstreams)
            finally:
                await listener.close()

    return asyncio.run(asyncio.wait_for(main(), 30))


def asked(body, path="/v1/chat/completions", policy=PLAIN, headers=None, clients=None, **answers):
    """Status, headers and body of one POST, and what the upstreams were asked."""

    async def talk(port, session, upstreams):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        heads = {"Content-Type": "application/json", **(headers or {})}
        async with session.post(path, data=raw, headers=heads) as response:
            got = b""
            with suppress(aiohttp.ClientPayloadError):  # of a stream that was cut
                async for piece in response.content.iter_any():
                    got += piece
            bodies = [each for upstream in upstreams.values() for each in upstream.bodies]
            return response.status, response.headers, got, bodies

    return serving(talk, policy, clients, **answers)


def test_an_answer_says_who_gave_it_and_what_it_cost():
    """In headers; the body is the provider's."""
    status, headers, got, bodies = asked({**HELLO, "model": "mine", "temperature": 0.3})
    assert status == 200
    assert headers["x-simroute-target"] == "a"
    assert headers["x-simroute-attempts"] == "1"
    assert headers["x-simroute-cache"] == "no"
    assert float(headers["x-simroute-usd"]) == pytest.approx(105e-6)
    assert json.loads(got)["choices"][0]["message"]["content"] == "hello"
    assert bodies == [{**HELLO, "temperature": 0.3, "model": "model-a"}]


def test_a_model_that_is_a_deployment_is_asked_first():
    """And one that is neither policy nor deployment is 404, with what there is."""
    status, headers, *_ = asked({**HELLO, "model": "b"}, policy=BOTH, a=None, b=None)
    assert (status, headers["x-simroute-target"]) == (200, "b")
    status, _, got, bodies = asked({**HELLO, "model": "gpt-9"}, a=None, b=None)
    assert (status, bodies) == (404, [])
    assert "mine, a, b" in json.loads(got)["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"NaN",
        b'{"messages": NaN}',
        b'{"messages": "hello"}',
        b'{"messages": []}',
        b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "api_base": "http://evil"}',
        b'{"messages": [{"role": "user", "content": "x"}], "api_key": "sk"}',
        b'{"messages": [{"role": "user", "content": "x"}], "metadata": {"task": "a\\r\\nb"}}',
        b"[" * 50_000,
    ],
)
def test_a_wrong_body_is_400_and_nothing_is_sent(body):
    """In OpenAI's shape."""
    status, _, got, bodies = asked(body)
    assert (status, bodies) == (400, [])
    assert json.loads(got)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (http(b"secret", "401 Unauthorized"), 502, "upstream 401"),
        (http(b"secret", "529 Overloaded"), 529, "http 529"),
        (http(b"secret", "429 Slow", "Retry-After: 7\r\n"), 429, "http 429"),
        (http(b"<html>"), 502, "malformed"),
    ],
)
def test_a_failure_has_openai_s_shape_and_none_of_the_provider_s_words(said, status, code):
    """A Retry-After is kept."""
    got_status, headers, got, _ = asked(HELLO, a=said)
    assert got_status == status
    assert json.loads(got)["error"]["code"] == code
    assert b"secret" not in got
    assert headers.get("retry-after") == ("7" if status == 429 else None)


def test_a_mistake_of_the_caller_is_told_in_the_provider_s_words():
    """400 with its body."""
    status, _, got, _ = asked(HELLO, a=http(b'{"error": {"message": "too long"}}', "400 Bad"))
    assert (status, json.loads(got)) == (400, {"error": {"message": "too long"}})


def test_a_layer_that_refuses_is_named():
    """A budget of nothing."""
    policy = {"budget": {"usd": 0, "at_limit": "reject"}, "timeout": {"total": "5s"}}
    status, _, got, bodies = asked(HELLO, policy=policy)
    assert (status, json.loads(got)["error"]["code"], bodies) == (402, "budget", [])


def test_a_timeout_is_504():
    """A provider that says nothing."""

    async def silent(reader, writer):
        await reader.read()

    status, _, got, _ = asked(HELLO, policy={"timeout": {"total": "0.2s"}}, a=silent)
    assert (status, json.loads(got)["error"]["code"]) == (504, "timeout")


def test_a_stream_is_the_provider_s_and_a_cut_is_told():
    """The last event of a whole one is [DONE], of a cut one an error, and the connection ends."""
    status, headers, got, _ = asked({**HELLO, "stream": True}, a=stream(*ANSWER))
    assert (status, headers["Content-Type"]) == (200, "text/event-stream")
    assert got == b"".join(event for event in ANSWER if event != USAGE)
    asks = {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    assert asked(asks, a=stream(*ANSWER))[2] == b"".join(ANSWER)
    short = (chunk("one"), chunk(finish="stop"))
    assert asked({**HELLO, "stream": True}, a=stream(*short))[2] == b"".join((*short, DONE))

    async def cut(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    _, headers, got, _ = asked({**HELLO, "stream": True}, a=cut)
    *before, last = got.split(b"data: ")
    assert before == [b"", chunk("one").removeprefix(b"data: ")]
    assert json.loads(last)["error"]["code"] == "truncated"
    assert DONE not in got


def test_only_clients_that_are_known_may_call():
    """401 without a token, with a wrong one, and for the list of models."""
    token, line = new_client("search")
    clients = read_clients({"search": {"sha256": line[-65:-1]}})
    assert asked(HELLO, clients=clients)[0] == 401
    assert asked(HELLO, clients=clients, headers={"Authorization": "Bearer x"})[0] == 401
    assert asked(HELLO, clients=clients, headers={"Authorization": f"Bearer {token}"})[0] == 200

    async def talk(port, session, upstreams):
        async with session.get("/v1/models") as response:
            return response.status

    assert serving(talk, clients=clients) == 401


def test_what_operators_look_at_is_for_clients_where_there_are_some():
    """By a token as callers have it, or as a password; /health and /ready are open, and tell no
    stranger what a file says of clients."""
    token, line = new_client("search")
    clients = read_clients({"search": {"sha256": line[-65:-1]}})
    basic = b64encode(b"anybody:" + token.encode()).decode()
    headers = [{"Authorization": said} for said in (f"Bearer {token}", f"Basic {basic}")]
    strangers = ["", "Basic x", f"Basic {b64encode(b'a:b').decode()}", f"Basic {token}", "Bearer x"]
    headers += [{"Authorization": said} for said in strangers]

    async def talk(port, session, upstreams):
        seen = {}
        for path in ("/", "/?tables", "/status", "/metrics"):
            for header in headers:
                async with session.get(path, headers=header) as response:
                    seen.setdefault(path, []).append(response.status)
                    assert response.status == 200 or (
                        response.headers["WWW-Authenticate"].startswith("Basic ")
                        and (await response.json())["error"]["code"] == "unknown_client"
                    )
        for path in ("/health", "/ready"):
            async with session.get(path) as response:
                seen[path] = response.status
        return seen

    seen = serving(talk, clients=clients)
    assert (seen.pop("/health"), seen.pop("/ready")) == (200, 200)
    assert list(seen.values()) == [[200, 200, 401, 401, 401, 401, 401]] * 4


@pytest.mark.parametrize(("known", "told"), [(True, True), (False, False)])
def test_ready_tells_a_stranger_only_that_something_is_wrong(known, told):
    """Lines of clients.yaml name clients."""
    token, line = new_client("search")
    server = Server(read_clients({"search": {"sha256": line[-65:-1]}}), "mine")
    server.not_reloaded = ("clients.yaml:3: search.sha256: expected 64 digits",)

    async def main():
        async with Gateway(PLAIN, deployments(a=await Upstream().start())) as gateway:
            server.serve(gateway)
            header = {"Authorization": f"Bearer {token if known else 'x'}"}
            request = make_mocked_request("GET", "/ready", header)
            return (await server.ready(request)).text

    assert ("sha256" in asyncio.run(main())) is told


def test_other_paths_methods_sizes_and_kinds_are_refused_in_the_same_shape():
    """404, 405, 413, 415."""

    async def talk(port, session, upstreams):
        seen = []
        for method, path, more in (
            ("GET", "/v1/embeddings", {}),
            ("GET", "/v1/chat/completions", {}),
            ("POST", "/v1/chat/completions", {"data": b"x" * 2000}),
            ("POST", "/v1/chat/completions", {"data": "x", "headers": {"Content-Type": "text/x"}}),
            ("OPTIONS", "/v1/chat/completions", {"headers": {"Origin": "http://evil"}}),
        ):
            headers = {"Content-Type": "application/json", **more.get("headers", {})}
            async with session.request(method, path, data=more.get("data"), headers=headers) as r:
                assert "error" in await r.json()
                assert "Access-Control-Allow-Origin" not in r.headers
                seen.append(r.status)
        return seen, upstreams["a"].bodies

    assert serving(talk, most_body=1000) == ([404, 405, 413, 415, 405], [])


def test_a_caller_who_goes_away_ends_what_was_asked_for_him():
    """The provider's connection is closed within a tenth of a second."""

    async def talk(port, session, upstreams):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps(HELLO).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        while not upstreams["a"].bodies:
            await asyncio.sleep(0.01)
        writer.close()
        for _ in range(100):
            if upstreams["a"].closed:
                return True
            await asyncio.sleep(0.01)
        return False

    async def silent(reader, writer):
        await reader.readexactly(1)

    assert serving(talk, a=silent)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", ":80", "127.0.0.1:x", "127.0.0.1:99999"])
def test_an_address_to_listen_on_has_a_host_and_a_port(text):
    """HOST:PORT."""
    with pytest.raises(InputError, match="HOST:PORT"):
        parse_listen(text)
    assert parse_listen("[::1]:80") == ("::1", 80)


def test_sizes_are_written_with_their_units():
    """10MB is ten million bytes."""
    assert [parse_size(text) for text in ("10MB", "3kB", "7")] == [10_000_000, 3000, 7]
    with pytest.raises(InputError):
        parse_size("ten")


def test_a_cut_stream_s_connection_is_not_used_again():
    """The caller's next request has another one, and an answer."""

    async def cut(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()

    async def talk(port, session, upstreams):
        statuses = []
        for _ in range(5):
            upstreams["a"].answer = cut
            async with session.post("/v1/chat/completions", json={**HELLO, "stream": True}) as r:
                with suppress(aiohttp.ClientPayloadError):
                    await r.read()
            upstreams["a"].answer = http(json.dumps({"choices": [{"message": {}}]}).encode())
            async with session.post("/v1/chat/completions", json=HELLO) as response:
                statuses.append(response.status)
        return statuses

    assert serving(talk) == [200] * 5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Authorization": "Bearer \udcff"}, 200),
    ],
)
def test_what_a_page_of_another_site_may_send_is_refused(headers, status):
    """All but JSON needs no leave; a header that is no text is nobody's token."""
    assert asked(HELLO, headers=headers)[0] == status


def test_callers_of_this_machine_ask_for_it_by_its_own_name():
    """A name that somebody has pointed at it is refused."""

    async def talk(port, session, upstreams):
        statuses = []
        for host in ("127.0.0.1", "localhost", "evil.example"):
            async with session.get("/status", headers={"Host": f"{host}:{port}"}) as response:
                statuses.append(response.status)
        return statuses

    assert serving(talk, is_local=True) == [200, 200, 403]


def test_what_is_typed_wrongly_on_the_wire_is_not_quoted(capfd):
    """No header, body or traceback on the server's stderr."""

    async def talk(port, session, upstreams):
        for raw in (
            b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\x00\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nsecret",
            b"\x16\x03\x01secret",
        ):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            await asyncio.sleep(0.05)
            writer.close()

    serving(talk)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
