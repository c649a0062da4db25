"""Who is in the rotation: out after failures in a row, back after successes in a row, or by
time."""

from __future__ import annotations

import math


class Rotation:
    """Of several targets. `failures` in a row take one out; `successes` in a row bring it back, and
    so does `out_for` seconds, where given (at exactly that age it is back)."""

    def __init__(self, failures: int, successes: int, out_for: float | None = None) -> None:
        self.failures, self.successes = failures, successes
        self.out_for = math.inf if out_for is None else out_for
        self.out: dict[str, float] = {}  # since when
        self._row: dict[str, int] = {}  # failures in a row, less than zero: successes

    def tell(self, now: float, target: str, failed: bool) -> str:
        """A call ended; returns what follows from it: "removed", "restored", or "" for nothing."""
        row = self._row.get(target, 0)
        row = self._row[target] = max(row, 0) + 1 if failed else min(row, 0) - 1
        if target in self.out:
            if not failed and -row >= self.successes:
                self._restore(target)
                return "restored"
        elif row >= self.failures:
            self.out[target], self._row[target] = now, 0
            return "removed"
        return ""

    def is_out(self, now: float, target: str) -> bool:
        """Whether it is out."""
        since = self.out.get(target)
        return since is not None and now < since + self.out_for

    def expire(self, now: float, target: str) -> bool:
        """Bring it back if its time is over; whether it was."""
        over = target in self.out and not self.is_out(now, target)
        if over:
            self._restore(target)
        return over

    def _restore(self, target: str) -> None:
        del self.out[target]
        self._row[target] = 0


class Alarms:
    """At most one alarm of a kind in `every` seconds; counts those that were held back."""

    def __init__(self, every: float) -> None:
        self.every = every
        self._last: dict[str, tuple[float, int]] = {}

    def ring(self, now: float, kind: str) -> int | None:
        """How many were held back since the last one, if there is to be one now; else None."""
        last, held = self._last.get(kind, (-math.inf, 0))
        if now < last + self.every:
            self._last[kind] = last, held + 1
            return None
        self._last[kind] = now, 0
        return held
