"""What fake providers say on the wire: as each company says it, and as the scenario has it."""

import asyncio
import json
import re
from datetime import datetime

import aiohttp
import pytest

from simroute.config.loading import load
from simroute.mock.fast_loop import run_still
from simroute.mock.realtime import Providers
from simroute.mock.refusals import Refused, error_body, go_duration, rfc3339
from simroute.mock.server import MockServer
from simroute.sockets import Listener

NOW = 1_700_000_000.0
"""14 November 2023, 22:13:20 UTC."""
PRICE = "price: {input: 1, output: 2}"


def deployment(provider, **said):
    """A scenario of one deployment, `a`, at this company; said: further keys, as YAML."""
    more = "".join(f", {key}: {value}" for key, value in said.items())
    return [
        "scenario.horizon=60s",
        "scenario.outages={}",
        f"scenario.deployments={{a: {{provider: {provider}, model: m, {PRICE}{more}}}}}",
    ]


class Said:
    """One answer. Its body is None where the connection ended without any; is_whole: whether it
    ended as HTTP says."""

    def __init__(self, status=None, headers=None, body=None, is_whole=False):
        self.status, self.headers, self.body, self.is_whole = status, headers, body, is_whole

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        lines = self.body.decode().split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def spoken(words, ask):
    """What `ask(post, control)` returns, of fake providers in virtual time on sockets."""

    async def main():
        configuration = load("mock", "steady", ["direct"], words, 3, 1)
        providers = Providers(configuration, "direct")
        front = Listener(MockServer(providers, 0.05, lambda: NOW).app())
        address = f"http://127.0.0.1:{await front.start('127.0.0.1', 0)}"
        patience = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(address, timeout=patience) as session:

            async def post(path="/a/v1/chat/completions", headers=None, **body):
                given = {"messages": [{"role": "user", "content": "hello"}], **body}
                return await sent(session, path, headers, given)

            async def control(body, headers=None):
                return await sent(session, "/control", headers, body)

            answer = await ask(post, control)
        await front.close()
        return answer

    return run_still(main())


async def sent(session, path, headers, given):
    """Posts; a JSON text is sent as it is."""
    data = given if isinstance(given, str) else json.dumps(given)
    try:
        async with session.post(path, data=data, headers=headers) as response:
            body = b""
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except aiohttp.ClientError:
                return Said(response.status, response.headers, body)
            return Said(response.status, response.headers, body, True)
    except aiohttp.ClientError:
        return Said()


def twice(**body):
    async def ask(post, control):
        return await post(**body), await post(**body)

    return ask


def once(**body):
    async def ask(post, control):
        return await post(**body)

    return ask


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.12, "120ms"),
        (1.0, "1s"),
        (7.66, "7.66s"),
        (179.56, "2m59.56s"),
        (360.0, "6m0s"),
        (3600.0, "1h0m0s"),
    ],
)
def test_a_duration_is_written_as_openai_and_groq_write_it(seconds, text):
    """Their documentation's own examples."""
    assert go_duration(seconds) == text


def test_a_date_is_never_before_the_moment():
    """RFC 3339, to the second."""
    assert rfc3339(NOW) == "2023-11-14T22:13:20Z"
    assert rfc3339(NOW + 0.001) == "2023-11-14T22:13:21Z"


LIMITS = "{rpm: 1, tpm: 600000, rpd: 100}"
WORDS, KINDS = ("limit", "remaining", "reset"), ("requests", "tokens")
OPENAI = {f"x-ratelimit-{word}-{kind}" for word in WORDS for kind in KINDS}
ANTHROPIC = {f"anthropic-ratelimit-{kind}-{word}" for word in WORDS for kind in KINDS}
AZURE = {f"x-ratelimit-remaining-{kind}" for kind in KINDS}


