"""A budget of retries: a share of recent calls, and a floor a second. Source: Finagle's RetryBudget."""

from __future__ import annotations

from collections import deque


class RetryBudgetState:
    """Calls deposit `share` of a retry each for `ttl` seconds; `reserve` retries a second are there in any case."""

    def __init__(self, share: float, reserve: float, ttl: float = 10.0) -> None:
        self.share, self.reserve, self.ttl = share, reserve, ttl
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()

    def deposit(self, now: float) -> None:
        """A call was made."""
        self._calls.append(now)

    def balance(self, now: float) -> int:
        """Retries to be had now."""
        for entries in (self._calls, self._retries):
            while entries and now - entries[0] >= self.ttl:
                entries.popleft()
        return int(len(self._calls) * self.share + self.reserve * self.ttl + 1e-9) - len(self._retries)

    def withdraw(self, now: float) -> bool:
        """Take one, if there is one."""
        if self.balance(now) < 1:
            return False
        self._retries.append(now)
        return True
