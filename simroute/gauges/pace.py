"""Turns at a steady pace."""

from __future__ import annotations

import math


class Pace:
    """Turns that are 1 / `rate` seconds apart, given in the order in which they are asked for."""

    def __init__(self, rate: float) -> None:
        self.gap = 1 / rate
        self._last = -math.inf

    def next(self, now: float) -> float:
        """When the next turn would be (s); it is not taken yet."""
        return max(now, self._last + self.gap)

    def take(self, now: float) -> float:
        """Take the next turn; returns when it is."""
        self._last = self.next(now)
        return self._last
