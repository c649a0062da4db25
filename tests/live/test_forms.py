"""An answer of a cache in the form that is asked for, with its usage for those who ask for that."""

import asyncio
import json

import pytest

from simroute.live import Gateway
from upstreams import DONE, HELLO, PLAIN, USAGE, Upstream, chunk, deployments, stream, whole

CACHED = {"cache": {"any_temperature": True}, **PLAIN}
ASKS = {"stream_options": {"include_usage": True}}
EVENTS = (chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE)
QUIET = tuple(event for event in EVENTS if event != USAGE)


def twice(answer, *asked):
    """The bytes of answers to these, of which the first alone is the provider's."""

    async def main():
        a = await Upstream(answer).start()
        async with Gateway(CACHED, deployments(a=a)) as gateway:
            got = []
            for more in asked:
                if more is None:
                    got.append((await gateway.complete(HELLO)).body)
                else:
                    got.append(b"".join([c async for c in gateway.stream({**HELLO, **more})]))
            assert len(a.bodies) == 1
            return got

    return asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("first", [{}, ASKS])
def test_a_stored_stream_tells_its_usage_to_those_who_ask(first):
    """Whoever asked first; and as one answer, which always tells it."""
    _, quiet, full, one = twice(stream(*EVENTS), first, {}, ASKS, None)
    assert quiet == b"".join(QUIET)
    assert full == b"".join(EVENTS)
    assert json.loads(one)["usage"] == {"prompt_tokens": 10, "completion_tokens": 3}


def test_a_stored_answer_as_a_stream_tells_its_usage_to_those_who_ask():
    """In a chunk of its own before the end, as OpenAI's API does it: the others say null."""
    said = whole("hello", id="x")
    _, quiet, full = twice(said, None, {}, ASKS)
    assert b"usage" not in quiet
    first, last, done = full.removesuffix(b"\n\n").split(b"\n\n")
    assert done == DONE.strip()
    told = json.loads(first.removeprefix(b"data: "))
    assert (told["usage"], told["choices"][0]["delta"]["content"]) == (None, "hello")
    told = json.loads(last.removeprefix(b"data: "))
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    assert (told["choices"], told["usage"], told["id"]) == ([], usage, "x")


def test_usage_that_nobody_told_is_not_made_up():
    """The provider's answer has none."""
    said = whole("hello", usage=None)
    _, full = twice(said, None, ASKS)
    assert b"usage" not in full
