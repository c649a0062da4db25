"""The state of a circuit breaker: may I, and that ended. Time is passed in.

Where breakers disagree: at exactly opened + cooldown a trial may pass; a result whose permit is of
an earlier generation changes numbers, never the state; a permit is given back once, however often
one tries; a trial that does not answer counts as failed after `probe_limit`; only a failure opens,
never the success that completes `min_calls` (as Polly, unlike resilience4j).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from operator import itemgetter
from typing import Any, Self

from simroute.gauges.merging import Mark, Mergeable, merge_logs

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
EVENTS = {CLOSED: "closed", OPEN: "opened", HALF_OPEN: "half_opened"}


Known = tuple[Mark, float, int]
"""What replicas have in common: results up to when, since when it is open or closed, and how many
trials have succeeded since then."""


class Permit:
    """Leave to make one call: under which generation of the state, when (seconds), and whether as a
    trial."""

    __slots__ = ("generation", "given", "probe")

    def __init__(self, generation: int, given: float, probe: bool) -> None:
        self.generation, self.given, self.probe = generation, given, probe


class Window(Mergeable):
    """The results of the last `seconds` (one that is exactly so old is out), or of the last `calls`
    calls."""

    __slots__ = ("_calls", "_failed", "_results", "_seconds")

    def __init__(self, seconds: float, calls: int | None = None) -> None:
        self._seconds, self._calls = seconds, calls
        self._results: deque[tuple[float, bool]] = deque()
        self._failed = 0

    def add(self, now: float, failed: bool) -> None:
        """A call ended."""
        self._results.append((now, failed))
        self._failed += failed
        self._trim(now)

    def seen(self, now: float) -> tuple[int, int]:
        """How many calls, and how many of them failed."""
        self._trim(now)
        return len(self._results), self._failed

    def failed_since(self, then: float) -> bool:
        """Whether the last call ended then or later, and failed."""
        return bool(self._results) and self._results[-1][1] and self._results[-1][0] >= then

    def _trim(self, now: float) -> None:
        results = self._results
        while results and self._outdated(results[0][0], now):
            self._failed -= results.popleft()[1]

    def _outdated(self, then: float, now: float) -> bool:
        return (
            then + self._seconds <= now if self._calls is None else len(self._results) > self._calls
        )

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Mark | None], now: float) -> Mark:
        """All results."""
        mark = merge_logs([state._results for state in states], known, now, itemgetter(0))
        for state in states:
            state._failed = sum(failed for _, failed in state._results)
            state._trim(now)
        return mark


class Streak(Mergeable):
    """Failures in a row, whenever they were; a success starts afresh."""

    __slots__ = ("_results",)

    def __init__(self) -> None:
        self._results: deque[tuple[float, bool]] = deque()

    def add(self, now: float, failed: bool) -> None:
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


class BreakerState(Mergeable):
    """Closed, open, half-open; see `ask`, `tell`, `release`. Durations in seconds.

    quiet: the permit of every call while it is closed and only failures can change it, else None.
    As long as it is the same, a call that succeeded need not be told.

    It opens on `failures` within `window`, or on a share `rate` of at least `min_calls` calls
    within it; both over the last `count_window` calls instead, where given; or on `failures` in a
    row (`consecutive`). After `cooldown` up to `probes` trials pass at a time; `successes` of them
    close it, one failure opens it again. `news` collects what happened ("opened", "half_opened",
    "closed"); the reader empties it.

    Source: Nygard, Release It! (2007), ch. 5.
    """

    def __init__(
        self,
        failures: int = 3,
        window: float = 30.0,
        cooldown: float = 30.0,
        probes: int = 1,
        successes: int = 1,
        rate: float | None = None,
        min_calls: int = 10,
        count_window: int | None = None,
        consecutive: bool = False,
        probe_limit: float = math.inf,
    ) -> None:
        self.failures, self.cooldown, self.probes, self.successes = (
            failures,
            cooldown,
            probes,
            successes,
        )
        self.rate, self.probe_limit = rate, probe_limit
        self.min_calls = min_calls if count_window is None else min(min_calls, count_window)
        self.news: list[str] = []
        self.generation = -1
        self.opened = -math.inf
        self._fresh: Callable[[], Window | Streak] = (
            Streak if consecutive else partial(Window, window, count_window)
        )
        self._counts_successes = consecutive or rate is not None or count_window is not None
        self._enter(CLOSED, -math.inf)

    def ask(self, now: float) -> Permit | None:
        """Leave to call now, or None."""
        if self.state == CLOSED:
            return self._ordinary
        if self.at(now) == OPEN or len(self._trials) + self._elsewhere >= self.probes:
            return None
        trial = Permit(self.generation, now, True)
        self._trials.append(trial)
        return trial

    def tell(self, permit: Permit, failed: bool, now: float) -> None:
        """How the call ended: it failed or it succeeded. What was neither is `release`d."""
        if self.state != CLOSED:
            self._expire(now)
        if permit.generation != self.generation:
            # closed again, its numbers would decide; until then they only tell
            if self.state != CLOSED:
                self._results.add(now, failed)
        elif permit.probe:
            self._tried(permit, failed, now)
        elif failed or self._counts_successes:
            self._results.add(now, failed)
            if failed and self._too_many(now):
                self._enter(OPEN, now)

    def release(self, permit: Permit) -> None:
        """Give a permit back without a result. Doing so again, or after `tell`, does nothing."""
        if permit in self._trials:
            self._trials.remove(permit)

    def at(self, now: float) -> str:
        """The state as the clock has it: a trial may have run out, or the cooldown."""
        self._expire(now)
        if self.state == OPEN and self.opened + self.cooldown <= now:
            self._enter(HALF_OPEN, now)
        return self.state

    def wait(self, now: float) -> float | None:
        """Seconds until a call may pass; None when that depends on a trial that is under way."""
        if self.state == HALF_OPEN:
            return None if len(self._trials) + self._elsewhere >= self.probes else 0.0
        return max(0.0, self.opened + self.cooldown - now) if self.state == OPEN else 0.0

    def seen(self, now: float) -> tuple[int, int]:
        """Calls and failures that it reckons with; where only a number of failures opens it,
        successes are not among the calls."""
        return self._results.seen(now)

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Known | None], now: float) -> Known:
        """Whether it is open: what happened last holds for all. Results of calls, and trials."""
        for state in states:
            state.at(now)
        last = max(states, key=lambda state: state._turned)
        for state in states:
            if state._turned < last._turned:
                state._enter(CLOSED if last.state == CLOSED else OPEN, last._turned)
        if last.state != CLOSED:
            return (now, []), last._turned, cls._merge_trials(states, known, now)
        results: Any = [state._results for state in states]
        mark: Mark = type(results[0]).merge(results, [each and each[0] for each in known], now)
        before = next((each[0][0] for each in known if each is not None), -math.inf)
        if last._results.failed_since(before) and last._too_many(now):
            for state in states:
                state._enter(OPEN, now)
        return mark, last._turned, 0

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
            trying += len(state._trials)
            passed += state._passed - (0 if mark is None or mark[1] != opened else common)
        for state in states:
            state._passed, state._elsewhere = passed, trying - len(state._trials)
            if passed >= state.successes:
                state._enter(CLOSED, now)
        return passed

    @property
    def _turned(self) -> float:
        """When it last opened or closed, in seconds."""
        return self._ordinary.given if self.state == CLOSED else self.opened

    def _tried(self, trial: Permit, failed: bool, now: float) -> None:
        if trial not in self._trials:
            return
        self._trials.remove(trial)
        self._results.add(now, failed)
        self._passed += not failed
        if failed:
            self._enter(OPEN, now)
        elif self._passed >= self.successes:
            self._enter(CLOSED, now)

    def _expire(self, now: float) -> None:
        due = self._trials[0].given + self.probe_limit if self._trials else math.inf
        if due <= now:
            self._enter(OPEN, due)

    def _too_many(self, now: float) -> bool:
        calls, failed = self._results.seen(now)
        if self.rate is None:
            return failed >= self.failures
        return calls >= self.min_calls and failed / calls >= self.rate

    def _enter(self, state: str, now: float) -> None:
        self.state = state
        self.generation += 1
        self._ordinary = Permit(self.generation, now, False)
        self._trials: list[Permit] = []
        self._passed = self._elsewhere = 0
        self.quiet = self._ordinary if state == CLOSED and not self._counts_successes else None
        if state == CLOSED:
            self._results = self._fresh()
        elif state == OPEN:
            self.opened = now
        if self.generation:
            self.news.append(EVENTS[state])