@pytest.mark.parametrize(
    ("provider", "names"),
    [
        ("openai", OPENAI),
        ("anthropic", ANTHROPIC),
        ("groq", OPENAI),
        ("azure", AZURE),
        ("google", set()),
    ],
)
def test_each_company_tells_its_limits_in_its_own_spelling(provider, names):
    """Of an answer, and of the refusal that follows it at one request a minute."""
    answered, refused = spoken(deployment(provider, limits=LIMITS), twice())
    assert (answered.status, refused.status) == (200, 429)
    for said in (answered, refused):
        told = {name.lower() for name in said.headers if "ratelimit" in name.lower()}
        assert told == names
    wait = int(refused.headers["retry-after"])
    assert 50 <= wait <= 60
    assert wait - 1 < int(refused.headers["retry-after-ms"]) / 1000 <= wait
    if provider == "anthropic":
        assert "retry-after" in refused.headers
        reset = refused.headers["anthropic-ratelimit-requests-reset"]
        seconds = datetime.fromisoformat(reset).timestamp() - NOW
        assert seconds == pytest.approx(wait, abs=1.0)
    if provider == "openai":
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert re.fullmatch(r"\d+(\.\d+)?s", refused.headers["x-ratelimit-reset-requests"])
    if provider == "groq":  # requests are a day's: two have come, and one was let in
        assert refused.headers["x-ratelimit-limit-requests"] == "100"
        assert refused.headers["x-ratelimit-remaining-requests"] == "99"
        assert refused.headers["x-ratelimit-limit-tokens"] == "600000"


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "status", "error", "said"),
    [
        ("openai", 429, "rate_limited", ("error", "code", "rate_limit_exceeded")),
        ("openai", 429, "insufficient_quota", ("error", "type", "insufficient_quota")),
        ("openai", 400, "context_length", ("error", "code", "context_length_exceeded")),
        ("groq", 429, "too_large", ("error", "type", "tokens")),
        ("anthropic", 529, "error", ("error", "type", "overloaded_error")),
        ("anthropic", 429, "rate_limited", ("error", "type", "rate_limit_error")),
        ("anthropic", 400, "context_length", ("error", "type", "invalid_request_error")),
        ("google", 429, "rate_limited", ("error", "status", "RESOURCE_EXHAUSTED")),
        ("google", 400, "context_length", ("error", "status", "INVALID_ARGUMENT")),
    ],
)
def test_an_error_is_in_the_company_s_own_words(provider, status, error, said):
    """As their references have it."""
    outer, inner, word = said
    body = error_body(Refused(provider, status, error, 10, 1.5))
    assert body[outer][inner] == word
    assert (body.get("type") == "error") == (provider == "anthropic")


def test_google_tells_when_to_come_again_in_the_body():
    """google.rpc.RetryInfo."""
    error = error_body(Refused("google", 429, "rate_limited", 0, 1.5))["error"]
    assert error["details"][0]["retryDelay"] == "1.5s"


def test_an_error_of_the_scenario_is_told_over_the_wire():
    """529, as Anthropic tells it, under both of its paths."""

    async def ask(post, control):
        return await post(), await post("/a/v1/messages")

    for said in spoken(deployment("anthropic", errors="{529: 1.0}"), ask):
        assert (said.status, said.json["error"]["type"]) == (529, "overloaded_error")


# -- connections -----------------------------------------------------------------------------------


def test_a_hang_says_nothing_until_its_limit():
    """All calls of an outage hang: an hour later nothing has come."""

    async def ask(post, control):
        began = await control({"outage": {"deployment": "a", "error_share": 0, "hang_share": 1}})
        assert began.status == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post(), 500.0)
        return True

    assert spoken(deployment("openai"), ask)


@pytest.mark.parametrize("path", ["/a/v1/chat/completions", "/a/v1/messages"])
def test_a_cut_stream_ends_without_an_end(path):
    """The first token comes; then neither [DONE] nor a stop, nor the end of the response."""
    said = spoken(deployment("anthropic", truncated=0.99), once(path=path, stream=True))
    assert (said.status, said.is_whole) == (200, False)
    assert said.events
    assert b"[DONE]" not in said.body
    assert b"message_stop" not in said.body


@pytest.mark.slow
def test_a_stream_that_stalls_says_nothing_more():
    """Some tokens, then silence, as long as a hang."""

    async def ask(post, control):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post(stream=True), 500.0)
        return True

    assert spoken(deployment("openai", stalled=0.99), ask)


# -- failures that have a name ---------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["refused", "reset"])
def test_a_connection_that_breaks_ends_without_an_answer(kind, streamed):
    """Whether at once or later; a stream may have begun."""
    said = spoken(deployment("openai", errors=f"{{{kind}: 1.0}}"), once(stream=streamed))
    assert not said.is_whole
    assert said.status in ((None, 200) if streamed and kind == "reset" else (None,))


def test_connections_that_may_break_are_used_once():
    """Else a client that finds one broken asks again by itself, and is two calls."""
    breaking = spoken(deployment("openai", errors="{reset: 0.001}"), once())
    lasting = spoken(deployment("openai", errors="{500: 0.001}"), once())
    assert breaking.headers["Connection"] == "close"
    assert "Connection" not in lasting.headers


def test_a_body_that_nobody_can_read_comes_under_200():
    """HTML, and JSON that is cut off."""
    kinds = set()
    for said in spoken(deployment("openai", errors="{invalid_body: 1.0}"), twice()):
        assert (said.status, said.is_whole) == (200, True)
        kinds.add(said.headers["Content-Type"].partition(";")[0])
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            said.json  # noqa: B018
    assert kinds == {"text/html", "application/json"}


