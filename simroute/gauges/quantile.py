"""A quantile of what was measured lately."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque


class RecentQuantile:
    """Of the last `most` values; None before there are `least`."""

    __slots__ = ("_latest", "_least", "_most", "_sorted")

    def __init__(self, most: int = 500, least: int = 50) -> None:
        self._most, self._least = most, least
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        """Something was measured."""
        if len(self._latest) == self._most:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        self._latest.append(value)
        insort(self._sorted, value)

    def at(self, share: float) -> float | None:
        """The smallest value that this share of the values does not exceed."""
        count = len(self._sorted)
        if count < self._least:
            return None
        return self._sorted[min(count - 1, max(0, -int(-share * count // 1) - 1))]
