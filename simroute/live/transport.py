"""For a transport of one's own: what it hears, in the words of OpenAI, as outcomes.

>>> class Mine:
...     async def send(self, call):
...         said = json.loads(call.request.payload)  # the caller's body, without its model
...         return whole(call, await answer(said), Price(3.0, 15.0))
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from simroute.core import Call, Outcome, Price
from simroute.models.billing import RateCard
from simroute.sockets import error_body
from simroute.worlds.live.answers import (
    Refusal,
    Usage,
    failure_word,
    outcome_status,
    read_whole,
    retry_after,
)
from simroute.worlds.live.http import Reading
from simroute.worlds.live.kernel import reached_limit
from simroute.worlds.live.streams import HeardRest

Chunks = AsyncGenerator[Mapping[str, Any], None]


def whole(call: Call, answer: Mapping[str, Any], price: Price) -> Outcome:
    """A complete answer: the JSON of a chat completion."""
    try:
        read = read_whole(json.dumps(answer).encode(), _sent(call))
    except (ValueError, TypeError):
        return Outcome(502, call.target, "malformed")
    return _answered(call, read.usage, read, price)


def failed(call: Call, status: int, headers: Mapping[str, str], message: str = "") -> Outcome:
    """An answer of another HTTP status than 200. headers: by names in any case. message: what a
    caller is told who made the mistake himself."""
    seen, word = outcome_status(status)
    answer = Refusal(error_body(status, message)) if seen == status else None
    word = word if answer is None else failure_word(seen, word, answer.body)
    return Outcome(seen, call.target, word, retry_after(headers), answer=answer)


def unreached(call: Call) -> Outcome:
    """No answer: the connection was refused, or broke."""
    return Outcome(503, call.target, "connection")


async def streamed(call: Call, chunks: Chunks, price: Price) -> Outcome:
    """A streamed answer: chunks of a chat completion, as an async generator. It comes to its first
    token; what the generator raises later breaks it off, and it is closed in any case."""
    source: Any = Source(chunks)
    reading = Reading(source, call.request)
    try:
        await reading.until_first_token()
    except Exception:
        return Outcome(502, call.target, "truncated")
    stream = reading.stream
    if not stream.facts.begun:
        return Outcome(502, call.target, "truncated")

    async def read_on() -> Outcome:
        try:
            await reading.to_its_end()
        except asyncio.CancelledError as cut:
            stream.reached = reached_limit(cut)
            raise
        except Exception:
            return Outcome(502, call.target, "truncated")
        if not stream.facts.is_finished:
            return Outcome(502, call.target, "truncated")
        return _answered(call, stream.facts.usage(_sent(call)), stream, price)

    def end(_: Outcome) -> None:
        stream.end()
        task = asyncio.get_running_loop().create_task(_close(chunks))
        CLOSING.add(task)
        task.add_done_callback(CLOSING.discard)

    rest = HeardRest(read_on, lambda: reading.heard)
    rest.then(end)
    return Outcome(200, call.target, answer=stream, rest=rest)


CLOSING: set[asyncio.Task[None]] = set()


class Source:
    """Chunks as the bytes of a response."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks, self.content = chunks, self

    async def iter_any(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"


async def _close(chunks: Chunks) -> None:
    with suppress(Exception):  # it is over, or breaks once more
        await chunks.aclose()


def _sent(call: Call) -> int:
    return int(call.request.input_tokens)


def _answered(call: Call, usage: Usage, answer: Any, price: Price) -> Outcome:
    nano = rate_card(price).bill(usage.input, usage.output, usage.cached)
    return Outcome(
        200,
        call.target,
        usd=nano / 1e9,
        input_tokens=usage.input,
        output_tokens=usage.output,
        answer=answer,
    )


rate_card = lru_cache(RateCard)
