"""How fast something has been lately."""

from __future__ import annotations

from math import exp


class Recent:
    """An average that forgets with time: a sample `memory` seconds ago weighs 1/e of one now. None until the first."""

    __slots__ = ("_at", "_sum", "_weight", "memory")

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self._at = self._sum = self._weight = 0.0

    def add(self, now: float, value: float) -> None:
        fade = exp(-max(0.0, now - self._at) / self.memory)
        self._at = max(now, self._at)
        self._sum = self._sum * fade + value
        self._weight = self._weight * fade + 1.0

    @property
    def mean(self) -> float | None:
        return self._sum / self._weight if self._weight else None
