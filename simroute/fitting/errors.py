"""How errors come in fair weather: each call by a coin, or in spells (Gilbert's two states in
time)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.fitting import two_state
from simroute.fitting.likelihood import bic, minimize, standard_errors
from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

MOST = 40_000
"""Calls that spells are looked for in, consecutive ones from the middle."""
FEW = 20
"""Errors below which spells are not looked for."""
GAIN = 10.0
"""Spells must be likelier than a coin by so much (BIC)."""


class ErrorFit(NamedTuple):
    """`shares`: status -> share of calls by a coin; `clustered`: keys of `clustered` in a scenario,
    empty where a coin says enough; `status`: of the errors that come in spells; `bics`: of both
    families."""

    shares: dict[int, Estimate]
    clustered: dict[str, Estimate]
    status: int
    bics: dict[str, float]


def fit_errors(calls: Calls, refused: bool) -> ErrorFit:
    """Of one deployment's calls outside outages; `refused`: its 429s are explained by limits, and
    so are no errors."""
    seen = calls.where((calls.status != 499) & ~(refused & (calls.status == 429)))
    n, bad = len(seen.t), seen.failed
    statuses, counts = np.unique(seen.status[bad], return_counts=True)
    shares = {
        int(status): Estimate.of_share(int(count), n)
        for status, count in zip(statuses, counts, strict=True)
    }
    if bad.sum() < FEW or bad.all():
        return ErrorFit(shares, {}, 500, {})
    status = int(statuses[counts.argmax()])
    found, bics = _spells(seen.t, seen.status == status)
    if not found:
        return ErrorFit(shares, {}, status, bics)
    fair = found.pop("fair")
    rest = {key: value for key, value in shares.items() if key != status}
    return ErrorFit(rest | ({status: fair} if fair.value >= 0.5 / n else {}), found, status, bics)


def _spells(t: np.ndarray, bad: np.ndarray) -> tuple[dict[str, Estimate], dict[str, float]]:
    middle = max(0, (len(t) - MOST) // 2)
    t, bad = t[middle : middle + MOST], bad[middle : middle + MOST]
    n, total = len(t), int(bad.sum())
    if total == 0:
        return {}, {}
    gap = np.diff(t, prepend=t[0])
    overall = total / n
    coin = -(total * math.log(overall) + (n - total) * math.log1p(-overall)) if total < n else 0.0

    def cost(theta: np.ndarray) -> float:
        busy, spell, heavy, fair = _told(theta)
        if not (0.0001 <= busy <= 0.99 and 1e-3 <= spell <= 1e8):
            return 1e18
        high = fair + (1 - fair) * heavy
        seen = np.where(bad, np.array([[high], [fair]]), np.array([[1 - high], [1 - fair]]))
        return -two_state.log_likelihood(
            (busy, 1 - busy), two_state.transitions(busy, spell, gap) * seen
        )

    bics = {"coin": bic(coin, 1, n)}
    if not _uneven(bad):
        return {}, bics
    length = max(float(np.median(np.diff(t[bad]))), 1e-3)
    starts = [
        np.array(
            [
                _odds(min(0.5, overall / heavy)),
                math.log(length * many),
                _odds(heavy),
                _odds(overall / 10),
            ]
        )
        for many in (1.0, 10.0)
        for heavy in (0.9, 0.3)
    ]
    tried = min((minimize(cost, start, 150, 0.5) for start in starts), key=lambda one: one[1])
    theta, found = minimize(cost, tried[0], 400, 0.2)
    bics["spells"] = bic(found, 4, n)
    if bics["spells"] > bics["coin"] - GAIN:
        return {}, bics
    spread = standard_errors(cost, theta)
    spell = _told(theta)[1]

    def part(place: int) -> Estimate:
        if not spread[place] < 5:
            return Estimate(_share(theta[place]), None, None, n)
        value, low, high = (
            _share(theta[place] + sign * 1.96 * spread[place]) for sign in (0, -1, 1)
        )
        return Estimate(value, low, high, n)

    time = (
        Estimate.on_log_scale(spell, float(spread[1]), n)
        if spread[1] < 3
        else Estimate(spell, None, None, n)
    )
    return {"share": part(0), "spell": time, "error_share": part(2), "fair": part(3)}, bics


def _uneven(bad: np.ndarray) -> bool:
    """Whether errors come together more than by a coin: counts in groups of calls vary by more than
    3.3 standard deviations too much."""
    share = bad.mean()
    for size in (2, 8, 32, 128, 512):
        groups = len(bad) // size
        if groups < 20:
            break
        counts = bad[: groups * size].reshape(groups, size).sum(axis=1)
        if counts.var() / (size * share * (1 - share)) > 1 + 3.3 * np.sqrt(
            (2 + 1 / (size * share * (1 - share))) / groups
        ):
            return True
    return False


def _told(theta: np.ndarray) -> tuple[float, float, float, float]:
    """(share of time that is bad, mean spell in s, errors in it beside the others, errors
    outside)."""
    return (
        _share(theta[0]),
        math.exp(min(max(theta[1], -20.0), 30.0)),
        _share(theta[2]),
        _share(theta[3]),
    )


def _share(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))


def _odds(share: float) -> float:
    return math.log(share / (1 - share))
