"""An interval from one long run of a steady scenario: the warm-up is cut off, the rest parted into
batches that hardly depend on each other.

Warm-up: MSER-5 (White, 1997): groups of five minutes are cut until the standard error of the rest
is least; a cut near the half says that there is no steady state yet. Batch means (Schmeiser, 1982:
ten to twenty), the success rate as a ratio of sums; batches that still correlate are made longer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from simroute.metrics import Figures
from simroute.models import spec
from simroute.models.calendar import calendar
from simroute.models.prices import price_list
from simroute.statistics.intervals import binomial, t_quantile

GROUP = 5
BATCHES = (20, 15, 10)
LEAST = 2 * GROUP * BATCHES[-1]
"""Minutes: ten batches of ten."""


class Batched(NamedTuple):
    """A success rate, its bounds (None where even ten batches correlate), minutes cut off, batches,
    and their correlation at lag 1."""

    mean: float
    low: float | None
    high: float | None
    warmup_minutes: int
    batches: int
    lag1: float

    def plain(self) -> dict[str, Any]:
        return {**self._asdict(), "method": "batch means after MSER-5 truncation, within one run"}


LATEST = 0.45
"""A warm-up that is longer than this share of the run has not ended."""


def steady(scenario: spec.Scenario, metered: bool = False) -> bool:
    """Whether nothing in it depends on when: no outages, no profile, no trace, no change of prices,
    no budget that a policy keeps to (`metered`)."""
    load = scenario.workload
    varied = load.profile.hours or load.profile.days or load.trace or scenario.outages or metered
    if varied or any(made.price_steps for made in scenario.deployments.values()):
        return False
    return all(
        made.price is not None or len(price_list(made, scenario.horizon, calendar(load))) == 1
        for made in scenario.deployments.values()
    )


def within(
    scenario: spec.Scenario, runs: Mapping[str, list[Figures]], metered: bool = False
) -> dict[str, Batched]:
    """Policy -> what its only run tells; nothing with more than one, in a scenario that is not
    steady, or where a run is too short."""
    if any(len(each) != 1 for each in runs.values()) or not steady(scenario, metered):
        return {}
    found = {policy: batched(np.asarray(each[0].minutes, float)) for policy, each in runs.items()}
    return {policy: one for policy, one in found.items() if one is not None}


def line(policy: str, found: Batched) -> str:
    """In a sentence."""
    cut = f"after {found.warmup_minutes} minutes of warm-up " if found.warmup_minutes else ""
    if found.low is None or found.high is None:
        return (
            f"Within this run {policy}'s success {cut}drifts too slowly for an interval; "
            f"lengthen the horizon, or take --replications."
        )
    spread = (
        f"{100 * found.mean:.3f} % ({100 * found.low:.3f} to {100 * found.high:.3f}; "
        f"{found.batches} batch means)"
    )
    return f"Within this run {policy}'s success (however late) {cut}is {spread}."


def batched(minutes: np.ndarray) -> Batched | None:
    """Of arrivals and successes by minute. None if there are fewer than a hundred minutes."""
    minutes = minutes[:, : minutes.shape[1] // GROUP * GROUP]
    if minutes.shape[1] < LEAST:
        return None
    cut = GROUP * truncation(_rates(_sums(minutes, minutes.shape[1] // GROUP)))
    kept = minutes[:, cut:]
    for many in BATCHES:
        trials, hits = _sums(kept, many)
        mean = float(hits.sum() / trials.sum()) if trials.sum() else math.nan
        rest = hits - mean * trials
        lag1 = correlation(rest)
        if not lag1 > 1.645 / math.sqrt(many) and cut < LATEST * minutes.shape[1]:
            half = (
                t_quantile(many - 1)
                * math.sqrt(many / (many - 1) * float((rest**2).sum()))
                / float(trials.sum())
            )
            low, high = mean - half, mean + half
            # nothing varied, which does not prove that nothing can
            if half == 0 and not math.isnan(mean):
                low, high = binomial(int(hits.sum()), int(trials.sum()))
            return (
                None
                if math.isnan(mean)
                else Batched(mean, max(0.0, low), min(1.0, high), cut, many, lag1)
            )
    return Batched(mean, None, None, cut, many, lag1)


def truncation(values: np.ndarray) -> int:
    """How many first values to leave out: MSER's minimum of (sum of squares around the mean) / n²,
    over at most the first half."""
    last = len(values) // 2
    scores = [float(values[start:].var()) / (len(values) - start) for start in range(last + 1)]
    return int(np.argmin(scores))


def correlation(values: np.ndarray) -> float:
    """At lag 1; 0 for a constant."""
    centred = values - values.mean()
    total = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum()) / total if total > 0 else 0.0


def _sums(minutes: np.ndarray, many: int) -> np.ndarray:
    """By `many` batches of equal length; what is over at the beginning belongs to none."""
    size = minutes.shape[1] // many
    return np.asarray(
        minutes[:, minutes.shape[1] - size * many :].reshape(2, many, size).sum(axis=2)
    )


def _rates(sums: np.ndarray) -> np.ndarray:
    trials, hits = sums
    return np.asarray(hits[trials > 0] / trials[trials > 0])
