"""How many calls a second a target bears, learnt from which are throttled. Source: botocore's
adaptive retry mode (1.44.5), after TCP CUBIC (RFC 8312)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from simroute.gauges.bucket import Bucket


class CubicCurve:
    """The rate `scale` x (t - k)^3 + `top`: after a throttled call it begins at `decrease` x the
    rate that there was, is back there after k seconds, and then searches for more."""

    def __init__(
        self, top: float = 0.0, began: float = 0.0, scale: float = 0.4, decrease: float = 0.7
    ) -> None:
        self.top, self.began, self._scale, self._decrease = top, began, scale, decrease

    @property
    def k(self) -> float:
        """Seconds until the rate is back where it was."""
        return float((self.top * (1 - self._decrease) / self._scale) ** (1 / 3.0))

    def at(self, now: float) -> float:
        """Calls a second, after one that got through."""
        return float(self._scale * (now - self.began - self.k) ** 3 + self.top)

    def throttled(self, rate: float, now: float) -> float:
        """One was throttled at this rate; returns the rate from now on."""
        self.top, self.began = rate, now
        return rate * self._decrease


class MeasuredRate:
    """Calls a second, counted in spans of half a second; each new span weighs `weight`, what there
    was before the rest."""

    SPAN = 0.5

    def __init__(self, began: float = 0.0, weight: float = 0.8) -> None:
        self.rate, self._weight, self._count = 0.0, weight, 0
        self._from = float(math.floor(began))

    def add(self, now: float) -> float:
        """A call ended; returns the rate."""
        self._count += 1
        span = math.floor(now / self.SPAN) * self.SPAN
        if span > self._from:
            latest = self._count / (span - self._from)
            self.rate = latest * self._weight + self.rate * (1 - self._weight)
            self._count, self._from = 0, span
        return self.rate


class OwnBucket(Bucket):
    """One that no other replica knows of: each learns a rate of its own."""

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Any], now: float) -> Any:
        """Nothing."""


class AdaptiveRate:
    """A bucket whose rate follows the curve, never above twice what is measured; without bound
    until the first call is throttled, and never below `least` a second."""

    def __init__(
        self,
        began: float = 0.0,
        least: float = 0.5,
        scale: float = 0.4,
        decrease: float = 0.7,
        weight: float = 0.8,
    ) -> None:
        self.is_on, self._least = False, least
        self._curve = CubicCurve(0.0, began, scale, decrease)
        self._measured = MeasuredRate(began, weight)
        self._bucket = OwnBucket(1.0, max(1.0, least))
        self._bucket.spend(began, 1.0)

    @property
    def rate(self) -> float:
        """Calls a second that are let in; infinite until the first is throttled."""
        return self._bucket.refill if self.is_on else math.inf

    def wait(self, now: float, calls: int = 1) -> float:
        """Seconds until there has been room for so many, one after another, as the rate is now."""
        if not self.is_on:
            return 0.0
        bucket = self._bucket
        beyond = max(0.0, calls - bucket.capacity) / bucket.refill
        return bucket.wait(now, min(float(calls), bucket.capacity)) + beyond

    def take(self, now: float) -> float:
        """0 if there is room for a call, which is let in, else the seconds until there will be."""
        wait = self.wait(now)
        if wait == 0 and self.is_on:
            self._bucket.spend(now, 1.0)
        return wait

    def give_back(self, now: float) -> None:
        """A call that was let in was never sent."""
        if self.is_on:
            self._bucket.settle(now, 1.0, 0.0)

    def tell(self, now: float, throttled: bool) -> None:
        """A call ended."""
        measured = self._measured.add(now)
        if throttled:
            rate = self._curve.throttled(min(measured, self.rate), now)
            self.is_on = True
        else:
            rate = self._curve.at(now)
        rate = min(rate, 2.0 * measured)
        self._bucket.change_rate(now, max(1.0, rate), max(self._least, rate))
