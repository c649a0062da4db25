"""A fitted number with its 95 % interval, and where such intervals come from."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np

from simroute.statistics.intervals import clopper_pearson, t_quantile

Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


class Estimate(NamedTuple):
    """A value with its 95 % bounds (None where none is known), from `n` observations."""

    value: float
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of_share(cls, count: int, n: int) -> Self:
        """Of a probability, from a binomial count: exact bounds."""
        low, high = clopper_pearson(count, n, 0.025)
        return cls(count / n, float(low), float(high), n)

    @classmethod
    def of_mean(cls, values: np.ndarray) -> Self:
        """Of a mean of independent values: Student's t."""
        n, mean = len(values), float(values.mean())
        if n < 2:
            return cls(mean, None, None, n)
        half = t_quantile(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
        return cls(mean, mean - half, mean + half, n)

    @classmethod
    def of_median(cls, values: np.ndarray) -> Self:
        """Of a median of independent values: order statistics."""
        n, ordered = len(values), np.sort(values)
        half = Z * math.sqrt(n) / 2
        low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
        return cls(float(np.median(ordered)), float(ordered[low]), float(ordered[high]), n)

    @classmethod
    def on_log_scale(cls, value: float, error: float, n: int) -> Self:
        """Of a positive number; `error`: the standard error of its logarithm."""
        return cls(value, value * math.exp(-Z * error), value * math.exp(Z * error), n)

    def describe(self, digits: int = 3) -> str:
        """Interval and number of observations, as the comment of a file has them."""
        if self.low is None or self.high is None:
            return f"n = {self.n:,}"
        return f"95 %: {self.low:.{digits}g} to {self.high:.{digits}g}, n = {self.n:,}"

    def contains(self, value: float) -> bool:
        """Whether the value lies within the bounds; never without bounds."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high
