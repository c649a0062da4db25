"""How much of what is asked is accepted, and how much more to ask than that."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Self

from simroute.gauges.merging import Mark, Mergeable, merge_log_pairs


class AdaptiveThrottle(Mergeable):
    """Requests and accepts of the last `window` seconds: reject with max(0, (requests - k accepts)
    / (requests + 1)). Source: Google, Site Reliability Engineering (2016), ch. 21."""

    __slots__ = ("_accepts", "_requests", "k", "window")

    def __init__(self, k: float = 2.0, window: float = 120.0) -> None:
        self.k, self.window = k, window
        self._requests: deque[float] = deque()
        self._accepts: deque[float] = deque()

    def ask(self, now: float) -> float:
        """The probability with which to reject a request that comes now, itself not yet counted; it
        counts from now on, rejected or not."""
        for log in (self._requests, self._accepts):
            while log and log[0] + self.window <= now:
                log.popleft()
        asked = len(self._requests)
        self._requests.append(now)
        return max(0.0, (asked - self.k * len(self._accepts)) / (asked + 1))

    def accept(self, now: float) -> None:
        """One was accepted."""
        self._accepts.append(now)

    @classmethod
    def merge(
        cls, states: Sequence[Self], known: Sequence[tuple[Mark, Mark] | None], now: float
    ) -> tuple[Mark, Mark]:
        """Calls that were made, and those accepted."""
        return merge_log_pairs([(state._requests, state._accepts) for state in states], known, now)
