"""Maximum likelihood: the minimum of minus the log-likelihood, standard errors, and a criterion to
choose between families."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simroute.statistics.estimate import Estimate

Cost = Callable[[np.ndarray], float]
"""Minus the log-likelihood of parameters."""
SmoothCost = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""The same with its gradient."""
FLAT = 1e-3
"""Steepest gradient of a minimum: a parameter with a standard error s is FLAT·s of its standard
errors away from it."""


def minimize(
    cost: Cost, start: np.ndarray, tries: int = 400, step: float = 0.25
) -> tuple[np.ndarray, float]:
    """(parameters, cost) at the minimum found by Nelder and Mead from `start`."""
    from scipy.optimize import minimize

    corners = np.vstack([start, start + step * np.eye(len(start))])
    result = minimize(
        cost,
        start,
        method="Nelder-Mead",
        options={"maxfev": tries, "xatol": 1e-4, "fatol": 1e-3, "initial_simplex": corners},
    )
    return np.asarray(result.x), float(result.fun)


def minimize_from(
    cost: Cost, starts: list[np.ndarray], tries: int = 400, step: float = 0.25
) -> tuple[np.ndarray, float]:
    """The best of the minima found from each start."""
    return min((minimize(cost, start, tries, step) for start in starts), key=lambda item: item[1])


def descend(cost: SmoothCost, starts: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """(parameters, cost) at the lowest of the minima below `starts`, by the gradient (Broyden,
    Fletcher, Goldfarb and Shanno)."""
    from scipy.optimize import minimize

    results = [
        minimize(cost, start, jac=True, method="BFGS", options={"gtol": FLAT}) for start in starts
    ]
    lowest = min(results, key=lambda result: float(result.fun))
    return np.asarray(lowest.x), float(lowest.fun)


def standard_errors(cost: Cost, at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Standard errors from the curvature of the cost; infinite for parameters that do not change
    it."""
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
    # parameters on which the likelihood does not depend are left out
    steep = np.diag(hessian) > 1e-6 * max(float(np.diag(hessian).max()), 1e-300)
    errors = np.full(size, math.inf)
    try:
        variance = np.diag(np.linalg.inv(hessian[np.ix_(steep, steep)]))
    except np.linalg.LinAlgError:
        return errors
    errors[steep] = np.where(
        (variance > 0) & np.isfinite(variance), np.sqrt(np.maximum(variance, 0.0)), math.inf
    )
    return errors


def bic(cost: float, parameters: int, n: int) -> float:
    """Schwarz's criterion of minus a log-likelihood: less is better."""
    return 2 * cost + parameters * math.log(max(n, 2))


def logit(share: float) -> float:
    """log(share / (1 - share))."""
    return math.log(share / (1 - share))


def inverse_logit(x: float) -> float:
    """The share whose logit is x, which is cut at ±30."""
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))


def share_estimate(x: float, error: float, n: int, scale: float = 1.0) -> Estimate:
    """`scale` times the share whose logit is x, with bounds from the standard error of the logit;
    none where that is 5 or more."""
    if not error < 5:
        return Estimate(scale * inverse_logit(x), None, None, n)
    value, low, high = (scale * inverse_logit(x + sign * 1.96 * error) for sign in (0, -1, 1))
    return Estimate(value, low, high, n)


def natural_estimates(
    natural: Callable[[np.ndarray], tuple[float, ...]],
    theta: np.ndarray,
    errors: np.ndarray,
    n: int,
) -> list[Estimate]:
    """Parameters on their natural scale, each with bounds from its own standard error.

    natural: turns the parameters `theta` of the likelihood into natural ones, in the same order.
    """
    estimates = []
    for k, value in enumerate(natural(theta)):
        shift = 1.96 * errors * np.eye(len(theta))[k]
        estimates.append(Estimate(value, natural(theta - shift)[k], natural(theta + shift)[k], n))
    return estimates
