"""Limiters of other libraries that no layer uses, for their recorded vectors."""

from __future__ import annotations

from collections import deque


class SlidingLog:
    """At most `limit` in any `window` seconds, counted exactly."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._taken: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until one more fits; 0 if it does."""
        while self._taken and self._taken[0] + self.window <= now:
            self._taken.popleft()
        return 0.0 if len(self._taken) < self.limit else self._taken[0] + self.window - now

    def take(self, now: float) -> bool:
        """Take one, if it fits."""
        if self.wait(now) > 0:
            return False
        self._taken.append(now)
        return True


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
