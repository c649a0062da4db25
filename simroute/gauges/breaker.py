"""The state of a circuit breaker: may I, and that ended. Time is passed in.

Where breakers disagree: at exactly opened + cooldown a trial may pass; a result whose permit is of
an earlier generation changes numbers, never the state; a permit is given back once, however often
one tries; a trial that does not answer counts as failed after `probe_limit`; only a failure opens,
never the success that completes `min_calls` (as Polly, unlike resilience4j), unless `judged` says
so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simroute.gauges.breaker_replicas import CLOSED, HALF_OPEN, OPEN, SharedBreaker
from simroute.gauges.breaker_rules import BreakerRules
from simroute.gauges.cooldown import Cooldown
from simroute.gauges.results import Results, Window, count_results
from simroute.gauges.trials import Permit, Trials

__all__ = ["CLOSED", "HALF_OPEN", "OPEN", "BreakerState", "Permit", "Window"]

SHORTEST_LOOK, MOST_LOOKS = 1e-6, 1000
"""Seconds between two looks at the least, and how many there are of one result at the most."""
EVENTS = {CLOSED: "closed", OPEN: "opened", HALF_OPEN: "half_opened"}


@dataclass(kw_only=True, eq=False)
class BreakerState(BreakerRules, SharedBreaker):
    """Closed, open, half-open; see `ask`, `tell`, `release`. Durations in seconds.

    quiet: the permit of every call while it is closed and only failures can change it, else None.
    As long as it is the same, a call that succeeded need not be told. `news` collects what happened
    ("opened", "half_opened", "closed", and "exceeded" where it only `watches`, unless it is
    `mute`); the reader empties it. may_open: asked before it opens, where somebody has a say.

    What no policy file says, since it differs in an instant only: strict: at exactly opened +
    cooldown it is still open. cooldowns: those of the first openings, in turn, before the longest.
    bucket_start: parts of the window begin by the clock, with closing, or each with a call. swept:
    only `sweep` brings it back. prompt: it is half-open from the end of the cooldown on, whether
    or not somebody asks then.
    of_begun: `rate` is of the calls that began, those under way and those neither good nor bad
    included. trials_counted: what trials answer is among the numbers.

    Source: Nygard, Release It! (2007), ch. 5; of libraries: testing.conformance.breakers.libraries.
    """

    probe_limit: float = math.inf
    watches: bool = False
    mute: bool = False
    swept: bool = False
    prompt: bool = False
    strict: bool = False
    cooldowns: tuple[float, ...] = ()
    bucket_start: Literal["clock", "closing", "call"] = "clock"
    of_begun: bool = False
    trials_counted: bool = True
    may_open: Callable[[BreakerState], bool] | None = None

    def __post_init__(self) -> None:
        self.news: list[str] = []
        self.generation = -1
        self.opened = self.until = self.since = -math.inf
        self.begun = 0
        self._cooldown = Cooldown(self, self.cooldowns)
        self._told = self._waits = self._of_trials = False
        self._began = self._next = math.inf
        self._least = (
            self.min_calls if self.count_window is None else min(self.min_calls, self.count_window)
        )
        self._tumbles = self.window_kind == "tumbling" and self.count_window is None
        self._counts_successes = (
            self.consecutive or self.rate is not None or self.count_window is not None
        )
        self._watchful = self._counts_successes or self.slow_after is not None or self._tumbles
        self._watchful = self._watchful or self.judged_every is not None or self.of_begun
        self._timed = self._tumbles or self.judged_every is not None
        self._every = max(self.judged_every or math.inf, SHORTEST_LOOK)
        self._stride = self._every * max(1, self.window // self._every // MOST_LOOKS)
        self.trials = Trials(self, self.probe_limit)
        self.results: Results = self._fresh(0.0)
        self._enter(CLOSED, -math.inf)

    def ask(self, now: float) -> Permit | None:
        """Leave to call now, or None."""
        if self.state == CLOSED and not (self._timed or self._ramps):
            self.begun += self.of_begun
            return self._ordinary
        state = self.at(now)
        if state == CLOSED:
            if self._ramps and not self._let_in(now):
                return None
            self.begun += self.of_begun
            return self._ordinary
        if state == OPEN or not self.trials.has_room():
            return None
        return self.trials.take(Permit(self.generation, now, True))

    def tell(
        self,
        permit: Permit,
        failed: bool,
        now: float,
        slow: bool = False,
        at_once: bool = False,
        wait: float | None = None,
    ) -> None:
        """How the call ended: it failed or it succeeded. What was neither is `release`d. at_once:
        this failure alone opens it; wait: for so long, instead of `cooldown`."""
        self.settle(now)
        if permit.generation != self.generation:
            # closed again, its numbers would decide; until then they only tell
            if self.state != CLOSED and self.forgets != "opening":
                self.results.add(now, failed, slow)
        elif permit.probe:
            self._tried(permit, failed, now, slow, wait)
            if at_once and self.state == HALF_OPEN:
                self._enter(OPEN, now, wait)
        elif failed or self._watchful:
            self.results.add(now, failed, slow)
            if at_once or (
                (failed or slow or self.judged == "result")
                and self.judged_every is None
                and self._too_many(now)
            ):
                self._open(now, wait)

    def record(self, failed: bool, now: float, slow: bool = False) -> None:
        """A result for which nobody asked leave counts as of the present state: while it is
        half-open as one of its trials."""
        self.settle(now)
        permit = Permit(self.generation, now, self.state == HALF_OPEN)
        if permit.probe:
            self.trials.admit(permit)
        elif self.state == OPEN:
            permit = self.late(now)
        self.tell(permit, failed, now, slow)

    def release(self, permit: Permit) -> None:
        """Give a permit back without a result. Doing so again, or after `tell`, does nothing."""
        self.trials.give_back(permit)

    def late(self, now: float) -> Permit:
        """A permit of an earlier generation: of a call whose result is to change numbers only."""
        return Permit(self.generation - 1, now, False)

    def settle(self, now: float) -> None:
        """Do what the clock alone does to a closed or half-open breaker: parts of the window that
        are over, looks that were due, trials that ran out."""
        if self._timed:
            self._look(now)
        if self.state == HALF_OPEN:
            self._expire(now)

    def at(self, now: float) -> str:
        """The state as the clock has it: a trial may have run out, or the cooldown."""
        self.settle(now)
        while self.state == OPEN and not self.swept and self._over(now):
            if self.recovery != "trials":
                self._enter(CLOSED, min(now, max(self.until, self.opened)))
                break
            self._enter(HALF_OPEN, self.until if self.prompt else now)
            if not self.prompt:
                break
            self._expire(now)
        return self.state

    def wait(self, now: float) -> float | None:
        """Seconds until a call may pass; None when that depends on trials or results."""
        if self.state == HALF_OPEN:
            return 0.0 if self.trials.has_room() else None
        if self.state == CLOSED:
            return None if self._ramps else 0.0
        return max(0.0, self.until - now) if math.isfinite(self.until) else None

    def seen(self, now: float) -> tuple[int, int]:
        """Calls and failures that it reckons with; without successes where only failures count."""
        return self.results.seen(now)

    @property
    def least_now(self) -> int:
        """How many of the calls that are counted now are enough to judge by."""
        return self.trials.needed if self._of_trials else self._least

    def force(self, state: str, now: float, wait: float | None = None) -> None:
        """Put it into a state by hand: open for `wait` (default: the cooldown), half-open, or
        closed and empty."""
        self._enter(state, now, wait)

    def judge(self, now: float) -> None:
        """Open it where too much has failed, as far as it looks at that now."""
        if self.state == CLOSED and self.judged_every is None and self._too_many(now):
            self._open(now, None)

    @property
    def openings(self) -> int:
        """How many there were in a row, less what was forgiven."""
        return self._cooldown.openings

    @openings.setter
    def openings(self, number: int) -> None:
        self._cooldown.openings = number

    def sweep(self, now: float) -> None:
        """Look whether the cooldown is over, where only that closes it; and forgive a step of its
        growth, where it has been closed for `forgiven_after`."""
        if self.state == OPEN and self.until <= now:
            self._enter(HALF_OPEN if self.recovery == "trials" else CLOSED, now)
        elif self.state == CLOSED and now - self.since >= (self.forgiven_after or math.inf):
            self._cooldown.forgive(self.forgiven_after or 0.0)

    def _fresh(self, now: float) -> Results:
        starts = {"clock": 0, "closing": max(0, now), "call": None}
        return count_results(self, starts[self.bucket_start])

    def _let_in(self, now: float) -> bool:
        """Whether the share of traffic that is back includes this call."""
        share = (now - self.since) / self.ramp
        if share >= 1.0:
            self._ramps = False
            self.quiet = None if self._watchful else self._ordinary
            return True
        self._credit += share
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def _tried(
        self, trial: Permit, failed: bool, now: float, slow: bool, wait: float | None
    ) -> None:
        if not self.trials.end(trial):
            return
        if self.trials_counted:
            self.results.add(now, failed, slow)
        self._count_trial(failed, now, slow, wait)

    def _count_trial(
        self, failed: bool, now: float, slow: bool = False, wait: float | None = None
    ) -> None:
        self.trials.count(failed, slow)
        is_well = self.trials.verdict()
        if is_well is not None:
            self._enter(CLOSED if is_well else OPEN, now, wait)

    def _expire(self, now: float) -> None:
        ends = self.since + (math.inf if self.half_open_limit is None else self.half_open_limit)
        while self.state == HALF_OPEN:
            due = self.trials.due
            if min(due, ends) > now:
                return
            if ends <= due:
                self._enter(OPEN if self.after_half_open == "open" else CLOSED, ends)
            else:
                self.trials.expire()
                self._count_trial(True, due)

    def _look(self, now: float) -> None:
        """The next part of a tumbling window, and looks at the results that were due since."""
        if self._tumbles and (self.state == CLOSED or self.recovery == "window"):
            ends = self._began + self.window
            if now > ends or (now == ends and not self.strict):
                self._begin_lap(now)
        while self.state == CLOSED and self._next <= now:
            due = self._next
            before = due - 1e-9 * self._every
            seen, _ = self.results.seen(before)
            fades = seen and self.count_window is None and not self.consecutive
            skipped = self._stride if fades else self._every * (1 + (now - due) // self._every)
            self._next = due + skipped
            if seen and self._too_many(before):
                self._open(due, None)

    def _begin_lap(self, now: float) -> None:
        self.generation += 1
        self._ordinary = Permit(self.generation, now, False)
        self.results, self._began, self.begun = self._fresh(now), now, 0

    def _over(self, now: float) -> bool:
        """Whether an open breaker's time is over."""
        if self.recovery == "window" and not self._waits:
            return not self._too_many(self._looked(now))
        return self.until < now if self.strict else self.until <= now

    def _looked(self, now: float) -> float:
        """The last moment at which it looks at its results, where it does so every so often."""
        if self.judged_every is None:
            return now
        return max(self.opened, now // self._every * self._every)

    def _too_many(self, now: float) -> bool:
        calls, failed = self.results.seen(now)
        if (self.rate is None or self.either) and failed >= self.failures:
            return True
        if self.rate is None and self.slow_after is None:
            return False
        calls = self.begun if self.of_begun else calls
        if calls < self._least or not calls:
            return False
        if self.rate is not None and failed / calls >= self.rate:
            return True
        return self.slow_after is not None and self.results.slow / calls >= self.slow_rate

    def _open(self, now: float, wait: float | None) -> None:
        """Open it from closed, unless somebody objects."""
        if self.watches:
            if not (self._told or self.mute):
                self.news.append("exceeded")
            self._told = True
        elif self.may_open is None or self.may_open(self):
            if not self.swept:
                self._cooldown.forgive(now - self.since)
            self._enter(OPEN, now, wait)

    def _enter(self, state: str, now: float, wait: float | None = None) -> None:
        known = self.generation >= 0
        self.state, self.since = state, now
        self.generation += 1
        self._ordinary = Permit(self.generation, now, False)
        self.trials.begin()
        self._ramps = state == CLOSED and known and self.ramp > 0
        self._credit = 0.0
        quiet = state == CLOSED and not (self._watchful or self._ramps)
        self.quiet = self._ordinary if quiet else None
        if state == CLOSED:
            self._close(now)
        elif state == OPEN:
            self._set_clock(now, wait)
            if self.forgets == "opening":
                self.results, self._of_trials = self._fresh(now), False
        elif self.trial_calls is not None:
            self.results = Window(math.inf, max(self.trials.room, self.trials.needed))
            self._of_trials = True
        if known:
            self.news.append(EVENTS[state])

    def _close(self, now: float) -> None:
        first = self.generation == 0
        if first or (self.forgets != "never" and self.recovery != "window"):
            self.results, self._began, self.begun = self._fresh(now), max(0, now), 0
        self._of_trials = self._told = False
        self._cooldown.close()
        since_look = max(0, now) % self._every if self.recovery == "window" else 0  # by the clock
        self._next = max(0, now) - since_look + self._every

    def _set_clock(self, now: float, wait: float | None) -> None:
        """From when on it may come back."""
        self.opened, self._waits = now, wait is not None
        self.until = now + self._cooldown.begin(wait)
        looks = self.until / (self.returns_every or math.inf)
        if 0 < looks < math.inf:
            self.until = math.ceil(looks * (1 - 1e-12)) * (self.returns_every or 0.0)
        if self.recovery == "window" and wait is None:
            self.until = math.inf
