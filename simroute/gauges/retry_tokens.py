"""A retry budget as a bucket of tokens, and one that looks at how much fails."""

from __future__ import annotations

from simroute.gauges.bucket import Bucket
from simroute.gauges.results import Window


class RetryTokens:
    """A deposit adds `share` of a token, up to `most`, which there are at first; a retry takes a
    whole one. Source: Brooker, Fixing retries with token buckets and circuit breakers (2022)."""

    def __init__(self, share: float, most: int) -> None:
        self.share = share
        self._bucket = Bucket(float(most), 0.0)

    def deposit(self, now: float) -> None:
        """A call was made, or has succeeded."""
        self._bucket.refund(now, now, self.share)

    def withdraw(self, now: float) -> bool:
        """Take one, if there is one."""
        return self._bucket.take(now, 1.0)


class FailureTokens:
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


class RetryQuota:
    """`most` tokens, full at first, that nothing refills but what successes give back. A retry
    takes what it costs, and its success gives that back. Source: botocore's RetryQuota (1.44.5)."""

    def __init__(self, most: float = 500.0) -> None:
        self.left = self._most = most

    def take(self, cost: float) -> bool:
        """Take as much, if it is there."""
        if cost > self.left:
            return False
        self.left -= cost
        return True

    def give(self, amount: float) -> None:
        """Give as much back."""
        self.left = min(self._most, self.left + amount)


class FailureShare:
    """Whether at most `most` of the sends of the last `seconds` failed."""

    def __init__(self, most: float, seconds: float) -> None:
        self.most, self._window = most, Window(seconds)

    def add(self, now: float, failed: bool) -> None:
        """A send ended."""
        self._window.add(now, failed)

    def allows(self, now: float) -> bool:
        """Whether a retry is worth it."""
        sends, failed = self._window.seen(now)
        return failed <= self.most * sends
