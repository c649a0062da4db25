"""Results of calls, as a breaker or a retry budget counts them: over a time, the last calls, parts
of a time, in a row, or from the first failure on. Time is passed in."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Self

from simroute.gauges.breaker_rules import BreakerRules
from simroute.gauges.merging import Mark, Mergeable, merge_logs

Result = tuple[float, bool, bool]
"""When a call ended, in seconds; whether it failed; whether it was slow."""


class Window(Mergeable):
    """The results of the last `seconds` (one that is exactly so old is out), or of the last `calls`
    calls. slow: how many of those last seen were slow."""

    __slots__ = ("_calls", "_failed", "_results", "_seconds", "slow")

    def __init__(self, seconds: float, calls: int | None = None) -> None:
        self._seconds, self._calls = seconds, calls
        self._results: deque[Result] = deque()
        self._failed = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool = False) -> None:
        """A call ended."""
        self._results.append((now, failed, slow))
        self._failed += failed
        self.slow += slow
        self._trim(now)

    def seen(self, now: float) -> tuple[int, int]:
        """How many calls, and how many of them failed."""
        self._trim(now)
        return len(self._results), self._failed

    def failed_since(self, then: float) -> bool:
        """Whether the last call ended then or later, and failed."""
        return bool(self._results) and self._results[-1][1] and self._results[-1][0] >= then

    @property
    def slow_failed(self) -> int:
        """How many of those last seen were slow and failed."""
        return sum(failed and slow for _, failed, slow in self._results)

    def _trim(self, now: float) -> None:
        results = self._results
        while results and self._outdated(results[0][0], now):
            self._forget()

    def _forget(self) -> None:
        _, failed, slow = self._results.popleft()
        self._failed -= failed
        self.slow -= slow

    def _outdated(self, then: float, now: float) -> bool:
        return (
            then + self._seconds <= now if self._calls is None else len(self._results) > self._calls
        )

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Mark | None], now: float) -> Mark:
        """All results."""
        mark = merge_logs([state._results for state in states], known, now, itemgetter(0))
        for state in states:
            state._failed = sum(result[1] for result in state._results)
            state.slow = sum(result[2] for result in state._results)
            state._trim(now)
        return mark


class Parts(Window):
    """The results of the last `seconds`, cut into `count` parts that are forgotten as a whole: by
    the clock, from `start` (s) on; or, without a `start`, each from its first call on."""

    __slots__ = ("_count", "_long", "_start")

    def __init__(self, seconds: float, count: int, start: float | None = 0.0) -> None:
        super().__init__(seconds)
        self._count, self._start = count, start
        self._long = max(seconds / count, 1e-9)

    def add(self, now: float, failed: bool, slow: bool = False) -> None:
        """A call ended."""
        begins = now
        if self._start is None and self._results and now - self._results[-1][0] < self._long:
            begins = self._results[-1][0]
        super().add(begins, failed, slow)
        self._trim(now)

    def _outdated(self, then: float, now: float) -> bool:
        if self._start is None:
            return now - then >= self._seconds
        return self._place(then) <= self._place(now) - self._count

    def _place(self, now: float) -> float:
        return (now - (self._start or 0.0)) * (1 + 1e-12) // self._long


class Streak(Mergeable):
    """Failures in a row, whenever they were; a success starts afresh."""

    __slots__ = ("_results", "slow")

    def __init__(self) -> None:
        self._results: deque[tuple[float, bool]] = deque()
        self.slow = 0

    def add(self, now: float, failed: bool, slow: bool = False) -> None:
        """A call ended."""
        if not failed:
            self._results.clear()
        self._results.append((now, failed))

    def seen(self, now: float) -> tuple[int, int]:
        """How many calls, and how many of them failed: the same number."""
        failed = len(self._results)
        if failed and not self._results[0][1]:
            failed -= 1
        return failed, failed

    def failed_since(self, then: float) -> bool:
        """Whether the last call ended then or later, and failed."""
        return bool(self._results) and self._results[-1][1] and self._results[-1][0] >= then

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Mark | None], now: float) -> Mark:
        """All failures since the last success of any."""
        mark = merge_logs([state._results for state in states], known, now, itemgetter(0))
        for state in states:
            failed = list(takewhile(itemgetter(1), reversed(state._results)))
            while len(state._results) > len(failed) + 1:
                state._results.popleft()
        return mark


class SinceFirst(Window):
    """Results from the first failure on; all are forgotten when more than `seconds` have passed
    since. With `apart` successes are counted, and forgotten, from their own first one on."""

    __slots__ = ("_apart",)

    def __init__(self, seconds: float, apart: bool = False) -> None:
        super().__init__(seconds)
        self._apart = apart

    def add(self, now: float, failed: bool, slow: bool = False) -> None:
        """A call ended."""
        self._trim(now)
        if failed or self._apart or self._failed:
            super().add(now, failed, slow)

    def _trim(self, now: float) -> None:
        results = self._results
        if not self._apart:
            while results and not results[0][1]:  # merged ones from before the first failure
                self._forget()
            if results and now - results[0][0] > self._seconds:
                results.clear()
                self._failed = self.slow = 0
            return
        if results and now - results[0][0] > self._seconds:
            lives = {}
            for kind in (True, False):
                first = next((each[0] for each in results if each[1] == kind), now)
                lives[kind] = now - first <= self._seconds
            left = [each for each in results if lives[each[1]]]
            results.clear()
            results.extend(left)
            self._failed = sum(each[1] for each in left)
            self.slow = sum(each[2] for each in left)


Results = Window | Streak
"""What a breaker counts by."""


def count_results(rules: BreakerRules, start: float | None = 0.0) -> Results:
    """What these rules count by, empty. start: as in `Parts`."""
    if rules.consecutive:
        return Streak()
    if rules.count_window is not None:
        return Window(rules.window, rules.count_window)
    if rules.window_kind in ("first_failure", "first_of_kind"):
        return SinceFirst(rules.window, rules.window_kind == "first_of_kind")
    if rules.window_kind == "tumbling":
        return Window(math.inf)  # it is over when its state says so
    if rules.buckets is not None:
        return Parts(rules.window, rules.buckets, start)
    return Window(rules.window)
