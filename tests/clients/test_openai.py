"""The unmodified openai SDK as a client of the gateway and of the fake providers."""

import asyncio
import json

import pytest

from optional import later
from servers import gateway, mock, run
from simroute.live.clients import new_client, read_clients
from upstreams import DONE, USAGE, chunk, http, stream, whole

openai = later("openai", "no openai SDK: pip install openai")
pytestmark = pytest.mark.live_clients

HELLO = {"model": "mine", "messages": [{"role": "user", "content": "hello"}]}
CALL = {"id": "call_7", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
FRAME = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}


def client(url, retries=0, key="none"):
    return openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=retries)


def asked(body=HELLO, retries=0, **served):
    """What the SDK makes of one call through the gateway, and the bodies that upstreams saw."""

    async def main():
        async with gateway(**served) as (url, upstreams), client(f"{url}/v1", retries) as made:
            try:
                got = await made.chat.completions.create(**body)
                if body.get("stream"):
                    got = [each async for each in got]
            except openai.OpenAIError as error:
                got = error
            return got, [seen for upstream in upstreams.values() for seen in upstream.bodies]

    return run(main())


def test_an_answer_is_the_provider_s():
    """Its text, its usage; and who answered is in a header."""

    async def main():
        async with gateway() as (url, _), client(f"{url}/v1") as made:
            raw = await made.chat.completions.with_raw_response.create(**HELLO)
            listed = [model.id async for model in made.models.list()]
            return raw.parse(), raw.headers, listed

    answer, headers, listed = run(main())
    assert answer.choices[0].message.content == "hello"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 5)
    assert headers["x-simroute-target"] == "a"
    assert listed == ["mine", "a"]


def test_tools_are_called_as_the_provider_says():
    """Whole, and in pieces; what the caller said of tools reaches the provider."""
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    answer, bodies = asked(
        {**HELLO, "tools": TOOLS, "tool_choice": "required"}, a=whole(choices=[choice], **FRAME)
    )
    assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments) == {"a": 1}
    assert (bodies[0]["tools"], bodies[0]["tool_choice"]) == (TOOLS, "required")

    def piece(finish=None, **delta):
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        data = {**FRAME, "object": "chat.completion.chunk", "choices": choices}
        return b"data: " + json.dumps(data).encode() + b"\n\n"

    begin = {"index": 0, **CALL, "function": {"name": "add", "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": text}} for text in ('{"a"', ": 1}")]
    pieces = [piece(role="assistant", tool_calls=[begin])]
    pieces += [piece(tool_calls=[part]) for part in more] + [piece("tool_calls"), DONE]

    async def main():
        async with (
            gateway(a=stream(*pieces)) as (url, _),
            client(f"{url}/v1") as made,
            made.chat.completions.stream(**HELLO, tools=TOOLS) as events,
        ):
            return await events.get_final_completion()

    (call,) = run(main()).choices[0].message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("call_7", "add", '{"a": 1}')


@pytest.mark.parametrize("asks", [False, True])
def test_a_stream_tells_usage_to_who_asks(asks):
    """Else every chunk has a choice, as callers expect who never asked."""
    events = (chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE)
    more = {"stream_options": {"include_usage": True}} if asks else {}
    chunks, _ = asked({**HELLO, "stream": True, **more}, a=stream(*events))
    said = [each.choices[0].delta.content for each in chunks if each.choices]
    assert said == ["one ", "two", None]
    assert [each.usage.completion_tokens for each in chunks if each.usage] == ([3] if asks else [])


BUDGET = {"budget": {"usd": 0, "at_limit": "reject"}, "timeout": {"total": "5s"}}


@pytest.mark.parametrize(
    ("said", "name", "status"),
    [
        ("400 Bad", "BadRequestError", 400),
        ("409 Conflict", "ConflictError", 409),
        ("422 No", "UnprocessableEntityError", 422),
        ("429 Slow", "RateLimitError", 429),
        ("500 Oh", "InternalServerError", 500),
        ("529 Overloaded", "InternalServerError", 529),
        ("401 Who", "InternalServerError", 502),
        ("404 What", "InternalServerError", 502),
    ],
)
def test_a_failure_is_the_exception_that_it_is_of_the_provider(said, name, status):
    """But what is wrong with the gateway's own set-up is no mistake of the caller."""
    error, _ = asked(a=http(b'{"error": {"message": "x"}}', said))
    assert (type(error).__name__, error.status_code) == (name, status)


