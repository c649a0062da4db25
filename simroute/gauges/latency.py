"""How fast something has been lately."""

from __future__ import annotations

from math import exp, inf


class Recent:
    """A mean that forgets with time: of two values, one that is `memory` seconds older weighs 1/e
    of the other. None until the first."""

    __slots__ = ("_at", "_sum", "_weight", "memory")

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self._at = -inf
        self._sum = self._weight = 0.0

    def add(self, now: float, value: float) -> None:
        """Something was measured at `now`; a clock that steps back counts as standing still."""
        fade = exp((self._at - now) / self.memory) if now > self._at else 1.0
        self._at = max(now, self._at)
        self._sum = self._sum * fade + value
        self._weight = self._weight * fade + 1.0

    @property
    def mean(self) -> float | None:
        """In the unit of the values."""
        return self._sum / self._weight if self._weight else None
