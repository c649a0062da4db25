"""Maximum likelihood: where minus the log-likelihood is least, standard errors, and a criterion to
choose between families."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def minimize(
    cost: Callable[[np.ndarray], float], start: np.ndarray, tries: int = 400, step: float = 0.25
) -> tuple[np.ndarray, float]:
    """(where, how low) by Nelder and Mead from `start`."""
    from scipy import optimize

    corners = np.vstack([start, start + step * np.eye(len(start))])
    found = optimize.minimize(
        cost,
        start,
        method="Nelder-Mead",
        options={"maxfev": tries, "xatol": 1e-4, "fatol": 1e-3, "initial_simplex": corners},
    )
    return np.asarray(found.x), float(found.fun)


def standard_errors(
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
