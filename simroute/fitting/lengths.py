"""How long prompts and answers are: a short table of quantiles, since no family of two parameters
fits them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.models.lengths import quantile_table
from simroute.statistics.estimate import Estimate, Z

CLOSE, MAX_ENTRIES = 0.01, 30
"""Entries are added to a table until its Kolmogorov-Smirnov distance is below `CLOSE`, at most to
`MAX_ENTRIES`."""
FIRST_SHARES = (0.0, 0.1, 0.5, 0.9, 0.99, 1.0)
TAIL_SHARES, MIN_BEYOND = (0.997, 0.999, 0.9997, 0.9999, 0.99997, 0.99999), 3
"""Entries for those shares beyond which there are `MIN_BEYOND` texts: a straight line from p99 to
the longest text would make far too many of the longest."""


class LengthFit(NamedTuple):
    """quantiles: name -> tokens, as a scenario has them. distance: of Kolmogorov and Smirnov from
    the trace. within: error of the share of texts at any entry (95 %, all entries at once:
    Dvoretzky, Kiefer, Wolfowitz, Massart)."""

    quantiles: dict[str, float]
    distance: float
    within: float
    n: int


def fit_lengths(tokens: np.ndarray) -> LengthFit:
    """The table of lengths, in whole tokens of at least 1."""
    ordered = np.sort(np.maximum(np.rint(tokens), 1))
    n = len(ordered)
    points, counts = np.unique(ordered, return_counts=True)
    below = np.cumsum(counts) / n
    shares = sorted([*FIRST_SHARES, *(s for s in TAIL_SHARES if (1 - s) * n >= MIN_BEYOND)])
    while True:
        quantiles = _quantiles(ordered, sorted(shares))
        distance = np.abs(below - _share_below(points + 0.5, *quantile_table(quantiles)))
        worst = int(distance.argmax())
        share = round(float(below[worst]), 4 if below[worst] > 0.99 else 3)
        if distance[worst] <= CLOSE or len(shares) >= MAX_ENTRIES or share in shares:
            within = math.sqrt(math.log(2 / 0.05) / (2 * n))
            return LengthFit(quantiles, float(distance[worst]), within, n)
        shares.append(share)


def rank_correlation(prompts: np.ndarray, answers: np.ndarray) -> Estimate:
    """Correlation of normal scores of prompts' and answers' lengths."""
    from scipy.special import ndtri

    n = len(prompts)
    if n < 4 or prompts.min() == prompts.max() or answers.min() == answers.max():
        return Estimate(0.0, None, None, n)
    scores = [ndtri((ranks + 0.5) / n)[place] for ranks, place in map(_ranks, (prompts, answers))]
    value = float(np.clip(np.corrcoef(*scores)[0, 1], -0.9999, 0.9999))
    z, half = math.atanh(value), Z / math.sqrt(n - 3)
    return Estimate(value, math.tanh(z - half), math.tanh(z + half), n)


def _ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rank of each distinct value, from 0; each value's place among them). Equal values share the
    middle of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.cumsum(counts) - (counts + 1) / 2, place


def _quantiles(ordered: np.ndarray, shares: list[float]) -> dict[str, float]:
    values = np.maximum.accumulate(np.rint(np.quantile(ordered, shares)))
    names = (f"p{round(100 * share, 4):g}" for share in shares)
    return {name: float(tokens) for name, tokens in zip(names, values, strict=True)}


def _share_below(points: np.ndarray, shares: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The share of texts below these lengths, by the table; where it jumps, the upper end."""
    last = len(tokens) - 1 - np.unique(tokens[::-1], return_index=True)[1]
    first = np.unique(tokens, return_index=True)[1]
    steps = np.concatenate([tokens[first], tokens[last] + 1e-9])
    order = np.argsort(steps, kind="stable")
    return np.asarray(
        np.interp(points, steps[order], np.concatenate([shares[first], shares[last]])[order])
    )
