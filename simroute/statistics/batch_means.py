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
    """A success rate from one run. `low`, `high`: None where even ten batches correlate; `lag1`:
    correlation of neighbouring batches."""

    mean: float
    low: float | None
    high: float | None
    warmup_minutes: int
    batches: int
    lag1: float

    def plain(self) -> dict[str, Any]:
        """As in summary.json."""
        return {**self._asdict(), "method": "batch means after MSER-5 truncation, within one run"}


def batch_means(minutes: np.ndarray) -> BatchMeans | None:
    """The success rate of a run. `minutes`: two rows, arrivals and successes by minute. None if
    there are fewer than a hundred minutes, or no arrivals."""
    minutes = minutes[:, : minutes.shape[1] // GROUP * GROUP]
    if minutes.shape[1] < LEAST:
        return None
    cut = GROUP * mser_truncation(_rates(_batch_sums(minutes, minutes.shape[1] // GROUP)))
    for batches in BATCHES:
        trials, hits = _batch_sums(minutes[:, cut:], batches)
        total = float(trials.sum())
        mean = float(hits.sum() / total) if total else math.nan
        residuals = hits - mean * trials
        lag1 = lag1_correlation(residuals)
        if lag1 > 1.645 / math.sqrt(batches) or cut >= LATEST * minutes.shape[1]:
            continue
        if math.isnan(mean):
            return None
        squares = batches / (batches - 1) * float((residuals**2).sum())
        half = t_quantile(batches - 1) * math.sqrt(squares) / total
        low, high = mean - half, mean + half
        if half == 0:  # nothing varied, which does not prove that nothing can
            low, high = binomial(int(hits.sum()), int(total))
        return BatchMeans(mean, max(0.0, low), min(1.0, high), cut, batches, lag1)
    return BatchMeans(mean, None, None, cut, batches, lag1)


def mser_truncation(values: np.ndarray) -> int:
    """The number of first values to leave out: where (sum of squares around the mean) / n² of the
    rest is least, over at most the first half."""
    last = len(values) // 2
    scores = [float(values[start:].var()) / (len(values) - start) for start in range(last + 1)]
    return int(np.argmin(scores))


def lag1_correlation(values: np.ndarray) -> float:
    """The correlation of neighbours; 0 for a constant."""
    centred = values - values.mean()
    total = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum()) / total if total > 0 else 0.0


def _batch_sums(minutes: np.ndarray, batches: int) -> np.ndarray:
    """Sums over batches of equal length; minutes that are over at the beginning are left out."""
    size = minutes.shape[1] // batches
    kept = minutes[:, minutes.shape[1] - size * batches :]
    return np.asarray(kept.reshape(2, batches, size).sum(axis=2))


def _rates(sums: np.ndarray) -> np.ndarray:
    trials, hits = sums
    return np.asarray(hits[trials > 0] / trials[trials > 0])
