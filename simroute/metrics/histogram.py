"""Quantiles and the mean of any number of values in fixed memory."""

from __future__ import annotations

import math

import numpy as np

from simroute.metrics.counting import count_places


class Histogram:
    """Counts of positive numbers in cells 0.2 % wide: the middle of a cell is at most 0.1 % off."""

    LOW, RATIO, CELLS = 1e-4, np.log(1.002), 11_600  # from 0.1 ms to over 1e6 s

    def __init__(self) -> None:
        self.counts = np.zeros(self.CELLS, np.int64)

    def add(self, values: np.ndarray) -> None:
        cells = np.log(np.maximum(values, self.LOW) / self.LOW) / self.RATIO
        count_places(self.counts, np.minimum(cells.astype(np.int64), self.CELLS - 1))

    def mean(self) -> float | None:
        """The mean, at most 0.1 % off; None without values."""
        (cells,) = np.nonzero(self.counts)
        if not len(cells):
            return None
        parts = self.counts[cells] * (self.LOW * np.exp((cells + 0.5) * self.RATIO))
        return math.fsum(parts.tolist()) / int(self.counts.sum())

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least `share` of the values do not exceed; None without
        values."""
        total = int(self.counts.sum())
        if total == 0:
            return None
        cell = int(np.searchsorted(np.cumsum(self.counts), share * total - 1e-9))
        return float(self.LOW * np.exp((cell + 0.5) * self.RATIO))
