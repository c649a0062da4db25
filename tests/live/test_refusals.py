"""What a provider refuses, in the words of each company; transports that break their promise."""

import asyncio
import json
import math
from dataclasses import replace

import pytest

from simroute.core import Outcome, Price
from simroute.live import Gateway, GatewayError
from simroute.live.transport import streamed, whole
from simroute.mock.refusals import Refused, error_body
from simroute.worlds.live.answers import failure_word
from upstreams import BOTH, HELLO, PLAIN, Upstream, deployments, http

TOO_LONG = {
    "OpenAI": {"error": {"message": "x", "code": "context_length_exceeded"}},
    "Anthropic": {"error": {"message": "prompt is too long: 205968 tokens > 200000 maximum"}},
    "Google": [
        {
            "error": {
                "code": 400,
                "message": "The input token count (1196265) exceeds the maximum number of tokens "
                "allowed (1048575).",
                "status": "INVALID_ARGUMENT",
            }
        }
    ],
}


@pytest.mark.parametrize("company", TOO_LONG)
def test_a_prompt_that_is_too_long_is_known_in_each_company_s_words(company):
    """In the word of a simulation; it is the caller's own mistake, so nobody else is asked."""
    body, rows = json.dumps(TOO_LONG[company]).encode(), []

    async def main():
        a, b = await Upstream(http(body, "400 Bad Request")).start(), await Upstream().start()
        async with Gateway(BOTH, deployments(a=a, b=b), rows=rows.append) as gateway:
            return await gateway.complete(HELLO), len(b.bodies)

    answer, others = asyncio.run(asyncio.wait_for(main(), 20))
    assert (answer.status, answer.error, answer.body, others) == (400, "context_length", body, 0)
    assert [(row.error, row.cause) for row in rows] == [("context_length", "context length")]


@pytest.mark.parametrize(
    "body",
    [
        b"context_length_exceeded",
        b'["context_length_exceeded"]',
        b'{"error": "prompt is too long"}',
        b'{"error": {"param": "context_length_exceeded"}}',
        b'{"error": {"code": {"context_length_exceeded": 1}}}',
        b'[[{"prompt is too long": 1}]]' + b"[" * 100_000,
        b"[]",
    ],
)
def test_what_only_looks_like_it_is_another_mistake(body):
    """No body of an error raises."""
    assert failure_word(400, "http 400", body) == "http 400"
    assert failure_word(429, "http 429", body) == "http 429"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"details": [{"violations": ["PerDay", {"quotaId": ["PerMinute"]}]}]}}',
        b'{"error": {"details": {"violations": "PerDay"}, "message": "PerDay"}}',
    ],
)
def test_a_quota_of_a_day_is_one_that_is_violated(body):
    """Not one that is spoken of, nor one of a minute."""
    assert failure_word(429, "http 429", body) == "http 429"


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_mistake_of_the_caller_has_the_cause_of_a_simulated_one(status):
    """`workload.invalid` is "client error" there."""
    assert Outcome(status, "a", f"http {status}").cause == Outcome(status, "a", "invalid").cause
    assert Outcome(429, "a", "http 429").cause == "rate limited"


@pytest.mark.parametrize(
    ("provider", "error", "status"),
    [
        ("openai", "insufficient_quota", 429),
        ("google", "insufficient_quota", 429),
        ("openai", "context_length", 400),
        ("anthropic", "context_length", 400),
        ("google", "context_length", 400),
    ],
)
def test_the_words_of_fake_providers_are_known_again(provider, error, status):
    """What the mock says of a simulated refusal is read as that refusal."""
    body = json.dumps(error_body(Refused(provider, status, error, 9, 1.5))).encode()
    assert failure_word(status, f"http {status}", body) == error
    limited = json.dumps(error_body(Refused(provider, 429, "rate_limited", 9, 1.5))).encode()
    assert failure_word(429, "http 429", limited) == "http 429"


# -- transports of one's own -----------------------------------------------------------------------

ANSWER = {"choices": [{"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}]}
FREE = Price(0.0, 0.0)


class Broken:
    """Does to target a what `does` says, and answers for b."""

    def __init__(self, does):
        self.does = does

    async def send(self, call):
        if call.target == "a":
            return self.does(call)
        return whole(call, ANSWER, FREE)


def raises(error):
    def does(call):
        raise error

    return does


ENTRY = {"provider": "p", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
TWO = {
    name: {**ENTRY, "provider": name, "price": {"input": 3.0, "output": 15.0}}
    for name in ("a", "b")
}


@pytest.mark.parametrize(
    ("does", "status", "word"),
    [
        (raises(RuntimeError("secret")), 502, "malformed"),
        (raises(KeyError("secret")), 502, "malformed"),
        (raises(ConnectionResetError("secret")), 503, "connection"),
        (raises(TimeoutError("secret")), 503, "connection"),
        (lambda call: None, 502, "malformed"),
        (lambda call: Outcome(200, "a"), 502, "malformed"),
        (lambda call: replace(whole(call, ANSWER, FREE), usd=math.nan), 502, "malformed"),
        (lambda call: replace(whole(call, ANSWER, FREE), usd=-1.0), 502, "malformed"),
        (lambda call: Outcome(503, "a", usd=math.inf), 502, "malformed"),
    ],
)
def test_a_transport_that_breaks_its_promise_is_an_outcome(does, status, word):
    """One row and one event say so, without what it said; the call goes elsewhere."""
    rows, told = [], []

    async def main(policy):
        sinks = {"rows": rows.append, "events": lambda *event: told.append(event)}
        async with Gateway(policy, TWO, transport=Broken(does), **sinks) as gateway:
            return await gateway.complete(HELLO)

    answer = asyncio.run(asyncio.wait_for(main(PLAIN), 20))
    assert (answer.status, answer.error, answer.usd) == (status, word, 0.0)
    assert [(row.target, row.status, row.nano) for row in rows] == [("a", status, 0)]
    assert [event[2] for event in told] == ["transport_failed"]
    assert "secret" not in repr((told, rows))
    answer = asyncio.run(asyncio.wait_for(main(BOTH), 20))
    assert (answer.status, answer.text, answer.attempts) == (200, "hello", 2)


def test_a_stream_of_a_transport_that_raises_breaks_off():
    """With the status of a cut stream; what came, came."""

    async def chunks():
        yield {"choices": [{"index": 0, "delta": {"content": "one"}, "finish_reason": None}]}
        raise RuntimeError("secret")

    class Cut:
        async def send(self, call):
            outcome = await streamed(call, chunks(), FREE)

            async def fail(rest):
                await rest
                raise RuntimeError("secret")

            return outcome.wrap(fail)

    rows, told = [], []

    async def main():
        sinks = {"rows": rows.append, "events": lambda *event: told.append(event)}
        seen = []
        async with Gateway(PLAIN, TWO, transport=Cut(), **sinks) as gateway:
            try:
                async for chunk in gateway.stream(HELLO):
                    seen.append(chunk.text)
            except GatewayError as error:
                return seen, error.answer.status

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (["one"], 502)
    assert [row.status for row in rows] == [502]
    assert [event[2] for event in told] == ["transport_failed"]
