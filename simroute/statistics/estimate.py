"""A fitted number with its 95 % interval, and where such intervals come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


class Estimate(NamedTuple):
    """`low` and `high`: 95 % bounds, None where none is known; `n`: observations behind it."""

    value: float
    low: float | None
    high: float | None
    n: int

    def said(self, digits: int = 3) -> str:
        """As a comment of a file says it."""
        if self.low is None or self.high is None:
            return f"n = {self.n:,}"
        return f"95 %: {self.low:.{digits}g} to {self.high:.{digits}g}, n = {self.n:,}"

    def holds(self, value: float) -> bool:
        """Whether the interval holds this."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


def share(count: int, n: int) -> Estimate:
    """Of a binomial count: exact bounds (Clopper and Pearson)."""
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 0.975)) if count < n else 1.0
    return Estimate(count / n, low, high, n)


def mean(values: np.ndarray) -> Estimate:
    """Of independent values: Student's t."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return Estimate(float(values.mean()), None, None, n)
    half = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(
        float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, n
    )


def median(values: np.ndarray) -> Estimate:
    """Of independent values: order statistics."""
    n = len(values)
    held = np.sort(values)
    half = Z * math.sqrt(n) / 2
    low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
    return Estimate(float(np.median(held)), float(held[low]), float(held[high]), n)


def log_spread(found: float, relative: float, n: int) -> Estimate:
    """Of something positive whose logarithm has this standard error."""
    return Estimate(found, found * math.exp(-Z * relative), found * math.exp(Z * relative), n)


def minimum(
    cost: Callable[[np.ndarray], float], start: np.ndarray, tries: int = 400, step: float = 0.25
) -> tuple[np.ndarray, float]:
    """(where, how low) by Nelder and Mead from `start`."""
    from scipy.optimize import minimize

    corners = np.vstack([start, start + step * np.eye(len(start))])
    found = minimize(
        cost,
        start,
        method="Nelder-Mead",
        options={"maxfev": tries, "xatol": 1e-4, "fatol": 1e-3, "initial_simplex": corners},
    )
    return np.asarray(found.x), float(found.fun)


def errors_at(
    cost: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """Standard errors from the curvature of minus the log-likelihood; infinite for what it does not
    tell."""
    size = len(at)
    steps = step * np.maximum(1.0, np.abs(at))
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            di, dj = np.zeros(size), np.zeros(size)
            di[i], dj[j] = steps[i], steps[j]
            second = (
                cost(at + di + dj) - cost(at + di - dj) - cost(at - di + dj) + cost(at - di - dj)
            )
            hessian[i, j] = hessian[j, i] = second / (4 * steps[i] * steps[j])
    # what the likelihood does not depend on is left out
    steep = np.diag(hessian) > 1e-6 * max(float(np.diag(hessian).max()), 1e-300)
    found = np.full(size, math.inf)
    try:
        variance = np.diag(np.linalg.inv(hessian[np.ix_(steep, steep)]))
    except np.linalg.LinAlgError:
        return found
    found[steep] = np.where(
        (variance > 0) & np.isfinite(variance), np.sqrt(np.maximum(variance, 0.0)), math.inf
    )
    return found


def bic(cost: float, parameters: int, n: int) -> float:
    """Schwarz's criterion of minus a log-likelihood: less is better."""
    return 2 * cost + parameters * math.log(max(n, 2))
