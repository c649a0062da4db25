"""The rest of a streamed answer in the simulated world."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simroute.core import Outcome, Rest
from simroute.core.outcome import GIVEN_UP
from simroute.worlds.sim.attempt import Attempt
from simroute.worlds.sim.events import Scheduled
from simroute.worlds.sim.kernel import reached_limit


class StreamRest(Rest, Scheduled):
    """What is still to come of a streamed answer: its final outcome, at the end of `attempt`, which
    is `due` (s)."""

    __slots__ = ("attempt", "due")

    def __init__(self, attempt: Attempt, due: float) -> None:
        # all that `Rest` has, without a further call
        self._inner = self._outer = self.outcome = None
        self._told = ()
        self._began = False
        self.attempt, self.due = attempt, due

    def silent_at(self, silence: float) -> float:
        return self.attempt.silent_at(silence)

    def __await__(self) -> Generator[Any, Any, Outcome]:
        """As that of `Rest`, with the attempt in place of any work."""
        if self.outcome is not None:
            return self.outcome
        if self._began:
            raise RuntimeError("the rest of a streamed answer is already being awaited")
        self._began = True
        try:
            outcome: Outcome = yield self.attempt
        except BaseException as cut:  # nobody reads on
            self.attempt.abandon(reached_limit(cut))
            self._end(GIVEN_UP)
            raise
        Rest._end(self, outcome)
        return outcome

    def _end(self, outcome: Outcome) -> None:
        if self.outcome is None and outcome.status == 499:  # nobody reads it any more
            self.attempt.abandon()
        Rest._end(self, outcome)
