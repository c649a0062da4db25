"""What the search has shown besides the best setting: flat or sharp, at the border or inside, which
parameter matters, which pairs do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simroute.statistics.intervals import Interval, interval
from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.problem.space import ChoiceParameter, NumberParameter
from simroute.studies.tuning.search.evaluations import SEARCH, Candidate, Evaluations
from simroute.studies.tuning.search.ranking import MIN_PAIRS, Ranking

EDGE = 0.02
"""So near to an end of its range a value is on the border."""
BINS = 6
PAIR_BINS = 4
FLAT = 0.5
"""A parameter whose good values fill more than this of its range is flat."""


def near_best(evaluations: Evaluations, goals: Goals, best: Candidate) -> list[Candidate]:
    """Candidates that cannot be told from the best: their paired difference includes zero, and no
    constraint is known to be broken."""
    near = [best]
    for count in sorted(
        {each.complete_replications(SEARCH, evaluations.scenarios) for each in evaluations}
    ):
        if count < MIN_PAIRS or count > best.complete_replications(SEARCH, evaluations.scenarios):
            continue
        level = [
            each
            for each in evaluations
            if each.complete_replications(SEARCH, evaluations.scenarios) == count
            and each is not best
        ]
        field = Ranking([*level, best], goals, evaluations.scenarios, count)
        near += [
            each
            for each in level
            if not field.is_broken(each)
            and not any(_behind(field, each, best, wish) for wish in goals.objectives)
        ]
    return sorted(near, key=lambda each: each.number)


def _behind(field: Ranking, each: Candidate, best: Candidate, wish: Any) -> bool:
    difference = field.difference(each, best, wish)
    return difference.mean is None or (difference.low is not None and difference.low > 0)


def describe_parameters(
    evaluations: Evaluations, goals: Goals, best: Candidate, allowed: Callable[[str, Any], bool]
) -> list[dict[str, Any]]:
    """For each parameter its values, where good ones lie, whether it is flat or on the border, with
    advice. `allowed(name, value)`: may it be?"""
    good = near_best(evaluations, goals, best)
    rows = []
    for place, each in enumerate(evaluations.space.parameters):
        value = evaluations.space.effective(best.values)[each.name]
        active = each.name in best.values or best is evaluations.start
        spread = [c for c in good if each.name in c.values]
        row: dict[str, Any] = {
            "name": each.name,
            "start": each.start,
            "recommended": value,
            "counts": active,
        }
        row |= _good_range(each, spread, place) | _describe_border(
            each, value if active else None, allowed
        )
        rows.append(row)
    return rows


def _good_range(
    each: NumberParameter | ChoiceParameter, good: list[Candidate], place: int
) -> dict[str, Any]:
    values = [c.values[each.name] for c in good]
    if isinstance(each, ChoiceParameter):
        options = [option for option in each.options if option in values]
        return {
            "range": list(each.options),
            "good": options,
            "flat": len(options) > FLAT * len(each.options) and len(options) > 1,
        }
    places = [u for u in map(each.place, values) if u is not None]
    flat = bool(places) and max(places) - min(places) > FLAT
    return {
        "range": [each.low, each.high],
        "log": each.log,
        "good": [min(values), max(values)] if values else [],
        "flat": flat,
    }


def _describe_border(
    each: NumberParameter | ChoiceParameter, value: Any, allowed: Callable[[str, Any], bool]
) -> dict[str, Any]:
    u = each.place(value) if isinstance(each, NumberParameter) and value is not None else None
    if u is None or not isinstance(each, NumberParameter):
        return {"border": None, "advice": None}
    end = (
        "low"
        if u < EDGE or value == each.low
        else "high"
        if u > 1 - EDGE or value == each.high
        else None
    )
    if end is None:
        return {"border": None, "advice": None}
    near = (each.low - 1 if end == "low" else each.high + 1) if each.complete_replications else None
    wider = next(
        (
            value
            for value in (_widen(each, end), near)
            if value is not None and allowed(each.name, value)
        ),
        None,
    )
    if wider is None:
        return {"border": end, "advice": f"{each.name} is at the end of what it may be"}
    low, high = (wider, each.high) if end == "low" else (each.low, wider)
    text = f"tune.{each.name}={low:g}..{high:g}{' log' if each.log else ''}"
    return {
        "border": end,
        "advice": f"{each.name} is at the {end} end of its range: the best may lie beyond; try "
        f"'{text}'",
    }


def _widen(each: NumberParameter, end: str) -> float:
    if each.log:
        end_value = (
            each.low * each.low / each.high if end == "low" else each.high * each.high / each.low
        )
        end_value = max(end_value, each.low / 4) if end == "low" else min(end_value, each.high * 4)
    else:
        width = each.high - each.low
        end_value = each.low - width if end == "low" else each.high + width
        if end == "low" and each.low > 0 > end_value:
            end_value = each.low / 4
    return float(math.floor(end_value)) if each.complete_replications else float(f"{end_value:.3g}")


class Effects:
    """Means over the even first generation, at its first rung: those of later ones crowd where it
    is good, and would mislead."""

    def __init__(self, evaluations: Evaluations, goals: Goals, replications: int) -> None:
        whole = [
            each
            for each in evaluations
            if each.generation == 1
            and each.complete_replications(SEARCH, evaluations.scenarios) >= replications
        ]
        self._evaluations, self._goals, self._replications = evaluations, goals, replications
        self._even = (
            whole
            if evaluations.start.complete_replications(SEARCH, evaluations.scenarios)
            >= replications
            else []
        )
        self._field = (
            Ranking([*whole, evaluations.start], goals, evaluations.scenarios, replications)
            if self._even
            else None
        )

    def main_effects(self) -> list[dict[str, Any]]:
        """For each parameter, objective and class of values: the mean paired difference from the
        start, with bounds."""
        return [
            {"parameter": each.name, "objective": str(wish), "bins": self._bins(place, wish)}
            for each, place in zip(
                self._evaluations.space.parameters,
                range(len(self._evaluations.space.parameters)),
                strict=True,
            )
            for wish in self._goals.objectives
        ]

    def importance(self) -> list[dict[str, Any]]:
        """For each parameter and objective the share of the variance between settings that classes
        of this parameter alone explain, the largest first."""
        rows = [
            {"parameter": each.name, "objective": str(wish), "share": self._share(place, wish)}
            for wish in self._goals.objectives
            for place, each in enumerate(self._evaluations.space.parameters)
        ]
        return sorted(rows, key=lambda row: 1.0 if row["share"] is None else -row["share"])

    def _share(self, place: int, wish: Any) -> float | None:
        groups = self._group(place, BINS).values()
        gains = [[self._gain(each, wish) for each in group] for group in groups]
        return variance_share([[gain for gain in group if gain is not None] for group in gains])

    def _bins(self, place: int, wish: Any) -> list[dict[str, Any]]:
        rows = []
        for key, group in sorted(self._group(place, BINS).items()):
            mean = interval([self._gain(each, wish) for each in group])
            values = [each.values[self._evaluations.space.parameters[place].name] for each in group]
            rows.append({"class": key, **_value_range(values), "count": len(group), **mean.plain()})
        return rows

    def pairs(self) -> list[dict[str, Any]]:
        """For each pair of parameters and objective a coarse grid of the same means."""
        names = [each.name for each in self._evaluations.space.parameters]
        rows = []
        for first in range(len(names)):
            for second in range(first + 1, len(names)):
                for wish in self._goals.objectives:
                    row = {"x": names[first], "y": names[second], "objective": str(wish)}
                    rows.append(
                        {
                            **row,
                            "across": self._classes(first),
                            "along": self._classes(second),
                            "cells": self._cells(first, second, wish),
                        }
                    )
        return rows

    def _classes(self, place: int) -> list[dict[str, Any]]:
        """What values each class of a parameter holds."""
        name = self._evaluations.space.parameters[place].name
        return [
            _value_range([each.values[name] for each in group])
            for _, group in sorted(self._group(place, PAIR_BINS).items())
        ]

    def _cells(self, first: int, second: int, wish: Any) -> list[dict[str, Any]]:
        across, along = self._group(first, PAIR_BINS), self._group(second, PAIR_BINS)
        cells = []
        for x, (_, left) in enumerate(sorted(across.items())):
            for y, (_, right) in enumerate(sorted(along.items())):
                group = [each for each in left if each in right]
                cells.append(
                    {
                        "x": x,
                        "y": y,
                        "count": len(group),
                        "mean": interval([self._gain(each, wish) for each in group]).mean,
                    }
                )
        return cells

    def _group(self, place: int, most: int) -> dict[int, list[Candidate]]:
        """Candidates by class of value, of those in which the parameter counts."""
        each = self._evaluations.space.parameters[place]
        classes = each.count if each.count is not None and each.count <= most else most
        groups: dict[int, list[Candidate]] = {}
        for candidate in self._even:
            if each.name in candidate.values:
                groups.setdefault(
                    min(int(candidate.point[place] * classes), classes - 1), []
                ).append(candidate)
        return groups

    def _gain(self, candidate: Candidate, wish: Any) -> float | None:
        """The paired difference from the start in the objective's own direction."""
        assert self._field is not None
        difference = self._field.difference(candidate, self._evaluations.start, wish).mean
        return None if difference is None else wish.sign * difference


