"""How often what is asked was asked before: a share of requests drawn from a catalogue by Zipf
popularity."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.fitting.likelihood import minimize, standard_errors
from simroute.statistics.estimate import Estimate

RANKS = 400
"""Groups of ranks with about the same popularity."""
MOST_COUNT = 4000


class RepeatFit(NamedTuple):
    """`again`: requests whose question had come before in the trace (what an exact cache that
    forgets nothing answers); the other three are keys of `repeats` in a scenario, None where too
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
    if n - len(counts) < 30:
        return RepeatFit(again, None, None, None)
    often, many = np.unique(np.minimum(counts, MOST_COUNT), return_counts=True)

    def cost(theta: np.ndarray) -> float:
        part, size, exponent = _told(theta)
        if size > 1e6 or exponent > 5:
            return 1e18
        edges = np.unique(np.rint(np.geomspace(1, size + 1, RANKS)))
        width, middle = np.diff(edges), np.sqrt(edges[:-1] * np.maximum(edges[1:] - 1, edges[:-1]))
        weights = middle**-exponent
        mean = n * part * weights / (weights * width).sum()
        return _poisson_mixture(often, many, mean, width, n * (1 - part))

    starts = [
        np.array(
            [
                _odds(min(0.95, 1.3 * again.value)),
                math.log(max(20.0, 0.5 * len(counts))),
                math.log(s),
            ]
        )
        for s in (0.4, 1.0)
    ]
    theta = min((minimize(cost, start, 300, 0.4) for start in starts), key=lambda one: one[1])[0]
    theta, _ = minimize(cost, theta, 300, 0.1)
    spread = standard_errors(cost, theta, 1e-2)
    part, size, exponent = _told(theta)
    found = part, size, exponent
    if not spread.max() < 5:
        return RepeatFit(again, *(Estimate(value, None, None, n) for value in found))
    ends = [
        (_told(theta - 1.96 * spread * axis), _told(theta + 1.96 * spread * axis))
        for axis in np.eye(3)
    ]
    each = [Estimate(value, ends[k][0][k], ends[k][1][k], n) for k, value in enumerate(found)]
    return RepeatFit(again, *each)


def _poisson_mixture(
    often: np.ndarray, many: np.ndarray, mean: np.ndarray, width: np.ndarray, single: float
) -> float:
    """Minus the log-likelihood of how many questions were asked 1, 2, 3 … times: Poisson counts of
    counts, those asked once by nobody else added."""
    from scipy.special import gammaln

    chances = np.exp(often[:, None] * np.log(mean) - mean - gammaln(often + 1)[:, None])
    due = chances @ width
    due[often == 1] += single
    seen = float((width * -np.expm1(-mean)).sum()) + single
    return seen - float((many * np.log(np.maximum(due, 1e-300))).sum())


def _told(theta: np.ndarray) -> tuple[float, float, float]:
    bounded = np.clip(theta, -20, 20)
    return 1 / (1 + math.exp(-bounded[0])), math.exp(bounded[1]), math.exp(bounded[2])


def _odds(share: float) -> float:
    share = min(max(share, 0.01), 0.99)
    return math.log(share / (1 - share))
