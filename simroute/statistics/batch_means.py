"""An interval from one long run of a steady scenario: the warm-up is cut off, the rest parted into
batches that hardly depend on each other.

Warm-up: MSER-5 (White, 1997): groups of five minutes are cut until the standard error of the rest
is least; a cut near the half says that there is no steady state yet. Batch means (Schmeiser, 1982:
ten to twenty), the success rate as a ratio of sums; batches that still correlate are made longer.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from simroute.statistics.intervals import binomial, t_quantile

GROUP = 5
BATCHES = (20, 15, 10)
LEAST = 2 * GROUP * BATCHES[-1]
"""Minutes: ten batches of ten."""
LATEST = 0.45
"""A warm-up that is longer than this share of the run has not ended."""


class BatchMeans(NamedTuple):
    """A success rate, its bounds (None where even ten batches correlate), minutes cut off, batches,
    and their correlation at lag 1."""

    mean: float
    low: float | None
    high: float | None
    warmup_minutes: int
    batches: int
    lag1: float

    def plain(self) -> dict[str, Any]:
        return {**self._asdict(), "method": "batch means after MSER-5 truncation, within one run"}


def batch_means(minutes: np.ndarray) -> BatchMeans | None:
    """Of arrivals and successes by minute. None if there are fewer than a hundred minutes."""
    minutes = minutes[:, : minutes.shape[1] // GROUP * GROUP]
    if minutes.shape[1] < LEAST:
        return None
    cut = GROUP * mser_truncation(_rates(_sums(minutes, minutes.shape[1] // GROUP)))
    kept = minutes[:, cut:]
    for many in BATCHES:
        trials, hits = _sums(kept, many)
        mean = float(hits.sum() / trials.sum()) if trials.sum() else math.nan
        rest = hits - mean * trials
        lag1 = lag1_correlation(rest)
        if not lag1 > 1.645 / math.sqrt(many) and cut < LATEST * minutes.shape[1]:
            half = (
                t_quantile(many - 1)
                * math.sqrt(many / (many - 1) * float((rest**2).sum()))
                / float(trials.sum())
            )
            low, high = mean - half, mean + half
            # nothing varied, which does not prove that nothing can
            if half == 0 and not math.isnan(mean):
                low, high = binomial(int(hits.sum()), int(trials.sum()))
            return (
                None
                if math.isnan(mean)
                else BatchMeans(mean, max(0.0, low), min(1.0, high), cut, many, lag1)
            )
    return BatchMeans(mean, None, None, cut, many, lag1)


def mser_truncation(values: np.ndarray) -> int:
    """How many first values to leave out: MSER's minimum of (sum of squares around the mean) / n²,
    over at most the first half."""
    last = len(values) // 2
    scores = [float(values[start:].var()) / (len(values) - start) for start in range(last + 1)]
    return int(np.argmin(scores))


def lag1_correlation(values: np.ndarray) -> float:
    """At lag 1; 0 for a constant."""
    centred = values - values.mean()
    total = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum()) / total if total > 0 else 0.0


def _sums(minutes: np.ndarray, many: int) -> np.ndarray:
    """By `many` batches of equal length; what is over at the beginning belongs to none."""
    size = minutes.shape[1] // many
    return np.asarray(
        minutes[:, minutes.shape[1] - size * many :].reshape(2, many, size).sum(axis=2)
    )


def _rates(sums: np.ndarray) -> np.ndarray:
    trials, hits = sums
    return np.asarray(hits[trials > 0] / trials[trials > 0])
