"""The unmodified anthropic SDK as a client of the fake providers' Messages."""

import asyncio

import pytest

from optional import later
from servers import mock, run

anthropic = later("anthropic", "no anthropic SDK: pip install anthropic")
pytestmark = pytest.mark.live_clients

HELLO = {"model": "x", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
DOWN = {"provider": "anthropic", "error_share": 1, "status": 529}


def faked(talk, *words, name="claude-sonnet", retries=2):
    """Runs `test(client, tell)` against a fake provider; `tell` sends to /control, or asks it."""

    async def main():
        async with (
            mock(*words) as url,
            anthropic.AsyncAnthropic(
                base_url=f"{url}/{name}", api_key="none", max_retries=retries
            ) as made,
        ):

            async def tell(**body):
                if not body:
                    return (await made._client.get(f"{url}/control")).json()[name]
                (await made._client.post(f"{url}/control", json=body)).raise_for_status()
                return None

            return await talk(made, tell)

    return run(main())


def test_a_message_is_as_long_as_its_usage():
    """Its model and its reason to stop, and which request it was."""

    async def talk(made, tell):
        return await made.messages.create(**HELLO)

    message = faked(talk)
    (block,) = message.content
    assert (block.type, message.role, message.stop_reason) == ("text", "assistant", "end_turn")
    assert len(block.text.split()) == message.usage.output_tokens > 1
    assert message.usage.input_tokens > 1
    assert message._request_id


def test_a_stream_has_the_events_of_messages():
    """In their order; the SDK puts the same message together from them."""

    async def talk(made, tell):
        async with made.messages.stream(**HELLO) as stream:
            events = [event.type async for event in stream]
            return events, await stream.get_final_message()

    events, message = faked(talk)
    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(events[2:-3]) == {"content_block_delta", "text"}
    assert message.stop_reason == "end_turn"
    assert len(message.content[0].text.split()) == message.usage.output_tokens > 1
    assert message.usage.input_tokens > 1


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (529, "OverloadedError", "overloaded_error"),
        (429, "RateLimitError", "rate_limit_error"),
        (500, "InternalServerError", "api_error"),
    ],
)
def test_an_outage_is_the_sdk_s_exception(status, name, kind):
    """With the company's own word for it, streamed or not."""

    async def talk(made, tell):
        await tell(outage={**DOWN, "status": status, "for": "1h"})
        seen = []
        for streamed in (False, True):
            with pytest.raises(anthropic.APIStatusError) as caught:
                await made.messages.create(**HELLO, stream=streamed)
            seen.append((type(caught.value).__name__, caught.value.status_code, caught.value.type))
        return seen

    assert faked(talk, retries=0) == [(name, status, kind)] * 2


def test_the_sdk_s_own_retries_survive_a_short_outage():
    """Of five of the scenario's seconds, a quarter of a real one; its first retry comes later."""

    async def talk(made, tell):
        await tell(outage={**DOWN, "for": "5s"})
        message = await made.messages.create(**HELLO)
        return message.stop_reason, await tell()

    assert faked(talk) == ("end_turn", {"529": 1, "200": 1})


def test_a_limit_says_when_to_come_again_and_the_sdk_does():
    """One call a second of the scenario, and two at once; what is left is told as the company tells
    it."""

    async def talk(made, tell):
        call = made.messages.with_raw_response.create
        _, raw = await asyncio.gather(call(**HELLO), call(**HELLO))
        return raw.headers, await tell()

    headers, counts = faked(talk, "scenario.deployments.claude-sonnet.limits={rpm: 60, window: 1s}")
    assert counts == {"200": 2, "429": 1}
    assert headers["anthropic-ratelimit-requests-remaining"].isdecimal()


def test_a_stream_that_is_cut_is_no_message():
    """The SDK raises, and has no final message."""

    async def talk(made, tell):
        with pytest.raises(Exception, match="peer closed connection"):
            async with made.messages.stream(**HELLO) as stream:
                await stream.get_final_message()
        return await tell()

    counts = faked(talk, "scenario.deployments.claude-sonnet.truncated=1", retries=0)
    assert "200" not in counts


def test_messages_are_anthropic_s_alone():
    """Of another company's deployment the path is not there."""

    async def talk(made, tell):
        with pytest.raises(anthropic.NotFoundError):
            await made.messages.create(**HELLO)

    faked(talk, name="gpt-4o")
