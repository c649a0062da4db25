"""What keeps retries from becoming the load."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Self

from simroute.gauges.merging import Mark, Mergeable, merge_log_pairs


class RetryBudgetState(Mergeable):
    """Calls deposit `share` of a retry each, for `ttl` seconds; `reserve` retries a second are
    there in any case. Source: Finagle's RetryBudget."""

    def __init__(self, share: float = 0.2, reserve: float = 10.0, ttl: float = 10.0) -> None:
        self.share, self.reserve, self.ttl = share, reserve, ttl
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()

    def deposit(self, now: float) -> None:
        """A call was made (the first time; its retries are withdrawals)."""
        self._calls.append(now)
        self._forget(now)

    def balance(self, now: float) -> int:
        """Retries to be had now, in whole ones; never negative."""
        self._forget(now)
        return max(
            0,
            int(len(self._calls) * self.share + self.reserve * self.ttl + 1e-9)
            - len(self._retries),
        )

    def withdraw(self, now: float) -> bool:
        """Take one, if there is one."""
        if self.balance(now) < 1:
            return False
        self._retries.append(now)
        return True

    def _forget(self, now: float) -> None:
        for moments in (self._calls, self._retries):
            while moments and moments[0] + self.ttl <= now:
                moments.popleft()

    @classmethod
    def merge(
        cls, states: Sequence[Self], known: Sequence[tuple[Mark, Mark] | None], now: float
    ) -> tuple[Mark, Mark]:
        """Calls, and further sends that were made for them."""
        return merge_log_pairs([(state._calls, state._retries) for state in states], known, now)
