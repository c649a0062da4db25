"""A quantile of what was measured lately."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Self

from simroute.gauges.merging import Mergeable


class RecentQuantile(Mergeable):
    """Of the last `most` values; None before there are `least`."""

    __slots__ = ("_latest", "_least", "_most", "_news", "_sorted")

    def __init__(self, most: int = 500, least: int = 50) -> None:
        self._most, self._least = most, least
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        self._news = 0

    def add(self, value: float) -> None:
        """Something was measured."""
        if len(self._latest) == self._most:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        self._latest.append(value)
        insort(self._sorted, value)
        self._news += 1

    def at(self, share: float) -> float | None:
        """The smallest value that this share of the values does not exceed."""
        count = len(self._sorted)
        if count < self._least:
            return None
        return self._sorted[min(count - 1, max(0, -int(-share * count // 1) - 1))]

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[bool | None], now: float) -> bool:
        """Times that were measured; of the latest as many of each replica."""
        common: list[float] = []
        news = []
        for state, before in zip(states, known, strict=True):
            latest = list(state._latest)
            old = max(0, len(latest) - state._news)
            news.append(reversed(latest[old:]))
            if before and old > len(common):
                common = latest[:old]
        fresh = [each for each in chain(*zip_longest(*news)) if each is not None]
        latest = (common + fresh[::-1])[-states[0]._most :]
        for state in states:
            state._latest, state._sorted, state._news = deque(latest), sorted(latest), 0
        return True