def variance_share(groups: list[list[float]]) -> float | None:
    """The share of the variance of all values that lies between groups, less what chance alone puts
    there (epsilon squared, Kelley 1935); None where nothing can be told."""
    groups = [group for group in groups if group]
    values = [value for group in groups for value in group]
    if len(groups) < 2 or len(values) <= len(groups):
        return None
    total = _squares(values)
    if total == 0:
        return 0.0
    within = math.fsum(_squares(group) for group in groups)
    return max(0.0, 1 - within / total * (len(values) - 1) / (len(values) - len(groups)))


def _squares(values: list[float]) -> float:
    """The sum of squared distances from the mean."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _value_range(values: list[Any]) -> dict[str, Any]:
    """What values a class holds."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return {"from": min(values), "to": max(values)}
    return {"from": values[0], "to": values[0]}


def paired_gain(
    evaluations: Evaluations,
    goals: Goals,
    best: Candidate,
    stage: str,
    count: int,
    other: Candidate | None = None,
) -> dict[str, Interval]:
    """For each objective the paired difference best - other (the start), in its own direction; over
    scenarios as the goals say."""
    other = other or evaluations.start
    if count == 0:
        return {str(wish): Interval(None, None, None) for wish in goals.objectives}
    field = Ranking(
        list({each.number: each for each in (other, best)}.values()),
        goals,
        evaluations.scenarios,
        count,
        stage,
    )
    gains = {}
    for wish in goals.objectives:
        difference = field.difference(best, other, wish)
        ends = (
            [difference.low, difference.high]
            if wish.sign > 0
            else [difference.high, difference.low]
        )
        low, high = (None if end is None else wish.sign * end for end in ends)
        gains[str(wish)] = Interval(
            None if difference.mean is None else wish.sign * difference.mean, low, high
        )
    return gains
