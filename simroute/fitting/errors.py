"""How errors come in fair weather: each call by a coin, or in spells (Gilbert's two states in
time)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.fitting import two_state
from simroute.fitting.likelihood import (
    bic,
    inverse_logit,
    logit,
    minimize,
    minimize_from,
    share_estimate,
    standard_errors,
)
from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate
from simroute.traces.failures import ABANDONED

MAX_CALLS = 40_000
"""Calls in which spells are looked for, consecutive ones from the middle."""
MIN_ERRORS = 20
"""Errors from which on spells are looked for."""
MIN_GAIN = 10.0
"""BIC by which spells must be likelier than a coin."""


class ErrorFit(NamedTuple):
    """shares: status -> share of calls by a coin. clustered: keys of `clustered` in a scenario,
    empty where a coin is enough; status: of the errors that come in spells. bics: by family."""

    shares: dict[int, Estimate]
    clustered: dict[str, Estimate]
    status: int
    bics: dict[str, float]


def fit_errors(calls: Calls, limited: bool) -> ErrorFit:
    """Fit the errors of a deployment's calls outside of outages. limited: a rate limit explains its
    429s, so they are no errors."""
    calls = calls.where((calls.status != ABANDONED) & ~(limited & (calls.status == 429)))
    n, failed = len(calls.t), calls.failed
    statuses, counts = np.unique(calls.status[failed], return_counts=True)
    shares = {
        int(status): Estimate.of_share(int(count), n)
        for status, count in zip(statuses, counts, strict=True)
    }
    if failed.sum() < MIN_ERRORS or failed.all():
        return ErrorFit(shares, {}, 500, {})
    status = int(statuses[counts.argmax()])
    clustered, bics = _fit_spells(calls.t, calls.status == status)
    if not clustered:
        return ErrorFit(shares, {}, status, bics)
    fair = clustered.pop("fair")
    del shares[status]
    if fair.value >= 0.5 / n:
        shares[status] = fair
    return ErrorFit(shares, clustered, status, bics)


def _fit_spells(t: np.ndarray, failed: np.ndarray) -> tuple[dict[str, Estimate], dict[str, float]]:
    """(share of time, mean spell in s, error share in and `fair` share out of spells; BIC by
    family). The estimates are empty where a coin is likely enough."""
    middle = max(0, (len(t) - MAX_CALLS) // 2)
    t, failed = t[middle : middle + MAX_CALLS], failed[middle : middle + MAX_CALLS]
    n, total = len(t), int(failed.sum())
    if total == 0:
        return {}, {}
    gap = np.diff(t, prepend=t[0])
    overall = total / n
    coin = -(total * math.log(overall) + (n - total) * math.log1p(-overall)) if total < n else 0.0
    bics = {"coin": bic(coin, 1, n)}
    if not _is_overdispersed(failed):
        return {}, bics

    def cost(theta: np.ndarray) -> float:
        busy, spell, heavy, fair = _natural(theta)
        if not (0.0001 <= busy <= 0.99 and 1e-3 <= spell <= 1e8):
            return 1e18
        high = fair + (1 - fair) * heavy
        chances = np.where(failed, np.array([[high], [fair]]), np.array([[1 - high], [1 - fair]]))
        steps = two_state.transitions(busy, spell, gap) * chances
        return -two_state.log_likelihood((busy, 1 - busy), steps)

    length = max(float(np.median(np.diff(t[failed]))), 1e-3)
    starts = [
        np.array(
            [
                logit(min(0.5, overall / heavy)),
                math.log(length * factor),
                logit(heavy),
                logit(overall / 10),
            ]
        )
        for factor in (1.0, 10.0)
        for heavy in (0.9, 0.3)
    ]
    theta, least = minimize(cost, minimize_from(cost, starts, 150, 0.5)[0], 400, 0.2)
    bics["spells"] = bic(least, 4, n)
    if bics["spells"] > bics["coin"] - MIN_GAIN:
        return {}, bics
    return _spell_estimates(theta, standard_errors(cost, theta), n), bics


def _spell_estimates(theta: np.ndarray, errors: np.ndarray, n: int) -> dict[str, Estimate]:
    share, heavy, fair = (share_estimate(theta[k], errors[k], n) for k in (0, 2, 3))
    seconds = _natural(theta)[1]
    spell = (
        Estimate.on_log_scale(seconds, float(errors[1]), n)
        if errors[1] < 3
        else Estimate(seconds, None, None, n)
    )
    return {"share": share, "spell": spell, "error_share": heavy, "fair": fair}


def _is_overdispersed(failed: np.ndarray) -> bool:
    """Whether errors come together more than by a coin: counts in groups of calls vary by more than
    3.3 standard deviations too much."""
    share = failed.mean()
    for size in (2, 8, 32, 128, 512):
        groups = len(failed) // size
        if groups < 20:
            break
        counts = failed[: groups * size].reshape(groups, size).sum(axis=1)
        if counts.var() / (size * share * (1 - share)) > 1 + 3.3 * np.sqrt(
            (2 + 1 / (size * share * (1 - share))) / groups
        ):
            return True
    return False


def _natural(theta: np.ndarray) -> tuple[float, float, float, float]:
    """(share of time in spells, mean spell in s, share of errors in it beside the others, share of
    errors outside)."""
    return (
        inverse_logit(theta[0]),
        math.exp(min(max(theta[1], -20.0), 30.0)),
        inverse_logit(theta[2]),
        inverse_logit(theta[3]),
    )
