"""How long prompts and answers are: a short table of quantiles, since no family of two parameters
fits them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.models.lengths import quantile_table
from simroute.statistics.estimate import Estimate, Z

CLOSE, MOST = 0.01, 30
"""A table has another entry until the distance of Kolmogorov and Smirnov is below `CLOSE`, and at
most `MOST` entries."""
FIRST = (0.0, 0.1, 0.5, 0.9, 0.99, 1.0)
TAIL, RARE = (0.997, 0.999, 0.9997, 0.9999, 0.99997, 0.99999), 3
"""Further entries, each with `RARE` texts beyond it: a straight line from p99 to the longest would
make the longest far too many."""


class LengthFit(NamedTuple):
    """`quantiles`: name -> tokens, as a scenario has them; `distance`: of Kolmogorov and Smirnov
    from the trace; `within`: by how much any entry's share of texts may be wrong (95 %, all entries
    at once: Dvoretzky, Kiefer, Wolfowitz, Massart)."""

    quantiles: dict[str, float]
    distance: float
    within: float
    n: int


def fit_lengths(tokens: np.ndarray) -> LengthFit:
    """The table of whole tokens of at least 1."""
    held = np.sort(np.maximum(np.rint(tokens), 1))
    points, counts = np.unique(held, return_counts=True)
    below = np.cumsum(counts) / len(held)
    shares = sorted([*FIRST, *(share for share in TAIL if (1 - share) * len(held) >= RARE)])
    made = _made(held, shares)
    while True:
        apart = np.abs(below - _below(points + 0.5, *quantile_table(made)))  # lengths are rounded
        place = int(apart.argmax())
        share = round(float(below[place]), 4 if below[place] > 0.99 else 3)
        if apart[place] <= CLOSE or len(shares) >= MOST or share in shares:
            return LengthFit(
                made,
                float(apart[place]),
                math.sqrt(math.log(2 / 0.05) / (2 * len(held))),
                len(held),
            )
        shares.append(share)
        made = _made(held, sorted(shares))


def rank_correlation(asked: np.ndarray, given: np.ndarray) -> Estimate:
    """Of normal scores of prompts' and answers' lengths."""
    from scipy.special import ndtri

    n = len(asked)
    if n < 4 or asked.min() == asked.max() or given.min() == given.max():
        return Estimate(0.0, None, None, n)
    one, two = (ndtri((_rank(values) + 0.5) / n) for values in (asked, given))
    found = float(np.clip(np.corrcoef(one, two)[0, 1], -0.9999, 0.9999))
    half = Z / math.sqrt(n - 3)
    return Estimate(
        found, math.tanh(math.atanh(found) - half), math.tanh(math.atanh(found) + half), n
    )


def _rank(values: np.ndarray) -> np.ndarray:
    """From 0; equal ones share the middle of theirs."""
    held = np.sort(values)
    return np.asarray(
        (np.searchsorted(held, values) + np.searchsorted(held, values, "right") - 1) / 2
    )


def _made(held: np.ndarray, shares: list[float]) -> dict[str, float]:
    found = np.maximum.accumulate(np.rint(np.quantile(held, shares)))
    return {
        f"p{round(100 * share, 4):g}": float(tokens)
        for share, tokens in zip(shares, found, strict=True)
    }


def _below(points: np.ndarray, shares: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The share of texts below these lengths, by the table; where it jumps, the upper end."""
    last = len(tokens) - 1 - np.unique(tokens[::-1], return_index=True)[1]
    first = np.unique(tokens, return_index=True)[1]
    steps = np.concatenate([tokens[first], tokens[last] + 1e-9])
    order = np.argsort(steps, kind="stable")
    return np.asarray(
        np.interp(points, steps[order], np.concatenate([shares[first], shares[last]])[order])
    )
