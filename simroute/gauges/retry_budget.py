"""What keeps retries from becoming the load."""

from __future__ import annotations

from collections import deque


class RetryBudgetState:
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


class Throttle:
    """Retries while more than half of `most` tokens are left: a failure takes one, a success gives
    `ratio` of one back.

    Counts thousandths, so decimals of `ratio` beyond three are ignored. Source: gRPC proposal A6,
    retry throttling.
    """

    def __init__(self, most: int = 10, ratio: float = 0.1) -> None:
        self._most = self.thousandths = most * 1000
        self._ratio = int(ratio * 1000 + 1e-9)

    @property
    def allowed(self) -> bool:
        """Whether a failed call may be tried again."""
        return self.thousandths > self._most / 2

    def failure(self) -> bool:
        """A call failed; whether it may be tried again."""
        self.thousandths = max(0, self.thousandths - 1000)
        return self.allowed

    def success(self) -> None:
        """A call succeeded."""
        self.thousandths = min(self._most, self.thousandths + self._ratio)
