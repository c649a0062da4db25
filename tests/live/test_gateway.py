"""The same policy objects, built from the packaged YAML, in front of two real HTTP servers on
loopback."""

import asyncio
import json

import pytest
from aiohttp import web

import simroute as sr
from simroute.live import GatewayError
from simroute.worlds.live.answers import retry_after

KEY = "sk-planted-secret"


class Provider:
    """An OpenAI-compatible server whose mood can be set."""

    def __init__(self):
        self.mood, self.calls, self.keys, self.dropped = "ok", 0, [], 0

    async def start(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/v1"

    async def answer(self, request):
        self.calls += 1
        self.keys.append(request.headers.get("Authorization", ""))
        body = await request.json()
        if self.mood == "down":
            return web.json_response(
                {"error": "overloaded"}, status=503, headers={"Retry-After": "0"}
            )
        if self.mood == "nonsense":
            return web.Response(text="<html>")
        if not body.get("stream"):
            message = {
                "choices": [{"message": {"content": f"hello from {body['model']}"}}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5},
            }
            return web.json_response(message)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for word in ("one ", "two ", "three"):
                await response.write(
                    b"data: "
                    + json.dumps({"choices": [{"delta": {"content": word}}]}).encode()
                    + b"\n\n"
                )
                await asyncio.sleep(0.01 if self.mood != "slow" else 0.5)
                if self.mood == "cut" and word == "two ":
                    request.transport.close()
                    return response
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            await response.write(b"data: " + json.dumps(end).encode() + b"\n\n")
            tail = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}}
            await response.write(b"data: " + json.dumps(tail).encode() + b"\n\ndata: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.dropped += 1
            raise
        return response


def served(test, policy="circuit_breaker"):
    """Run `test(gateway, a, b, rows)` in front of two servers."""

    async def main():
        a, b, rows = Provider(), Provider(), []
        await a.start()
        await b.start()
        price = {"input": 1.0, "output": 2.0}
        deployments = {
            "a": {
                "provider": "anthropic",
                "model": "model-a",
                "base_url": a.url,
                "price": price,
                "api_key_env": "SIMROUTE_TEST_KEY",
            },
            "b": {"provider": "openai", "model": "model-b", "base_url": b.url, "price": price},
        }
        try:
            async with sr.live.Gateway(
                policy=policy, deployments=deployments, rows=rows.append
            ) as gateway:
                await test(gateway, a, b, rows)
                assert KEY not in repr(vars(gateway)) + repr(rows)
        finally:
            await a.runner.cleanup()
            await b.runner.cleanup()

    asyncio.run(asyncio.wait_for(main(), 30))


HELLO = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """A key that must turn up at the provider and nowhere else."""
    monkeypatch.setenv("SIMROUTE_TEST_KEY", KEY)


def test_when_one_provider_answers_503_every_request_is_answered_and_the_breaker_opens():
    """After three failures the failing server is not called again."""

    async def test(gateway, a, b, rows):
        first = await gateway.complete(HELLO)
        assert (first.text, first.target, first.status) == ("hello from model-a", "a", 200)
        assert first.usd == pytest.approx((10 * 1.0 + 5 * 2.0) / 1e6)
        assert a.keys == [f"Bearer {KEY}"]
        a.mood = "down"
        answers = [await gateway.complete(HELLO) for _ in range(8)]
        assert {answer.text for answer in answers} == {"hello from model-b"}
        called = a.calls
        assert called < 8
        await gateway.complete(HELLO)
        assert a.calls == called
        assert {row.status for row in rows if row.target == "a"} == {200, 503}

    served(test)


def test_a_streamed_answer_comes_piece_by_piece_and_fails_over_before_its_first_token():
    """Three pieces from B, when A is down."""

    async def test(gateway, a, b, rows):
        a.mood = "down"
        text = "".join([chunk.text async for chunk in gateway.stream(HELLO)])
        assert text == "one two three"
        assert rows[-1].target == "b"
        assert rows[-1].output_tokens == 3

    served(test)


def test_a_stream_that_breaks_off_is_truncated_and_cannot_be_repaired():
    """Two pieces, then an error; B is not asked."""

    async def test(gateway, a, b, rows):
        a.mood = "cut"
        pieces = []

        async def read():
            async for piece in gateway.stream(HELLO):
                pieces.append(piece.text)

        with pytest.raises(GatewayError, match="truncated"):
            await read()
        assert "".join(pieces) == "one two "
        assert b.calls == 0
        assert [(row.target, row.error) for row in rows] == [("a", "truncated")]

    served(test)


def test_a_caller_who_goes_away_closes_the_provider_s_stream():
    """The row says 499, abandoned, and the breaker does not count it."""

    async def test(gateway, a, b, rows):
        a.mood = "slow"
        stream = gateway.stream(HELLO)
        assert (await anext(stream)).text == "one "
        await stream.aclose()
        await asyncio.sleep(0.7)
        assert [(row.status, row.abandoned) for row in rows] == [(499, True)]
        a.mood = "ok"
        assert (await gateway.complete(HELLO)).target == "a"

    served(test)


def test_an_answer_that_is_no_json_and_a_server_that_is_gone_are_outcomes():
    """Malformed from A, then nobody at A: B answers both."""

    async def test(gateway, a, b, rows):
        a.mood = "nonsense"
        assert (await gateway.complete(HELLO)).target == "b"
        await a.runner.cleanup()
        assert (await gateway.complete(HELLO)).target == "b"
        assert [row.error for row in rows if row.target == "a"][-1] == "refused"

    served(test, "failover")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "999999999"}, 3600.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "soon"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:27:30 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2015 08:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_clamped_and_nonsense_is_ignored(headers, seconds):
    """RFC 9110 §10.2.3, Azure's milliseconds, and what providers send by mistake."""
    assert retry_after(headers) == seconds
