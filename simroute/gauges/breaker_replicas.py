"""What the breakers of several replicas tell each other."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from simroute.gauges.merging import Mark, Mergeable
from simroute.gauges.results import Results
from simroute.gauges.trials import Trials

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
Known = tuple[Mark, float, int]
"""What replicas have in common: results up to when, since when it is open or closed, and how many
trials have succeeded since then."""


class SharedBreaker(Mergeable):
    """The part of a breaker's state that others are told of."""

    state: str
    since: float
    opened: float
    until: float
    results: Results
    trials: Trials

    @property
    @abstractmethod
    def openings(self) -> int:
        """How many there were in a row."""

    @openings.setter
    @abstractmethod
    def openings(self, number: int) -> None: ...

    @abstractmethod
    def at(self, now: float) -> str:
        """The state as the clock has it."""

    @abstractmethod
    def force(self, state: str, now: float, wait: float | None = None) -> None:
        """Put it into a state."""

    @abstractmethod
    def judge(self, now: float) -> None:
        """Open it where too much has failed."""

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Known | None], now: float) -> Known:
        """Whether it is open: what happened last holds for all. Results of calls, and trials."""
        for state in states:
            state.at(now)
        last = max(states, key=lambda state: state.turned)
        for state in states:
            if state.turned < last.turned:
                state.force(CLOSED if last.state == CLOSED else OPEN, last.turned)
                state.until, state.openings = last.until, last.openings
        if last.state != CLOSED:
            return (now, []), last.turned, cls._merge_trials(states, known, now)
        results: Any = [state.results for state in states]
        mark: Mark = type(results[0]).merge(results, [each and each[0] for each in known], now)
        before = next((each[0][0] for each in known if each is not None), -math.inf)
        if last.results.failed_since(before):
            for state in states:
                state.judge(now)
        return mark, last.turned, 0

    @classmethod
    def _merge_trials(
        cls, states: Sequence[Self], known: Sequence[Known | None], now: float
    ) -> int:
        """Returns how many trials have succeeded since it opened."""
        opened = states[0].opened
        common = next((each[2] for each in known if each is not None and each[1] == opened), 0)
        passed, trying = common, 0
        for state, mark in zip(states, known, strict=True):
            state.at(now)
            trying += state.trials.given
            passed += state.trials.passed - (0 if mark is None or mark[1] != opened else common)
        for state in states:
            trials = state.trials
            trials.passed, trials.elsewhere = passed, trying - trials.given
            if trials.suffice():
                state.force(CLOSED, now)
        return passed

    @property
    def turned(self) -> float:
        """When it last opened or closed, in seconds."""
        return self.since if self.state == CLOSED else self.opened
