"""Known ways to harm a gateway: each item of the area "gateway" of bad_inputs.json."""

import asyncio
import json
import zlib
from inspect import signature

import pytest

from raw_calls import HEAD, ONCE, said, serving
from simroute.live import Gateway, GatewayError
from simroute.live.bodies import read_request
from simroute.live.clients import Clients
from simroute.live.log import RowLog
from simroute.live.server import Server
from simroute.sockets import Listener
from simroute.worlds.live.answers import MOST_WAIT
from upstreams import HELLO, PLAIN, Upstream, chunk, deployments, http, stream, whole

BREAKS = {"breaker": {"failures": 1, "cooldown": "60s"}, "timeout": {"total": "5s"}}


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def ends(raw):
    """An answer after which the provider hangs up."""

    async def answer(reader, writer):
        writer.write(raw)
        await writer.drain()
        writer.close()

    return answer


async def with_gateway(use, policy=PLAIN, answer=None, **options):
    """What `use(gateway, upstream)` returns."""
    a = await Upstream(answer).start()
    async with Gateway(policy, deployments(a=a), **options) as gateway:
        return await use(gateway, a)


def slowloris(monkeypatch):
    """Closed after ten seconds, of which here are a fiftieth; others are served meanwhile."""
    monkeypatch.setattr("simroute.sockets.SILENT_S", 0.2)

    async def talk(port, a, gateway):
        slow = [
            asyncio.ensure_future(said(port, b"POST / HT")),
            asyncio.ensure_future(said(port, *(b"%c" % byte for byte in HEAD[:60]))),
        ]
        good = await said(port, ONCE)
        return [await each for each in slow], good[:12], len(a.bodies)

    assert serving(talk) == ([b"", b""], b"HTTP/1.1 200", 1)


def oversized():
    """413 on the strength of its length, or as soon as there is more than may be."""

    async def talk(port, a, gateway):
        told = HEAD + b"Content-Length: 200000000\r\n\r\n" + b"x" * 1000
        untold = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"7d0\r\n" + b"x" * 2000 + b"\r\n"
        statuses = []
        for raw in (told, untold):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(int(head.split()[1]))
            writer.close()
        return statuses, len(a.bodies)

    assert serving(talk, most_body=1000) == ([413, 413], 0)