def test_what_the_gateway_refuses_has_its_exception_too():
    """A stranger, an unknown model, a wrong body, a path that is not there, a budget, silence."""
    _, line = new_client("search")
    known = read_clients({"search": {"sha256": line[-65:-1]}})
    assert isinstance(asked(clients=known)[0], openai.AuthenticationError)
    missing, _ = asked({**HELLO, "model": "gpt-9"})
    assert isinstance(missing, openai.NotFoundError)
    assert (missing.code, missing.type) == ("model_not_found", "not_found_error")
    assert isinstance(asked({**HELLO, "messages": []})[0], openai.BadRequestError)
    refused, _ = asked(policy=BUDGET)
    assert (refused.status_code, refused.code) == (402, "budget")

    async def silent(reader, writer):
        await reader.read()

    late, _ = asked(policy={"timeout": {"total": "0.2s"}}, a=silent)
    assert (late.status_code, late.code) == (504, "timeout")

    async def embed():
        async with gateway() as (url, _), client(f"{url}/v1") as made:
            await made.embeddings.create(model="mine", input="x")

    with pytest.raises(openai.NotFoundError):
        run(embed())


def test_a_stream_that_breaks_off_is_an_error_and_no_short_answer():
    """After what had come."""

    async def cut(reader, writer):
        writer.write(stream(chunk("one"), ends=False))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    async def main():
        seen = []
        async with gateway(a=cut) as (url, _), client(f"{url}/v1") as made:
            try:
                async for each in await made.chat.completions.create(**HELLO, stream=True):
                    seen.append(each.choices[0].delta.content)
            except openai.APIError as error:
                return seen, error

    seen, error = run(main())
    assert seen == ["one"]
    assert error.code == "truncated"


@pytest.mark.parametrize(
    ("first", "sends"),
    [
        (http(b"{}", "429 Slow", "retry-after-ms: 20\r\n"), 2),
        (http(b"{}", "503 Later", "Retry-After: 0.02\r\n"), 2),
        (http(b"{}", "400 Bad"), 1),
        (http(b"{}", "422 No"), 1),
    ],
)
def test_the_sdk_s_own_retries_come_when_they_are_told_to(first, sends, monkeypatch):
    """The wait that a provider asks for passes through the gateway; a mistake is not repeated."""
    waits, answers = [], [first, whole(**FRAME)]

    async def next_one(reader, writer):
        writer.write(answers.pop(0))

    sleep = asyncio.sleep

    async def noted(seconds):
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("anyio.sleep", noted)
    got, bodies = asked(retries=2, a=next_one)
    assert len(bodies) == sends
    assert isinstance(got, openai.OpenAIError) == (sends == 1)
    assert waits == ([pytest.approx(0.02)] if sends == 2 else [])


# -- fake providers ------------------------------------------------------------------------------


def faked(talk, *words):
    """Runs `test(client, tell)` against a fake gpt-4o; `tell` sends to /control, or asks it."""

    async def main():
        async with mock(*words) as url, client(f"{url}/gpt-4o/v1", 2) as made:

            async def tell(**body):
                http_client = made._client
                if not body:
                    return (await http_client.get(f"{url}/control")).json()["gpt-4o"]
                (await http_client.post(f"{url}/control", json=body)).raise_for_status()
                return None

            return await talk(made, tell)

    return run(main())


def test_a_fake_provider_answers_as_a_real_one():
    """Plain and streamed: as many words as it bills, with usage where that is asked for."""

    async def talk(made, tell):
        plain = await made.chat.completions.create(**HELLO)
        chunks = await made.chat.completions.create(
            **HELLO, stream=True, stream_options={"include_usage": True}
        )
        return plain, [each async for each in chunks]

    plain, chunks = faked(talk)
    assert plain.model == chunks[0].model == "gpt-4o"
    assert len(plain.choices[0].message.content.split()) == plain.usage.completion_tokens > 1
    text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert chunks[-1].usage.completion_tokens == len(text.split())
    assert chunks[-2].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("status", "name"),
    [(429, "RateLimitError"), (500, "InternalServerError"), (503, "InternalServerError")],
)
def test_an_outage_from_outside_is_the_sdk_s_exception(status, name, monkeypatch):
    """Tried three times, as the SDK does on its own, here without its waits."""
    sleep = asyncio.sleep
    monkeypatch.setattr("anyio.sleep", lambda seconds: sleep(0))

    async def talk(made, tell):
        outage = {"deployment": "gpt-4o", "error_share": 1, "status": status, "for": "1h"}
        await tell(outage=outage)
        with pytest.raises(openai.APIStatusError) as caught:
            await made.chat.completions.create(**HELLO)
        return caught.value, await tell()

    error, counts = faked(talk)
    assert (type(error).__name__, error.status_code) == (name, status)
    assert counts == {str(status): 3}


def test_a_limit_says_when_to_come_again_and_the_sdk_does():
    """One call a second of the scenario, and two at once: one is refused, and let in when it is
    time."""

    async def talk(made, tell):
        call = made.chat.completions.with_raw_response.create
        _, raw = await asyncio.gather(call(**HELLO), call(**HELLO))
        return raw.headers, await tell()

    headers, counts = faked(talk, "scenario.deployments.gpt-4o.limits={rpm: 60, window: 1s}")
    assert counts == {"200": 2, "429": 1}
    assert headers["x-ratelimit-remaining-requests"].isdecimal()
    assert headers["x-request-id"]
