"""How fast something has been lately."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf
from typing import Self

from simroute.gauges.merging import Mergeable

Faded = tuple[float, float, float]
"""Until when (seconds), sum of the values and of their weights then."""


class Recent(Mergeable):
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

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Faded | None], now: float) -> Faded:
        """What was measured, each value with the weight that its age gives it."""
        at = max(state._at for state in states)
        common = next((each for each in known if each is not None), (at, 0.0, 0.0))
        (before, *_), memory = common, states[0].memory
        fade = exp((before - at) / memory) if at > before else 1.0
        total, weight = common[1] * fade, common[2] * fade
        for state, mark in zip(states, known, strict=True):
            if mark == (state._at, state._sum, state._weight):
                continue
            own = exp((state._at - at) / memory) if at > state._at else 1.0
            total += state._sum * own - (0.0 if mark is None else mark[1] * fade)
            weight += state._weight * own - (0.0 if mark is None else mark[2] * fade)
        for state in states:
            state._at, state._sum, state._weight = at, total, weight
        return at, total, weight
