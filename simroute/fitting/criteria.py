"""When a figure of the model is near enough to the log's: stated tolerances, and what chance alone
does to so few observations.

Within the first tolerance a row is good, within the second fair, beyond it bad, but fair where
chance alone explains it. The reasons stand in docs/fit.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from simroute.fitting.grades import Grade
from simroute.statistics.intervals import LEVEL, binomial, deviation, t_quantile


class Tolerance(NamedTuple):
    """Up to `good` a row is good, up to `fair` fair."""

    good: float
    fair: float


DISTANCE = Tolerance(0.05, 0.10)
"""Of Kolmogorov and Smirnov: by how much the share beyond any bound may be wrong."""
FACTOR = Tolerance(1.2, 1.5)
"""Of a quantile or a share, more or less: Lewis's scale of relative errors of forecasts (1982),
good up to 20 %, reasonable up to 50 %."""
DISPERSION = Tolerance(1.5, 2.25)
"""Factors of a variance: the deviation of counts is then wrong by 1.2 and 1.5."""
KOLMOGOROV = 1.358
"""Quantile of Kolmogorov's distribution at 95 %."""


class Fault(NamedTuple):
    """A figure that is off. text: what is off. is_large: by more than is fair. is_chance: chance
    alone does so in more than one log of twenty."""

    text: str
    is_large: bool
    is_chance: bool


def grade_faults(faults: Iterable[Fault]) -> Grade:
    """Of a row with these faults."""
    sizes = [fault.is_large and not fault.is_chance for fault in faults]
    return "bad" if any(sizes) else "fair" if sizes else "good"


def describe_faults(faults: Iterable[Fault]) -> str:
    """What is off, in one part of a sentence."""
    return "; ".join(
        f"{fault.text}, which chance alone explains" if fault.is_chance else fault.text
        for fault in faults
    )


def factor(log: float, model: float) -> float:
    """How many times the larger of two figures is the smaller one; 1 where both are 0."""
    small, large = sorted((log, model))
    return large / small if small > 0 else math.inf if large > 0 else 1.0


def ks_by_chance(n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance that two samples of one distribution, of so many values,
    exceed once in twenty times."""
    return KOLMOGOROV * math.sqrt(1 / n + 1 / m)


def quantile_interval(values: np.ndarray, share: float, others: int) -> tuple[float, float]:
    """Between which values of a sample the quantile of another one, of `others` values of the same
    distribution, lies 19 times in 20; without an upper end where the sample has too few beyond."""
    n = len(values)
    half = 1.96 * math.sqrt(n * share * (1 - share) * (1 + n / others))
    low, high = math.floor(n * share - half), math.ceil(n * share + half)
    ordered = np.sort(values)
    return (
        float(ordered[low]) if low >= 0 else -math.inf,
        float(ordered[high]) if high < n else math.inf,
    )


def is_another_run(log: float, runs: Sequence[float]) -> bool:
    """Whether a further run of the model would lie as far from these as the log, once in twenty
    times: by Student's t, of logarithms since they are factors."""
    if log <= 0 or min(runs) <= 0:
        return False
    logs = [math.log(run) for run in runs]
    spread = deviation(logs) * math.sqrt(1 + 1 / len(logs))
    middle = sum(logs) / len(logs)
    return abs(math.log(log) - middle) <= t_quantile(len(logs) - 1) * spread


def share_is_chance(hits: int, trials: int, share: float) -> bool:
    """Whether a share lies within the exact interval of so many hits."""
    low, high = binomial(hits, trials, LEVEL)
    return low <= share <= high
