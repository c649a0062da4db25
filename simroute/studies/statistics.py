"""Intervals over replications. Nominal 95 %."""

from __future__ import annotations

import math
from typing import NamedTuple

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean with 95 % bounds; None where one replication, or no number at all, allows none."""

    mean: float | None
    low: float | None
    high: float | None

    def plain(self) -> dict[str, float | None]:
        return self._asdict()


def interval(values: list[float | None], pooled: tuple[int, int] | None = None) -> Interval:
    """Student's t over per-replication estimates. A share that never varied gets the exact binomial bounds of its pooled counts."""
    known = [value for value in values if value is not None]
    if not known:
        return Interval(None, None, None)
    mean = math.fsum(known) / len(known)
    if len(known) < 2:
        return Interval(mean, None, None)
    half = half_width(known)
    if half == 0 and pooled is not None and pooled[1] > 0:
        return Interval(mean, *binomial(*pooled))
    return Interval(mean, mean - half, mean + half)


def half_width(values: list[float]) -> float:
    """Half the width of the t interval around the mean."""
    return t_quantile(len(values) - 1) * deviation(values) / math.sqrt(len(values))


def deviation(values: list[float]) -> float:
    """Sample standard deviation."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def paired(first: list[float | None], second: list[float | None]) -> Interval:
    """The interval of second - first, replication by replication: they met the same weather."""
    return interval([b - a for a, b in zip(first, second, strict=True) if a is not None and b is not None])


def binomial(hits: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's exact bounds (1934)."""
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, trials - hits + 1, tail))
    high = 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, 1 - tail))
    return low, high


def t_quantile(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - (1 - LEVEL) / 2))


def needed(values: list[float | None], distance: float) -> int | None:
    """How many replications would make the half-width smaller than `distance`, judging by these; None when that cannot be told."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or distance == 0:
        return None
    spread = deviation(known)
    if spread == 0:
        return None
    n = 2
    while n < 1_000_000 and t_quantile(n - 1) * spread / math.sqrt(n) >= abs(distance):
        n = max(n + 1, math.ceil(n * 1.1))
    return n if n < 1_000_000 else None
