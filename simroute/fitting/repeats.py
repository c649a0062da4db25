"""How often a question was asked before: a share of requests drawn from a catalogue by Zipf
popularity."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.fitting.likelihood import (
    logit,
    minimize,
    minimize_from,
    natural_estimates,
    standard_errors,
)
from simroute.statistics.estimate import Estimate

RANK_GROUPS = 400
"""Groups of ranks with about the same popularity."""
MAX_COUNT = 4000
MIN_REPEATED = 30
"""Requests that came again, from which on a catalogue is fitted."""


class RepeatFit(NamedTuple):
    """again: share of requests whose question had come before in the trace (what an exact cache
    that forgets nothing answers). The others are keys of `repeats` in a scenario; None where too
    little is repeated to fit them."""

    again: Estimate
    share: Estimate | None
    questions: Estimate | None
    exponent: Estimate | None


def fit_repeats(counts: np.ndarray) -> RepeatFit | None:
    """counts: how often each question was asked. None where the log does not tell questions
    apart."""
    n = int(counts.sum())
    if n == 0:
        return None
    again = Estimate.of_share(n - len(counts), n)
    if n - len(counts) < MIN_REPEATED:
        return RepeatFit(again, None, None, None)
    times, questions = np.unique(np.minimum(counts, MAX_COUNT), return_counts=True)

    def cost(theta: np.ndarray) -> float:
        share, size, exponent = _natural(theta)
        if size > 1e6 or exponent > 5:
            return 1e18
        edges = np.unique(np.rint(np.geomspace(1, size + 1, RANK_GROUPS)))
        width, middle = np.diff(edges), np.sqrt(edges[:-1] * np.maximum(edges[1:] - 1, edges[:-1]))
        weights = middle**-exponent
        mean = n * share * weights / (weights * width).sum()
        return _poisson_mixture(times, questions, mean, width, n * (1 - share))

    share = min(max(min(0.95, 1.3 * again.value), 0.01), 0.99)
    size = math.log(max(20.0, 0.5 * len(counts)))
    starts = [np.array([logit(share), size, math.log(exponent)]) for exponent in (0.4, 1.0)]
    theta, _ = minimize(cost, minimize_from(cost, starts, 300, 0.4)[0], 300, 0.1)
    errors = standard_errors(cost, theta, 1e-2)
    if not errors.max() < 5:
        return RepeatFit(again, *(Estimate(value, None, None, n) for value in _natural(theta)))
    return RepeatFit(again, *natural_estimates(_natural, theta, errors, n))


def _poisson_mixture(
    times: np.ndarray, questions: np.ndarray, mean: np.ndarray, width: np.ndarray, single: float
) -> float:
    """Minus the log-likelihood of the numbers of questions that were asked so many times.

    times, questions: how often, and how many questions. mean, width: expected requests for a
    question of each group of ranks, and questions in it. single: expected questions outside of the
    catalogue, asked once.
    """
    from scipy.special import gammaln

    chances = np.exp(times[:, None] * np.log(mean) - mean - gammaln(times + 1)[:, None])
    expected = chances @ width
    expected[times == 1] += single
    total = float((width * -np.expm1(-mean)).sum()) + single
    return total - float((questions * np.log(np.maximum(expected, 1e-300))).sum())


def _natural(theta: np.ndarray) -> tuple[float, float, float]:
    """(share, questions, exponent) from a logit and two logarithms, each cut at ±20."""
    bounded = np.clip(theta, -20, 20)
    return 1 / (1 + math.exp(-bounded[0])), math.exp(bounded[1]), math.exp(bounded[2])
