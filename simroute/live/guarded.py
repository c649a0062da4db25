"""A transport of somebody's own, kept to its promise: an outcome for every call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simroute.core import Call, Outcome, Rest
from simroute.worlds.live.answers import Whole
from simroute.worlds.live.streams import Stream


class Guarded:
    """A transport of which each call ends with an outcome, whatever the one inside raises or
    returns: what it raises is a 503 ("connection") where the system says that it was not reached,
    else a 502 ("malformed"). tell: called with the call and one word for each such failure."""

    def __init__(self, transport: Any, tell: Callable[[Call, str], None]) -> None:
        self._transport, self._tell = transport, tell

    async def send(self, call: Call) -> Outcome:
        try:
            outcome = await self._transport.send(call)
        except Exception as error:
            return self._failed(call, error)
        if not _is_sound(outcome):
            return self._failed(call, TypeError())

        async def read_on(rest: Rest) -> Outcome:
            try:
                final = await rest
            except Exception as error:
                return self._failed(call, error, "truncated")
            return final if _is_sound(final) else self._failed(call, TypeError(), "truncated")

        return outcome.wrap(read_on)  # type: ignore[no-any-return]

    def _failed(self, call: Call, error: Exception, word: str = "malformed") -> Outcome:
        self._tell(call, type(error).__name__)
        if isinstance(error, OSError) and word == "malformed":
            return Outcome(503, call.target, "connection")
        return Outcome(502, call.target, word)


def _is_sound(outcome: Any) -> bool:
    """Whether it is an outcome that can be handed on, and billed: neither below zero nor without
    end."""
    if not isinstance(outcome, Outcome) or not isinstance(outcome.status, int):
        return False
    if outcome.ok and not isinstance(outcome.answer, Whole | Stream):
        return False
    amounts = outcome.usd, outcome.input_tokens, outcome.output_tokens
    return all(
        isinstance(each, int | float) and math.isfinite(each) and each >= 0 for each in amounts
    )
