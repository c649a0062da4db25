"""The best policy, whether that is certain, and where along an assumption the best one changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import is_significant
from simroute.studies.comparison.comparison import Comparison
from simroute.studies.comparison.promise import requirements, success_metric

COST = "cost_per_1k_requests_usd"
STEPS = 400
"""Points between two values of an assumption at which a crossing is looked for, on straight
lines."""


class BestPolicy(NamedTuple):
    """The cheapest policy that keeps the promise (by "cost"), else the one with the highest
    promised success (by "success").

    contenders: those that could be the best as well, as far as these replications tell (95 % for
    all pairs together). policy None: no request arrived.
    """

    policy: str | None
    by: str
    contenders: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """Whether no other policy could be the best."""
        return self.policy is not None and not self.contenders

    def plain(self) -> dict[str, Any]:
        """As in sensitivity.json."""
        return {
            "policy": self.policy,
            "by": self.by,
            "sure": self.is_certain,
            "rivals": list(self.contenders),
        }


def best_policy(study: Comparison) -> BestPolicy:
    """The best policy of a comparison."""
    keeps = {entry["policy"]: entry["meets_slo"] for entry in study.verdict}
    success = success_metric(study.configuration.scenario)
    known = [policy for policy in keeps if study.intervals[policy][success].mean is not None]
    if not known:
        return BestPolicy(None, "", ())
    good = [policy for policy in known if keeps[policy]]
    if good:
        best = min(good, key=lambda policy: study.intervals[policy][COST].mean or 0.0)
        others = [policy for policy in known if policy != best and keeps[policy] is not False]
        contenders = [policy for policy in others if not _has_less(study, COST, best, policy)]
        return BestPolicy(best, "cost", tuple(contenders))
    best = max(known, key=lambda policy: study.intervals[policy][success].mean or 0.0)
    contenders = [
        policy
        for policy in known
        if policy != best and (keeps[policy] is None or not _has_less(study, success, policy, best))
    ]
    return BestPolicy(best, "success", tuple(contenders))


def _has_less(study: Comparison, metric: str, less: str, more: str) -> bool:
    """Whether `less` has significantly less of a metric than `more`."""
    difference = study.difference(metric, less, more)
    return is_significant(difference) and (difference.mean or 0.0) > 0


class Crossing(NamedTuple):
    """Where along an assumption one best policy follows another: the value, its bounds (None:
    beyond the values tried), and by what it is decided."""

    before: str
    after: str
    by: str
    at: float
    low: float | None
    high: float | None

    def plain(self) -> dict[str, Any]:
        """As in sensitivity.json."""
        return self._asdict()


def crossings(
    values: list[float], log: bool, cells: list[Comparison], best_policies: list[BestPolicy]
) -> list[Crossing]:
    """A crossing wherever two neighbouring values have different best policies. `log`: the values
    are spaced by factors."""
    result = []
    for index in range(len(values) - 1):
        before, after = best_policies[index].policy, best_policies[index + 1].policy
        if before is not None and after is not None and before != after:
            by, curve = _deciding_curve(cells, index, before, after)
            result.append(Crossing(before, after, by, *_zero(values, log, curve, index)))
    return result


def _deciding_curve(
    cells: list[Comparison], index: int, before: str, after: str
) -> tuple[str, list[Interval]]:
    """What makes one best policy follow another, and a quantity that changes its sign there: the
    distance of a policy from the promise, or a difference of two policies."""
    here, there = (
        {entry["policy"]: entry["meets_slo"] for entry in cell.verdict}
        for cell in cells[index : index + 2]
    )
    if here[before] and not there[before]:
        broken = cells[index + 1]
        curve = [_margin(cell, before, broken) for cell in cells]
        return f"{before} stops keeping the promise", curve
    if there[after] and not here[after]:
        curve = [_margin(cell, after, cells[index]) for cell in cells]
        return f"{after} begins to keep the promise", curve
    by_cost = here[before] and there[after]
    metric = COST if by_cost else success_metric(cells[index].configuration.scenario)
    differences = [cell.difference(metric, before, after) for cell in cells]
    return "cost" if by_cost else "success", differences


def _margin(cell: Comparison, policy: str, broken: Comparison) -> Interval:
    """How far a policy is on the good side of the requirement that it does not meet in the cell
    `broken`."""
    promised = requirements(cell.configuration.scenario)
    other = requirements(broken.configuration.scenario)
    intervals = broken.intervals[policy]
    missed = [part for part in other if part.is_met(intervals[part.metric]) is not True]
    metric = (missed or other)[0].metric
    part = next((part for part in promised if part.metric == metric), promised[0])
    mean, low, high = (
        None if value is None else value - part.bound
        for value in cell.intervals[policy][part.metric]
    )
    if part.at_least:
        return Interval(mean, low, high)
    return Interval(*(None if value is None else -value for value in (mean, high, low)))


def _zero(
    values: list[float], log: bool, curve: list[Interval], index: int
) -> tuple[float, float | None, float | None]:
    """Where straight lines pass zero between a value and the next, and from where to where zero
    lies within the bounds, around there.

    The lines join the means, or the bounds where these decide: a promise is kept when its
    unfavourable bound keeps it.
    """
    count = (len(values) - 1) * STEPS + 1
    cell = np.linspace(0, len(values) - 1, count)
    knots = np.arange(len(values))
    where = np.interp(cell, knots, np.log(values) if log else np.array(values))
    mean, low, high = (
        np.interp(cell, knots, [_number(interval, part) for interval in curve]) for part in range(3)
    )
    first, last = _stretch((low <= 0) & (high >= 0), index)
    between = slice(index * STEPS, (index + 1) * STEPS + 1)
    turns = [
        turn
        for line in (mean, low, high)
        for turn in np.flatnonzero(np.diff(np.sign(line[between]))).tolist()
    ]
    at = where[between][turns[0] if turns else STEPS // 2]

    def original(value: float) -> float:
        return float(np.exp(value) if log else value)

    return (
        original(at) or 0.0,
        None if first == 0 else original(where[first]),
        None if last == count - 1 else original(where[last]),
    )


def _stretch(inside: np.ndarray, index: int) -> tuple[int, int]:
    """First and last point around the interval `index` at which zero lies within the bounds; the
    ends of the interval if it does nowhere in it."""
    first, last = index * STEPS, (index + 1) * STEPS
    touching = np.flatnonzero(inside[first : last + 1]) + first
    if len(touching):
        first, last = int(touching[0]), int(touching[-1])
        while first > 0 and inside[first - 1]:
            first -= 1
        while last < len(inside) - 1 and inside[last + 1]:
            last += 1
    return first, last


def _number(interval: Interval, part: int) -> float:
    """Mean, low or high; the mean where there is no bound."""
    value = interval[part] if interval[part] is not None else interval.mean
    return float(value or 0.0)
