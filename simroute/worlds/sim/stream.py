"""The rest of a streamed answer in the simulated world."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from types import coroutine
from typing import Any

from simroute.core import Outcome, Rest
from simroute.worlds.sim.attempt import Attempt
from simroute.worlds.sim.events import Scheduled
from simroute.worlds.sim.kernel import reached_limit


class StreamRest(Rest, Scheduled):
    """What is still to come of a streamed answer: its final outcome, at the end of `attempt`, which
    is `due` (s)."""

    __slots__ = ("attempt", "due")

    def __init__(self, attempt: Attempt, due: float) -> None:
        work: Any = partial(_wait, attempt)
        super().__init__(work)
        self.attempt, self.due = attempt, due

    def silent_at(self, silence: float) -> float:
        return self.attempt.silent_at(silence)

    def _end(self, outcome: Outcome) -> None:
        if self.outcome is None and outcome.status == 499:  # nobody reads it any more
            self.attempt.abandon()
        super()._end(outcome)


@coroutine
def _wait(attempt: Attempt) -> Generator[Any, Any, Outcome]:
    try:
        outcome: Outcome = yield attempt
    except BaseException as cut:  # nobody reads on
        attempt.abandon(reached_limit(cut))
        raise
    return outcome
