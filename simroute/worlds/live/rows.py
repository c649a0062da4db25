"""What is kept of an attempt, and what is read of one that was given up."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simroute.core.outcome import timed_out
from simroute.worlds.live import kernel
from simroute.worlds.live.answers import CHARACTERS_A_TOKEN


class Row(NamedTuple):
    """One attempt, as in the ledger of a simulation. Times are seconds of the world's clock.

    nano: nano-USD. estimated: the provider did not say, or not credibly, what it used. cause: why
    it failed, as `Outcome.cause` has it; of one that was given up, the limit of time that it
    reached.
    """

    request_id: int
    replica: int
    attempt: int
    target_attempt: int
    target: str
    start_s: float
    end_s: float
    status: int
    error: str
    retry_after_s: float | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    nano: int
    estimated: bool
    abandoned: bool
    probe: bool
    cause: str = ""


def arrived_tokens(answer: Any) -> int:
    """Tokens, by the characters of a stream that was given up."""
    facts = getattr(answer, "facts", None)
    return 0 if facts is None else math.ceil(facts.characters / CHARACTERS_A_TOKEN)


def cut_off(answer: Any) -> str:
    """Why an attempt was given up; "" where no limit of time was the reason."""
    if isinstance(answer, BaseException):
        limit = kernel.reached_limit(answer)
    else:
        limit = getattr(answer, "reached", None)
    return "" if limit is None else timed_out(limit)
