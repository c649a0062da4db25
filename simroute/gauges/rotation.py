"""Who is in the rotation: out after failures in a row, back after successes in a row, or by
time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

News = tuple[str, dict[str, Any]]
"""The word of an event, and what explains it."""


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


class Watch(Rotation):
    """A rotation that says what happened, and rings an alarm for a target that is taken out, at
    most once in `alert_every` seconds."""

    def __init__(
        self, failures: int, successes: int, out_for: float | None, alert_every: float
    ) -> None:
        super().__init__(failures, successes, out_for)
        self._alarms = Alarms(alert_every)

    def ended(self, now: float, target: str, status: int, failed: bool) -> Iterator[News]:
        """A call ended with this status."""
        yield from self.returned(now, target)
        news = self.tell(now, target, failed)
        if news:
            yield news, {}
        if news == "removed" and (held := self._alarms.ring(now, target)) is not None:
            yield "alerted", {"status": status, "held": held}

    def returned(self, now: float, target: str) -> Iterator[News]:
        """Its time is over, if it is."""
        if self.expire(now, target):
            yield "restored", {}
