"""A two-state Markov process in continuous time: the likelihood of observations, as a product of
2 × 2 matrices taken pair by pair."""

from __future__ import annotations

import numpy as np


def log_likelihood(start: tuple[float, float], steps: np.ndarray) -> float:
    """log(start · step 0 · step 1 ⋯ 1).

    steps: (2, 2, n), entries ≥ 0. All pairs are multiplied at once, then pairs of pairs.
    """
    product, scale = steps, 0.0
    while product.shape[2] > 1:
        if product.shape[2] % 2:
            product = np.concatenate([product, np.eye(2)[:, :, None]], axis=2)
        left, right = product[:, :, 0::2], product[:, :, 1::2]
        product = left[:, :1] * right[:1] + left[:, 1:] * right[1:]
        largest = np.maximum(product.max(axis=(0, 1)), 1e-300)
        product, scale = product / largest, scale + float(np.log(largest).sum())
    last = product[:, :, 0].sum(axis=1)
    return float(np.log(max(start[0] * last[0] + start[1] * last[1], 1e-300))) + scale


def transitions(busy: float, spell: float, gap: np.ndarray) -> np.ndarray:
    """(2, 2, n): probabilities of each state after gaps of n lengths (s), by the state before.

    State 0 lasts `spell` seconds on average and holds for the share `busy` of time.
    """
    stay = np.exp(-(1 / spell + busy / (spell * (1 - busy))) * gap)
    return np.array(
        [
            [busy + (1 - busy) * stay, (1 - busy) * (1 - stay)],
            [busy * (1 - stay), (1 - busy) + busy * stay],
        ]
    )


def arrival_densities(
    busy: float, spell: float, factors: tuple[float, float], gap: np.ndarray, expected: np.ndarray
) -> np.ndarray:
    """(2, 2, n): densities of a gap without arrivals and an arrival at its end, by the states at
    both ends.

    factors: of the rate in each state; expected: arrivals in each gap at factor 1.
    """
    leave = 1 / spell, busy / (spell * (1 - busy))
    a, d = -leave[0] * gap - factors[0] * expected, -leave[1] * gap - factors[1] * expected
    middle, half = (a + d) / 2, np.sqrt(((a - d) / 2) ** 2 + leave[0] * leave[1] * gap**2)
    grown, shrunk = np.exp(middle + half), np.exp(middle - half)
    flat, slope = (grown + shrunk) / 2, (grown - shrunk) / (2 * np.maximum(half, 1e-12))
    ends = [
        [flat + slope * (a - middle), slope * leave[0] * gap],
        [slope * leave[1] * gap, flat + slope * (d - middle)],
    ]
    return np.array([[row[0] * factors[0], row[1] * factors[1]] for row in ends])
