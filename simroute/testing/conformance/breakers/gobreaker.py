"""gobreaker, whose counts may roll by buckets: its configuration as parameters of a `BreakerState`,
and what it does besides.

Source: v2/gobreaker.go, v2/counter.go at the version that `policies.presets.breakers` names.
"""

from __future__ import annotations

import math
from typing import Any

from simroute.gauges.breaker import CLOSED, OPEN, BreakerState, Permit
from simroute.testing.conformance.breakers.rehearsal import (
    FAILURE,
    NEUTRAL,
    SUCCESS,
    TALLY,
    Family,
    Paired,
    note_result,
)
from simroute.testing.conformance.verdict import Config, skip_if

MOST_PARTS = 100_000
ROWS = (("successes", "consecutive_successes"), ("failed", "consecutive_failures"))


class RollingTally:
    """parts: how many buckets of so many seconds each, from `start` on. total: what they hold."""

    def __init__(self, parts: int, seconds: float, start: float) -> None:
        self._seconds, self._start, self._age = seconds, start, 0
        self._parts = [dict.fromkeys(TALLY, 0) for _ in range(parts)]
        self.total = dict.fromkeys(TALLY, 0)

    def add(self, what: str, began: float) -> None:
        """A call (`calls`) or the result of one that began then (s)."""
        age = self._age_at(began)
        if self._age - age >= len(self._parts):
            return
        for counts in (self.total, self._parts[age % len(self._parts)]):
            if what == "calls":
                counts["calls"] += 1
            else:
                note_result(counts, what)

    def grow(self, now: float) -> None:
        """Forget what is over by now."""
        age = self._age_at(now)
        if age - self._age >= len(self._parts):
            for counts in (self.total, *self._parts):
                counts |= dict.fromkeys(TALLY, 0)
            self._age = age
        while self._age < age:
            self._age += 1
            self._forget(self._parts[self._age % len(self._parts)])

    def _forget(self, oldest: dict[str, int]) -> None:
        """A row that runs through all buckets loses what the oldest has of it."""
        total = self.total
        for kind, row in ROWS:
            others = sum(counts[kind] for counts in self._parts if counts is not oldest)
            if total[row] == oldest[row] + others:
                total[row] = max(0, total[row] - oldest[row])
        for kind in ("calls", "successes", "failed", "excluded"):
            total[kind] -= oldest[kind]
        oldest |= dict.fromkeys(TALLY, 0)

    def _age_at(self, time: float) -> int:
        return max(0, math.floor((time - self._start) / self._seconds))


def bucket_of(config: Config) -> Any:
    """Seconds that one counts for, where counts roll."""
    parts = config["buckets"]
    return config["interval_s"] / int(parts) if parts else config["bucket_s"]


def _gobreaker(config: Config) -> BreakerState:
    ratio, interval, bucket = config["ratio"], config["interval_s"], bucket_of(config)
    settings: dict[str, Any] = {"window": math.inf}
    if interval > 0:
        length = math.ceil(interval / bucket) * bucket if bucket > 0 else interval
        if not 0 < bucket < length:
            settings = {"window": length, "window_kind": "tumbling"}
    if ratio is None:
        settings |= {"failures": config["consecutive"] + 1, "consecutive": True}
    else:
        settings |= {"rate": ratio, "min_calls": config["min_requests"], "of_begun": True}
    most = config["max_requests"] or 1
    return BreakerState(
        **settings,
        cooldown=config["timeout_s"] if config["timeout_s"] > 0 else 60,
        probes=most,
        successes=most,
        trials_in_all=True,
        forgets="opening",
        strict=True,
    )


class Gobreaker(Paired):
    """The ratio is of the requests less those excluded. Where counts roll by buckets, they are kept
    here, beside the state, which then opens when told."""

    def begin(self) -> None:
        """Count anew."""
        super().begin()
        bucket, interval = bucket_of(self.config), self.config["interval_s"]
        parts = math.ceil(interval / bucket) if 0 < bucket < interval else 0
        skip_if(parts > MOST_PARTS, f"{parts} buckets")
        self.rolling = RollingTally(parts, bucket, max(0, self.group.last)) if parts else None

    def closed_rolling(self, now: float) -> RollingTally | None:
        """The counts, where they roll and are those of the state."""
        if self.rolling is None or self.state.state != CLOSED:
            return None
        self.rolling.grow(now)
        return self.rolling

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made; it counts as one."""
        allowed = super().ask(token, now)
        if allowed and (rolling := self.closed_rolling(now)):
            rolling.add("calls", now)
        return allowed

    def tell(self, what: str, permit: Permit, began: float, now: float) -> None:
        """The result of the call that began then."""
        same = permit.generation == self.state.generation
        rolling = self.closed_rolling(now)
        if rolling is None or not same:
            if same and what == NEUTRAL and not permit.probe:
                self.state.begun -= 1
            super().tell(what, permit, began, now)
            return
        rolling.add(what, began)
        if what not in (SUCCESS, NEUTRAL) and self.trips(rolling.total):
            self.state.force(OPEN, now)

    def trips(self, counts: dict[str, int]) -> bool:
        """Whether a failure opens it."""
        if self.config["ratio"] is None:
            return bool(counts["consecutive_failures"] > self.config["consecutive"])
        calls = counts["calls"] - counts["excluded"]
        enough = calls >= self.config["min_requests"]
        return bool(enough and counts["failed"] / calls >= self.config["ratio"])

    def numbers(self, now: float) -> dict[str, Any]:
        """Those of the present state."""
        rolling = self.closed_rolling(now)
        return super().numbers(now) | (rolling.total if rolling else {})


GOBREAKER = Family(_gobreaker, Gobreaker, lazy=False, unknown=FAILURE)
