"""Which limit of requests or tokens a minute explains a log's 429s: the one whose bucket would have
refused them, and let the others pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

FEW = 10
"""429s from which on a limit is looked for."""
MOST = 20_000
"""Calls looked at, up to the last 429."""
AGREES = 0.9
"""A limit must tell refused and admitted calls apart this well: the mean of the shares of each that
it tells right."""
GRID, ROUNDS = 48, 3


class LimitFit(NamedTuple):
    """`axis`: "rpm" or "tpm"; `agrees`: mean of the shares of refusals and of admissions that it
    tells; `asked`: refused calls."""

    axis: str
    value: Estimate
    agrees: float
    asked: int


def fit_limit(calls: Calls) -> LimitFit | None:
    """The axis and its value, None where no bucket explains the refusals (or there are few).
    Bounds: all that agree as well, to 1 %."""
    refused = calls.status == 429
    if refused.sum() < FEW or refused.all():
        return None
    stop = int(np.flatnonzero(refused)[-1]) + 1
    seen = calls.where((np.arange(len(refused)) < stop) & (np.arange(len(refused)) >= stop - MOST))
    refused = seen.status == 429
    tokens = seen.input_tokens + np.where(
        refused, np.median(seen.output_tokens[~refused]), seen.output_tokens
    )
    axes = {"rpm": np.ones(len(tokens)), "tpm": tokens}
    found = {
        axis: _searched(seen.t, amounts, refused, axis)
        for axis, amounts in axes.items()
        if amounts.any()
    }
    axis = max(found, key=lambda one: found[one][1])
    value, agrees, low, high = found[axis]
    if agrees < AGREES:
        return None
    return LimitFit(axis, Estimate(value, low, high, len(refused)), agrees, int(refused.sum()))


def _searched(
    t: np.ndarray, amounts: np.ndarray, refused: np.ndarray, axis: str
) -> tuple[float, float, float, float]:
    """(best, how well it agrees, lowest and highest that agree as well to 1 %): ever finer
    grids."""
    admitted = np.where(refused, 0.0, amounts)  # a refusal takes nothing
    span = max(t[-1] - t[0], 1.0)
    mean = admitted.sum() / span * 60
    low, high = max(1.0, 0.02 * mean), max(50.0 * mean, 2 * admitted.sum())
    for _ in range(ROUNDS):
        grid = np.geomspace(low, high, GRID)
        agreed = _agreed(t, amounts, refused, grid, 1.0 if axis == "rpm" else 0.0)
        good = np.flatnonzero(agreed >= agreed.max() - 0.01)
        low, high = grid[max(good[0] - 1, 0)], grid[min(good[-1] + 1, GRID - 1)]
    best = np.flatnonzero(agreed == agreed.max())
    return (
        float(np.sqrt(grid[best[0]] * grid[best[-1]])),
        float(agreed.max()),
        float(low),
        float(high),
    )


def _agreed(
    t: np.ndarray, amounts: np.ndarray, refused: np.ndarray, limits: np.ndarray, least: float
) -> np.ndarray:
    """For each limit a minute: a bucket that holds a minute's worth, from which only what was
    admitted is taken, and what it would have said."""
    capacity, refill = np.maximum(limits, least), limits / 60
    level = capacity.copy()
    right = np.zeros((2, len(limits)))
    gaps = np.diff(t, prepend=t[0]).tolist()
    for gap, amount, said in zip(gaps, amounts.tolist(), refused.tolist(), strict=True):
        level = np.minimum(capacity, level + gap * refill)
        taken = np.minimum(amount, capacity)
        fits = taken <= level + 1e-9 * capacity
        if said:  # what happened corrects the level: else a small error of the limit would add up
            right[0] += ~fits
            level = np.minimum(level, taken)
        else:
            right[1] += fits
            level = np.maximum(level, taken) - taken
    counts = np.array([refused.sum(), (~refused).sum()])
    return np.asarray((right / counts[:, None]).mean(axis=0))