def proxies(monkeypatch):
    """Not used: the proxy named there is nobody's address."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert run(with_gateway(lambda gateway, a: gateway.complete(HELLO))).status == 200


def keys(monkeypatch, tmp_path, capfd):
    """None of five planted secrets is in a log, a page, an error, a row or a repr."""
    planted = {name: f"PLANTED{name}" for name in ("KEY", "HEADER", "TOKEN", "QUERY", "PROMPT")}
    monkeypatch.setenv("SIMROUTE_KEY", planted["KEY"])
    monkeypatch.setenv("SIMROUTE_HEADER", planted["HEADER"])
    quotes = http(json.dumps(planted).encode(), "401 Unauthorized")

    async def main():
        a = await Upstream(quotes).start()
        entries = deployments(a=a)
        entries["a"] |= {"api_key_env": "SIMROUTE_KEY"}
        entries["a"] |= {"headers": {"x-api-key": "env:SIMROUTE_HEADER"}}
        server = Server(Clients({}), "mine")
        gateway = Gateway(
            BREAKS,
            entries,
            rows=server.watch_attempt,
            requests=server.watch_request,
            events=server.watch_event,
            state=tmp_path / "s.sqlite",
        )
        server.serve(gateway)
        server.log = RowLog(tmp_path / "log", lambda: gateway.serving.fleet.targets, 0.0)
        listener = Listener(server.app())
        port = await listener.start("127.0.0.1", 0)
        body = json.dumps({"messages": [{"role": "user", "content": planted["PROMPT"]}]}).encode()
        secret = f"Authorization: Bearer {planted['TOKEN']}\r\napi-key: {planted['TOKEN']}\r\n"
        raw = (
            f"POST /v1/chat/completions?key={planted['QUERY']} HTTP/1.1\r\nHost: x\r\n{secret}"
            f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        async with gateway:
            answers = [await said(port, raw.encode() + b"\r\n\r\n" + body) for _ in range(2)]
            for path in ("/status", "/metrics", "/", "/v1/models", f"/{planted['QUERY']}"):
                line = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{secret}\r\n"
                answers.append(await said(port, line.encode()))
            answers.append(await said(port, b"POST / HTTP/9\r\n" + secret.encode() + b"\r\n"))
            told = repr([gateway, vars(gateway), vars(gateway.serving), server, vars(server)])
        await listener.close()
        server.log.close()
        return answers, told, a.heads[0].decode()

    answers, told, sent = run(main())
    assert f"Bearer {planted['KEY']}" in sent
    assert planted["HEADER"] in sent
    assert answers[0].startswith(b"HTTP/1.1 502")
    assert answers[1].startswith(b"HTTP/1.1 503")
    printed = capfd.readouterr()
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"PLANTED" not in b"".join(answers) + files
    assert "PLANTED" not in told + printed.out + printed.err


def cache_keys():
    """Parts that only together are the same, and numbers that Python calls equal, differ; the order
    of keys does not matter."""

    def key(client="", **more):
        return read_request({**HELLO, **more}, 0, 0.0, client).key

    parts = [
        key(messages=[{"role": "user", "content": first}, {"role": "user", "content": second}])
        for first, second in (("ab", "c"), ("a", "bc"), ("abc", ""))
    ]
    numbers = [key(n=value) for value in (1, 1.0, True, "1")]
    clients = [key(client) for client in ("", "a", "b")]
    assert len({*parts, *numbers, *clients}) == 10
    assert key(a={"x": 1, "y": 2}, b=3) == key(b=3, a={"y": 2, "x": 1})


def goes_away():
    """Slot and permit are given back, what came is billed, and the breaker hears of no failure: of
    a trial neither."""
    rows, events = [], []

    async def begun(reader, writer):
        writer.write(stream(chunk("12345678"), ends=False))
        await reader.read()

    async def use(gateway, a):
        async def leave():
            pieces = gateway.stream(HELLO)
            await anext(pieces)
            await pieces.aclose()

        for _ in range(3):
            await leave()
        a.answer = http(b"no", "503 Down")
        assert (await gateway.complete(HELLO)).status == 503
        await asyncio.sleep(0.15)
        a.answer = begun
        await leave()  # as a trial
        a.answer = whole()
        after = (await gateway.complete(HELLO)).status
        return after, a.closed, gateway.serving.transport.pools["a"].slots.busy

    policy = {"breaker": {"failures": 1, "cooldown": "0.1s"}, "timeout": {"total": "5s"}}
    told = with_gateway(use, policy, begun, rows=rows.append, events=lambda *e: events.append(e[2]))
    assert run(told) == (200, 4, 0)
    assert [row.status for row in rows] == [499, 499, 499, 503, 499, 200]
    assert {row.nano for row in rows if row.status == 499} == {1 * 3000 + 2 * 15_000}
    assert events == ["opened", "half_opened", "closed"]


def lies():
    """Waits are bounded, what is no answer is a failure, and what does not end is cut."""
    for said_wait, seconds in (("999999999", MOST_WAIT), ("-5", 0.0), ("soon", None)):
        slow = http(b"no", "429 Slow", f"Retry-After: {said_wait}\r\n")
        answer = run(with_gateway(lambda gateway, a: gateway.complete(HELLO), answer=slow))
        assert (answer.status, answer.retry_after) == (429, seconds)
    for raw, status in (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + whole().split(b"\r\n\r\n")[1], 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + whole().split(b"\r\n\r\n")[1], 502),
        (http(b"<html>", kind="text/html"), 502),
    ):
        answer = run(with_gateway(lambda gateway, a: gateway.complete(HELLO), answer=ends(raw)))
        assert answer.status == status

    async def endless(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk("x")), chunk("x")))
            await writer.drain()
            await asyncio.sleep(0.01)

    async def read(gateway, a):
        with pytest.raises(GatewayError) as error:
            [piece async for piece in gateway.stream(HELLO)]
        return error.value.answer.status

    policy = {"timeout": {"total": "0.5s"}}
    assert run(with_gateway(read, policy, endless)) == 408


def bomb():
    """300 MB of zeros are not unpacked: a failure at once, whole or streamed."""
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    for kind in ("application/json", "text/event-stream"):
        raw = http(packed, headers="Content-Encoding: gzip\r\n", kind=kind)
        whole_one = run(with_gateway(lambda gateway, a: gateway.complete(HELLO), answer=raw))
        assert (whole_one.status, whole_one.error) == (502, "encoded")


def repeats():
    """Nothing is sent twice by itself, whatever the failure: that is what layers are for."""
    body = {**HELLO, "store": True, "tools": [{"type": "function", "function": {"name": "pay"}}]}
    for raw in (http(b"no", "503 Down"), b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"):

        async def use(gateway, a):
            answer = await gateway.complete(body)
            return answer.status, answer.attempts, len(a.bodies)

        status, *times = run(with_gateway(use, answer=ends(raw)))
        assert status in (502, 503)
        assert times == [1, 1]


def clock_jumps():
    """An hour back, and an hour on: the breaker stays open, and closes after its own time."""
    clock = [1_790_000_000.0]

    async def use(gateway, a):
        statuses = [(await gateway.complete(HELLO)).status]
        a.answer = whole()
        for jump in (-3600.0, 7200.0):
            clock[0] += jump
            statuses.append((await gateway.complete(HELLO)).status)
        await asyncio.sleep(0.35)
        statuses.append((await gateway.complete(HELLO)).status)
        return statuses, len(a.bodies)

    policy = {"breaker": {"failures": 1, "cooldown": "0.3s"}, "timeout": {"total": "5s"}}
    policy = {"budget": {"usd": 1.0, "period": "day"}, **policy}
    told = with_gateway(use, policy, http(b"no", "503 Down"), clock=lambda: clock[0])
    assert run(told) == ([503, 503, 503, 200], 2)


CHECKS = {
    "G01": slowloris,
    "G03": oversized,
    "G09": proxies,
    "G10": keys,
    "G14": cache_keys,
    "G15": goes_away,
    "G16": lies,
    "G17": bomb,
    "G18": repeats,
    "G19": clock_jumps,
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_known_way_to_harm_a_gateway_does_not(name, request):
    """What is expected stands in bad_inputs.json, and at each check."""
    check = CHECKS[name]
    check(*(request.getfixturevalue(each) for each in signature(check).parameters))


def test_each_item_has_a_check(shared):
    """And no check is of an item that is gone."""
    items = json.loads((shared / "vectors" / "bad_inputs.json").read_text())["inputs"]
    assert {item["id"] for item in items if item["area"] == "gateway"} == set(CHECKS)
