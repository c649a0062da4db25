"""A retry budget as a bucket of tokens, and one that looks at how much fails."""

from __future__ import annotations

from simroute.gauges.breaker import Window
from simroute.gauges.bucket import Bucket


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
