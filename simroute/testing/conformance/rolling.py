"""Results counted by the bucket in which their calls began, the last so many buckets together, as
gobreaker (v2/counter.go) does."""

from __future__ import annotations

import math

from simroute.testing.conformance.rehearsal import TALLY, note_result

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
