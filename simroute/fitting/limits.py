"""Which limit of requests or tokens a minute explains a log's 429s: the one whose bucket would have
refused them, and admitted the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

MIN_REFUSED = 10
"""429s from which on a limit is looked for."""
MAX_CALLS = 20_000
"""Calls looked at, up to the last 429."""
MIN_AGREEMENT = 0.9
"""Agreement from which on a limit explains the 429s: the mean of the shares of refused and of
admitted calls that it tells right."""
GRID, ROUNDS = 48, 3
WINDOWS = (10.0, 1.0)
"""Seconds over which providers count requests where not over a minute. Looked at where a minute
does not explain the 429s."""
EXPLAINED = 0.995
"""Agreement from which on nothing else is looked for."""


class LimitFit(NamedTuple):
    """axis: "rpm" or "tpm". agreement: mean of the shares of refused and of admitted calls that it
    tells right. refused: number of refused calls. window: seconds over which requests are
    counted.

    Quotas, limits by the day, charge rules and limits that deployments share are not learned: a
    log's rows seldom tell them from a lower rate.
    """

    axis: str
    value: Estimate
    agreement: float
    refused: int
    window: float = 60.0


def fit_limit(calls: Calls) -> LimitFit | None:
    """The limit that agrees best; None where no bucket explains the refusals, or there are few.

    Bounds: all values that agree as well, to 1 %.
    """
    refused = calls.status == 429
    if refused.sum() < MIN_REFUSED or refused.all():
        return None
    stop, index = int(np.flatnonzero(refused)[-1]) + 1, np.arange(len(refused))
    calls = calls.where((index < stop) & (index >= stop - MAX_CALLS))
    refused = calls.status == 429
    tokens = calls.input_tokens + np.where(
        refused, np.median(calls.output_tokens[~refused]), calls.output_tokens
    )
    fits = {
        axis: _search(calls.t, amounts, refused, least)
        for axis, amounts, least in (("rpm", np.ones(len(tokens)), 1.0), ("tpm", tokens, 0.0))
        if amounts.any()
    }
    axis, window = max(fits, key=lambda name: fits[name][1]), 60.0
    value, agreement = fits[axis]
    if agreement < EXPLAINED:
        ones = np.ones(len(tokens))
        for seconds in WINDOWS:
            other, agrees = _search(calls.t, ones, refused, 1.0, seconds / 60)
            if agrees > agreement + 0.01:
                axis, value, agreement, window = "rpm", other, agrees, seconds
    if agreement < MIN_AGREEMENT:
        return None
    return LimitFit(axis, value, agreement, int(refused.sum()), window)


def _search(
    t: np.ndarray, amounts: np.ndarray, refused: np.ndarray, least: float, part: float = 1.0
) -> tuple[Estimate, float]:
    """(limit, agreement), by ever finer grids. least: smallest capacity of a bucket; part: of a
    minute's worth that it holds."""
    admitted = np.where(refused, 0.0, amounts)  # a refusal takes nothing
    span = max(t[-1] - t[0], 1.0)
    mean = admitted.sum() / span * 60
    low, high = max(1.0, 0.02 * mean), max(50.0 * mean, 2 * admitted.sum())
    for _ in range(ROUNDS):
        grid = np.geomspace(low, high, GRID)
        agreement = _agreement(t, amounts, refused, grid, (least, part))
        good = np.flatnonzero(agreement >= agreement.max() - 0.01)
        low, high = grid[max(good[0] - 1, 0)], grid[min(good[-1] + 1, GRID - 1)]
    best = np.flatnonzero(agreement == agreement.max())
    value = float(np.sqrt(grid[best[0]] * grid[best[-1]]))
    return Estimate(value, float(low), float(high), len(refused)), float(agreement.max())


def _agreement(
    t: np.ndarray,
    amounts: np.ndarray,
    refused: np.ndarray,
    limits: np.ndarray,
    held: tuple[float, float],
) -> np.ndarray:
    """The agreement of each limit a minute: of a bucket that holds at least so much, and such a
    part of a minute's worth (`held`), from which only what was admitted is taken."""
    least, part = held
    capacity, refill = np.maximum(limits * part, least), limits / 60
    level = capacity.copy()
    right = np.zeros((2, len(limits)))
    gaps = np.diff(t, prepend=t[0]).tolist()
    for gap, amount, was_refused in zip(gaps, amounts.tolist(), refused.tolist(), strict=True):
        level = np.minimum(capacity, level + gap * refill)
        demand = np.minimum(amount, capacity)
        fits = demand <= level + 1e-9 * capacity
        # what happened corrects the level: else a small error of the limit would add up
        if was_refused:
            right[0] += ~fits
            level = np.minimum(level, demand)
        else:
            right[1] += fits
            level = np.maximum(level, demand) - demand
    counts = np.array([refused.sum(), (~refused).sum()])
    return np.asarray((right / counts[:, None]).mean(axis=0))
