"""The state of a circuit breaker: may I, and that ended. Time is passed in."""

from __future__ import annotations

from collections import deque

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


class Permit:
    """Leave to make one call. `generation` says under which state it was given; results of an earlier one change nothing."""

    __slots__ = ("generation", "given", "probe", "used")

    def __init__(self, generation: int, given: float, probe: bool) -> None:
        self.generation, self.given, self.probe, self.used = generation, given, probe, False


class BreakerState:
    """Closed, open, half-open.

    failures within window seconds open it (or, with `rate`, that share of at least `min_calls` calls in the window; or, with `last`,
    the same counts over the last so many calls; or, `consecutive`, failures in a row). After `cooldown` seconds (inclusive) up to `probes`
    trial calls pass at once; `successes` of them close it, one failure opens it again. A trial without result counts as failed
    after `probe_limit` seconds.
    """

    def __init__(
        self, failures: int = 3, window: float = 30.0, cooldown: float = 30.0, probes: int = 1, successes: int = 1, rate: float | None = None,
        min_calls: int = 1, last: int | None = None, consecutive: bool = False, probe_limit: float = 600.0,
    ) -> None:  # fmt: skip
        self.failures, self.window, self.cooldown, self.probes, self.successes = failures, window, cooldown, probes, successes
        self.rate, self.min_calls, self.last, self.consecutive, self.probe_limit = rate, min_calls, last, consecutive, probe_limit
        self.state = CLOSED
        self.generation = 0
        self.opened = 0.0
        self._calls: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._trials: list[Permit] = []
        self._passed = 0
        self._closed_permit = Permit(0, 0.0, False)
        self._successes_count = rate is not None or last is not None or consecutive

    @property
    def retry_at(self) -> float:
        """When a call may pass again."""
        return self.opened + self.cooldown

    def ask(self, now: float) -> Permit | None:
        """Leave to call now, or None."""
        if self.state == CLOSED:
            return self._closed_permit
        if self.state == OPEN:
            if now < self.opened + self.cooldown:
                return None
            self._enter(HALF_OPEN, now)
        self._trials = [trial for trial in self._trials if not trial.used]
        if self._trials and now - self._trials[0].given >= self.probe_limit:
            self._enter(OPEN, now)
            return None
        if len(self._trials) >= self.probes:
            return None
        permit = Permit(self.generation, now, True)
        self._trials.append(permit)
        return permit

    def tell(self, permit: Permit, failed: bool, now: float) -> str | None:
        """How the call ended. Returns the state entered by it, if it changed."""
        self.release(permit)
        if permit.generation != self.generation:
            return None
        if self.state == HALF_OPEN:
            return self._tried(failed, now)
        if not failed and not self._successes_count:
            return None
        return self._count(failed, now)

    def release(self, permit: Permit) -> None:
        """Give a permit back without a result: the call was cancelled. Doing it again does nothing."""
        permit.used = permit.probe

    def _tried(self, failed: bool, now: float) -> str | None:
        if failed:
            return self._enter(OPEN, now)
        self._passed += 1
        return self._enter(CLOSED, now) if self._passed >= self.successes else None

    def _count(self, failed: bool, now: float) -> str | None:
        if self.consecutive and not failed:
            self._forget()
            return None
        self._calls.append((now, failed))
        self._failed += failed
        while self._calls and self._outdated(now):
            self._failed -= self._calls.popleft()[1]
        return self._enter(OPEN, now) if failed and self._too_many() else None

    def _outdated(self, now: float) -> bool:
        if self.last is not None:
            return len(self._calls) > self.last
        return not self.consecutive and now - self._calls[0][0] >= self.window

    def _too_many(self) -> bool:
        if self.rate is None:
            return self._failed >= self.failures
        return len(self._calls) >= self.min_calls and self._failed >= self.rate * len(self._calls)

    def _forget(self) -> None:
        self._calls.clear()
        self._failed = 0

    def _enter(self, state: str, now: float) -> str:
        self.state = state
        self.generation += 1
        self._closed_permit = Permit(self.generation, now, False)
        self._forget()
        self._trials, self._passed = [], 0
        if state == OPEN:
            self.opened = now
        return state