@pytest.mark.parametrize(
    ("said", "openai", "anthropic"),
    [
        ({"errors": "{content_filter: 1.0}"}, "content_filter", "refusal"),
        ({"max_output_tokens": 1}, "length", "max_tokens"),
        ({}, "stop", "end_turn"),
    ],
)
def test_why_an_answer_ended_is_told_in_the_company_s_words(said, openai, anthropic):
    """Whole and streamed, chat completions and Messages."""

    async def ask(post, control):
        path = "/a/v1/messages"
        return (
            await post(),
            await post(stream=True),
            await post(path),
            await post(path, stream=True),
        )

    whole, stream, message, events = spoken(deployment("anthropic", **said), ask)
    assert whole.json["choices"][0]["finish_reason"] == openai
    assert [c["finish_reason"] for e in stream.events for c in e["choices"]][-1] == openai
    assert message.json["stop_reason"] == anthropic
    assert events.events[-2]["delta"]["stop_reason"] == anthropic
    if openai == "length":
        assert whole.json["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"errors": "{quota: 1.0}"}, 429, "insufficient_quota"),
        ({"errors": "{context_length: 1.0}"}, 400, "context_length_exceeded"),
        ({"max_input_tokens": 1}, 400, "context_length_exceeded"),
    ],
)
def test_what_asking_again_does_not_change_has_a_code(said, status, code):
    """And says nothing of when to come again."""
    told = spoken(deployment("openai", **said), once())
    assert (told.status, told.json["error"]["code"]) == (status, code)
    assert "retry-after" not in told.headers


# -- control ---------------------------------------------------------------------------------------


def outage(**said):
    return {"outage": {"deployment": "a", **said}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (outage(start="10s"), "start: it begins now"),
        (outage(mean_between="1h"), "mean_between: it comes once"),
        (outage(per_year=2), "per_year: it comes once"),
        (outage(error_shar=1), "did you mean error_share?"),
        (outage(error_share=60), "not a share from 0 to 1"),
        (outage(status=200), "expected 400 to 599"),
        (outage(**{"for": "soon"}), "for: expected a duration"),
        (outage(**{"for": 0}), "for: expected a duration"),
        (outage(**{"for": "30%"}), "for: expected a duration"),
        (outage(provider="openai"), "name one of provider, deployment and domain"),
        ({"outage": {}}, "name one of provider, deployment and domain"),
        ({"outage": {"provider": "opnai"}}, "did you mean openai?"),
        ({"outage": [1]}, "expected an object"),
        ({"outages": {}}, "outages: no such key"),
        ([], "expected an object"),
        ("{", "the body is no JSON"),
    ],
)
def test_what_control_cannot_do_is_told_in_one_answer(body, says):
    """400, and no outage begins, and none ends."""

    async def ask(post, control):
        assert (await control(outage(status=529))).status == 200
        return await control(body), await post()

    told, after = spoken(deployment("openai", errors="{}"), ask)
    assert told.status == 400
    assert says in told.json["error"]["message"]
    assert after.status == 529


def test_control_takes_what_an_outage_of_a_scenario_takes():
    """Errors of a status, slowness, hangs, stalls and an end."""

    async def ask(post, control):
        said = {"error_share": 1, "status": 500, "slow_down": 2, "hang_share": 0.1, "for": "30s"}
        began = await control(outage(**said, stall_share=0.1))
        during = await post()
        await asyncio.sleep(30.0)
        return began, during, await post()

    began, during, after = spoken(deployment("openai", errors="{}"), ask)
    assert began.json["outages"][0]["deployments"] == ["a"]
    assert (during.status, after.status) == (500, 200)


@pytest.mark.parametrize("headers", [{"Origin": "http://example.org"}, {"Host": "example.org"}])
def test_no_page_of_a_browser_may_begin_an_outage(headers):
    """Any page could send one here."""

    async def ask(post, control):
        return await control(outage(), headers), await post()

    told, after = spoken(deployment("openai", errors="{}"), ask)
    assert (told.status, after.status) == (403, 200)


def test_an_idempotency_key_stands_for_one_body():
    """The same body gets the same answer; another one, or the same streamed, is refused, as
    Stripe does (docs.stripe.com/api/idempotent_requests), since the key means the first."""

    async def ask(post, control):
        key = {"Idempotency-Key": "k1"}
        bodies = {"user": "ann"}, {"user": "ann"}, {"user": "bob"}, {"user": "ann", "stream": True}
        return [await post(headers=key, **body) for body in bodies]

    first, again, other, streamed = spoken(deployment("one", idempotency_keys=True), ask)
    assert (first.status, again.status) == (200, 200)
    assert first.json["choices"] == again.json["choices"]
    for said in other, streamed:
        assert said.status == 400
        assert "another body" in said.json["error"]["message"]
