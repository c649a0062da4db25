"""Families of distributions around a median of 1, as functions of a standard normal score: so that
what correlates two times, or one time with another's, holds in each of them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from simroute.models import spec
from simroute.models.lengths import quantile_table

ALIKE = 1e-3
"""Below this sd of its log a gamma variable is lognormal, for all that floats can tell."""


def spread_times(latency: spec.Latency, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors of the time to the first token, and of the time per token, at two rows of scores."""
    family = latency.family
    if family == "lognormal":
        return np.exp(latency.sigma * normal[0]), np.exp(latency.token_sigma * normal[1])
    if family == "fixed":
        return np.ones_like(normal[0]), np.ones_like(normal[1])
    if family == "empirical":
        tables = latency.quantiles, latency.token_quantiles
        first, token = (
            _interpolated(table, scores) for table, scores in zip(tables, normal, strict=True)
        )
        return first, token
    if family == "exponential":
        return _exponential(normal[0]), _exponential(normal[1])
    return _gamma(latency.sigma, normal[0]), _gamma(latency.token_sigma, normal[1])


def _exponential(normal: np.ndarray) -> np.ndarray:
    from scipy.special import log_ndtr

    return np.asarray(-log_ndtr(-normal) / math.log(2))


def _gamma(sigma: float, normal: np.ndarray) -> np.ndarray:
    """Of the shape at which the log has this sd."""
    if sigma < ALIKE:
        return np.exp(sigma * normal)
    from scipy.special import gammainccinv, ndtr

    shape = gamma_shape(sigma)
    return np.asarray(gammainccinv(shape, ndtr(-normal)) / gammainccinv(shape, 0.5))


@lru_cache(maxsize=256)
def gamma_shape(sigma: float) -> float:
    """The shape k of a gamma variable whose log has the sd `sigma`: trigamma(k) = sigma^2."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    # 1/k < trigamma(k) < 1/k + 1/k^2
    low, high = 1 / (sigma**2 + 1) / 2, 2 / sigma**2 + 2
    return float(brentq(lambda shape: polygamma(1, shape) - sigma**2, low, high, xtol=1e-12))


def _interpolated(quantiles: dict[str, float], normal: np.ndarray) -> np.ndarray:
    if not quantiles:
        return np.ones_like(normal)
    from scipy.special import ndtr

    return np.asarray(np.interp(ndtr(normal), *quantile_table(quantiles)))
