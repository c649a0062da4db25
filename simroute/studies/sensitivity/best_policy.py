"""Which policy wins, whether that is sure, and where along an assumption the winner changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import is_significant, simultaneous_difference
from simroute.studies.comparison.comparison import Comparison
from simroute.studies.comparison.promise import requirements, success_metric

COST = "cost_per_1k_requests_usd"
STEPS = 400
"""Between two values of an assumption, where a crossing is looked for on straight lines."""


class BestPolicy(NamedTuple):
    """The cheapest policy that keeps the promise (by "cost"), else the one with the highest
    success, as it is promised (by "success").

    rivals: those that could be it as well, as far as these replications tell (95 % for all pairs
    together). policy None: no request arrived.
    """

    policy: str | None
    by: str
    contenders: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        return self.policy is not None and not self.contenders

    def plain(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "by": self.by,
            "sure": self.is_certain,
            "rivals": list(self.contenders),
        }


def best_policy(study: Comparison) -> BestPolicy:
    """Of one comparison."""
    keeps = {entry["policy"]: entry["meets_slo"] for entry in study.verdict}
    success = success_metric(study.configuration.scenario)
    known = [policy for policy in keeps if study.intervals[policy][success].mean is not None]
    if not known:
        return BestPolicy(None, "", ())
    good = [policy for policy in known if keeps[policy]]
    if good:
        best = min(good, key=lambda policy: study.intervals[policy][COST].mean or 0.0)
        others = [policy for policy in known if policy != best and keeps[policy] is not False]
        return BestPolicy(
            best,
            "cost",
            tuple(policy for policy in others if not _apart(study, COST, best, policy)),
        )
    best = max(known, key=lambda policy: study.intervals[policy][success].mean or 0.0)
    undecided = [policy for policy in known if keeps[policy] is None and policy != best]
    rivals = [
        policy
        for policy in known
        if policy != best and (policy in undecided or not _apart(study, success, policy, best))
    ]
    return BestPolicy(best, "success", tuple(rivals))


def _apart(study: Comparison, metric: str, less: str, more: str) -> bool:
    """Whether `less` is shown to have less of it."""
    found = difference(study, metric, less, more)
    return is_significant(found) and (found.mean or 0.0) > 0


def difference(study: Comparison, metric: str, first: str, second: str) -> Interval:
    """The second's minus the first's, whichever two are picked by looking: the bounds hold together
    with those of all pairs."""
    series = study.series()
    return simultaneous_difference(
        series[first][metric], series[second][metric], len(series), study.confidence, metric
    )


class Crossing(NamedTuple):
    """Where one winner follows another: at which value, within which bounds (None: beyond the
    values tried), and by what it is decided."""

    before: str
    after: str
    by: str
    at: float
    low: float | None
    high: float | None

    def plain(self) -> dict[str, Any]:
        return self._asdict()


def crossings(
    values: list[float], log: bool, cells: list[Comparison], winners: list[BestPolicy]
) -> list[Crossing]:
    """Wherever two neighbouring values have different winners."""
    found = []
    for place in range(len(values) - 1):
        before, after = winners[place].policy, winners[place + 1].policy
        if before is not None and after is not None and before != after:
            by, curve = _deciding(cells, place, before, after)
            found.append(Crossing(before, after, by, *_zero(values, log, curve, place)))
    return found


def _deciding(
    cells: list[Comparison], place: int, before: str, after: str
) -> tuple[str, list[Interval]]:
    """What makes one winner follow another, as a quantity with a change of sign: a promise kept no
    longer, kept from here on, or a difference."""
    here, there = (
        {entry["policy"]: entry["meets_slo"] for entry in cells[at].verdict}
        for at in (place, place + 1)
    )
    if here[before] and not there[before]:
        return f"{before} stops keeping the promise", [
            _beside(cell, before, cells[place + 1]) for cell in cells
        ]
    if there[after] and not here[after]:
        return f"{after} begins to keep the promise", [
            _beside(cell, after, cells[place]) for cell in cells
        ]
    metric = (
        COST
        if here[before] and there[after]
        else success_metric(cells[place].configuration.scenario)
    )
    return "cost" if metric == COST else "success", [
        difference(cell, metric, before, after) for cell in cells
    ]


def _beside(cell: Comparison, policy: str, broken: Comparison) -> Interval:
    """How far a policy is on the good side of that part of the promise which is not kept in the
    cell `broken`."""
    promised, other = (
        requirements(cell.configuration.scenario),
        requirements(broken.configuration.scenario),
    )
    missed = next(
        (
            part.metric
            for part in other
            if part.is_met(broken.intervals[policy][part.metric]) is not True
        ),
        other[0].metric,
    )
    part = next((part for part in promised if part.metric == missed), promised[0])
    mean, low, high = (
        None if value is None else value - part.bound
        for value in cell.intervals[policy][part.metric]
    )
    if part.at_least:
        return Interval(mean, low, high)
    return Interval(*(None if value is None else -value for value in (mean, high, low)))


def _zero(
    values: list[float], log: bool, curve: list[Interval], place: int
) -> tuple[float, float | None, float | None]:
    """Where straight lines pass zero between a value and the next, and from where to where zero
    lies within the bounds, around there.

    The lines join the means, or the bounds where these decide: a promise is kept when its
    unfavourable bound keeps it.
    """
    x = np.log(values) if log else np.array(values)
    many = (len(values) - 1) * STEPS + 1
    index = np.linspace(0, len(values) - 1, many)
    where = np.interp(index, np.arange(len(values)), x)
    mean, low, high = (
        np.interp(index, np.arange(len(values)), [_number(found, part) for found in curve])
        for part in range(3)
    )
    inside = (low <= 0) & (high >= 0)
    first, last = place * STEPS, (place + 1) * STEPS
    touching = np.flatnonzero(inside[first : last + 1]) + first
    if len(touching):
        first, last = int(touching[0]), int(touching[-1])
        while first > 0 and inside[first - 1]:
            first -= 1
        while last < many - 1 and inside[last + 1]:
            last += 1
    between = slice(place * STEPS, (place + 1) * STEPS + 1)
    turns = [
        turn
        for line in (mean, low, high)
        for turn in np.flatnonzero(np.diff(np.sign(line[between]))).tolist()
    ]
    at = where[between][turns[0] if turns else STEPS // 2]
    ends = (None if first == 0 else where[first], None if last == many - 1 else where[last])
    back = [
        None if value is None else float(np.exp(value) if log else value) for value in (at, *ends)
    ]
    return back[0] or 0.0, back[1], back[2]


def _number(found: Interval, part: int) -> float:
    """Mean, low or high; the mean where there is no bound."""
    value = found[part] if found[part] is not None else found[0]
    return float(value or 0.0)
