"""Who is ahead: regrets over scenarios, constraints by their intervals, differences replication by
replication."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from simroute.statistics.intervals import Confidence, Interval, deviation, interval
from simroute.studies.comparison.estimates import series_interval
from simroute.studies.tuning.problem.goals import Constraint, Goals, Objective
from simroute.studies.tuning.search.evaluations import SEARCH, Candidate

MIN_PAIRS = 4
"""Replications from which a paired difference says something: two equal ones have no spread, by
chance or by whole numbers."""
WORST_REGRET = math.inf
"""The regret of a candidate without any value."""


def bounds(metric: str, candidate: Candidate, stage: str, scenario: int, count: int) -> Interval:
    """A figure's mean and 95 % bounds, as in a comparison."""
    values, pooled = (
        candidate.series(stage, scenario, metric, count),
        candidate.pooled(stage, scenario, metric, count),
    )
    return series_interval(
        metric, values, pooled, Confidence(exposure=candidate.met(stage, scenario, count))
    )


class ConstraintCheck(NamedTuple):
    """A constraint in one scenario: kept on the unfavourable bound, broken on the favourable one,
    or neither."""

    constraint: Constraint
    scenario: int
    found: Interval

    @property
    def is_met(self) -> bool:
        worse = self.found.low if self.constraint.from_below else self.found.high
        return worse is not None and self.constraint.kept(worse)

    @property
    def is_broken(self) -> bool:
        better = self.found.high if self.constraint.from_below else self.found.low
        return better is not None and not self.constraint.kept(better)


class Ranking:
    """Candidates that have all run the first `count` replications of a stage, in `scenarios`
    scenarios."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        goals: Goals,
        scenarios: int,
        count: int,
        stage: str = SEARCH,
    ) -> None:
        self.candidates, self.goals, self.scenarios, self.count, self.stage = (
            list(candidates),
            goals,
            scenarios,
            count,
            stage,
        )
        self._shortfalls = {sure: self._all_shortfalls(sure) for sure in (False, True)}
        self._bests = {
            wish: [self._best(wish, scenario) for scenario in range(scenarios)]
            for wish in goals.objectives
        }
        self._known = {each.number: each for each in self.candidates}
        self._pairs: Callable[[Objective, int], list[float | None]] = cache(self._weighted_regrets)
        self._fronts: dict[bool, list[Candidate]] = {}

    # -- objectives --------------------------------------------------------------------------------

    def losses(self, candidate: Candidate, wish: Objective, scenario: int) -> list[float | None]:
        """By replication; less is better."""
        series = candidate.series(self.stage, scenario, wish.metric, self.count)
        return [None if value is None else wish.sign * value for value in series]

    def _best(self, wish: Objective, scenario: int) -> Candidate:
        """By its mean, among those that are not known to break a constraint."""
        least = min(self._shortfalls[False].values())
        able = [each for each in self.candidates if self._shortfalls[False][each.number] <= least]
        return min(able, key=lambda each: (_mean(self.losses(each, wish, scenario)), each.number))

    def regrets(self, candidate: Candidate, wish: Objective, scenario: int) -> list[float | None]:
        """How much worse than the best of a scenario, replication by replication."""
        pairs = zip(
            self.losses(candidate, wish, scenario),
            self.losses(self._bests[wish][scenario], wish, scenario),
            strict=True,
        )
        return [None if own is None or other is None else own - other for own, other in pairs]

    def _weights(self, candidate: Candidate, wish: Objective) -> list[float]:
        """How much each scenario counts: all the same, the worst alone, or the worse half."""
        count = {"mean": self.scenarios, "worst": 1, "cvar": math.ceil(self.scenarios / 2)}[
            self.goals.robust
        ]
        means = [
            _mean(self.regrets(candidate, wish, scenario)) for scenario in range(self.scenarios)
        ]
        worst = sorted(range(self.scenarios), key=lambda scenario: (-means[scenario], scenario))[
            :count
        ]
        return [1 / count if scenario in worst else 0.0 for scenario in range(self.scenarios)]

    def _weighted_regrets(self, wish: Objective, number: int) -> list[float | None]:
        candidate = self._known[number]
        counted = [
            (w, self.regrets(candidate, wish, s))
            for s, w in enumerate(self._weights(candidate, wish))
            if w
        ]
        rows = zip(*(series for _, series in counted), strict=True)
        return [
            None
            if None in row
            else math.fsum(w * (x or 0.0) for (w, _), x in zip(counted, row, strict=True))
            for row in rows
        ]

    def regret(self, candidate: Candidate, wish: Objective) -> float:
        """What counts of it over all scenarios."""
        return _mean(self._pairs(wish, candidate.number))

    def difference(self, candidate: Candidate, other: Candidate, wish: Objective) -> Interval:
        """How much worse a candidate is than another, paired."""
        pairs = zip(
            self._pairs(wish, candidate.number), self._pairs(wish, other.number), strict=True
        )
        return interval([a - b for a, b in pairs if a is not None and b is not None])

    # -- constraints -------------------------------------------------------------------------------

    def kept(self, candidate: Candidate) -> list[ConstraintCheck]:
        """Every constraint in every scenario."""
        return [
            ConstraintCheck(
                each, scenario, bounds(each.metric, candidate, self.stage, scenario, self.count)
            )
            for each in self.goals.constraints
            for scenario in range(self.scenarios)
        ]

    def is_met(self, candidate: Candidate) -> bool:
        return all(check.is_met for check in self.kept(candidate))

    def is_broken(self, candidate: Candidate) -> bool:
        return any(check.is_broken for check in self.kept(candidate))

    def shortfall(self, candidate: Candidate, sure: bool) -> float:
        """By how much constraints are missed, 0 if by nothing: on the unfavourable 95 % bound if
        `sure`, else one standard error from the mean."""
        return self._shortfalls[sure][candidate.number]

    def _all_shortfalls(self, sure: bool) -> dict[int, float]:
        totals = dict.fromkeys((each.number for each in self.candidates), 0.0)
        for constraint in self.goals.constraints:
            for scenario in range(self.scenarios):
                margins = {
                    each.number: self._margin(each, constraint, scenario, sure)
                    for each in self.candidates
                }
                finite = [margin for margin in margins.values() if math.isfinite(margin)]
                scale = (max(finite) - min(finite) if finite else 0.0) or 1.0
                for number, margin in margins.items():
                    totals[number] += max(0.0, -margin / scale)
        return totals

    def _margin(
        self, candidate: Candidate, constraint: Constraint, scenario: int, sure: bool
    ) -> float:
        series = [
            v
            for v in candidate.series(self.stage, scenario, constraint.metric, self.count)
            if v is not None
        ]
        if not series:
            return -WORST_REGRET
        if sure:
            interval = bounds(constraint.metric, candidate, self.stage, scenario, self.count)
            worse = interval.low if constraint.from_below else interval.high
            if worse is not None:
                return constraint.margin(worse)
        error = deviation(series) / math.sqrt(len(series)) if len(series) > 1 else 0.0
        return constraint.margin(math.fsum(series) / len(series)) - error

    # -- order -------------------------------------------------------------------------------------

    def order(self, sure: bool = False) -> list[Candidate]:
        """The best first: those that keep the constraints by regret (several objectives: front by
        front), then by shortfall."""
        ranks = front_ranks({each.number: self._scores(each) for each in self.candidates})
        return sorted(
            self.candidates,
            key=lambda each: (self.shortfall(each, sure), ranks[each.number], each.number),
        )

    def front(self, sure: bool = False) -> list[Candidate]:
        """Those that no other one beats in all objectives, among those with the least shortfall."""
        if sure not in self._fronts:
            self._fronts[sure] = self._front(sure)
        return self._fronts[sure]

    def _front(self, sure: bool) -> list[Candidate]:
        least = min(self.shortfall(each, sure) for each in self.candidates)
        able = [each for each in self.candidates if self.shortfall(each, sure) <= least]
        regrets = {each.number: self._scores(each) for each in able}
        return [
            each
            for each in able
            if not any(dominates(regrets[other.number], regrets[each.number]) for other in able)
        ]

    def _scores(self, candidate: Candidate) -> tuple[float, ...]:
        return tuple(self.regret(candidate, wish) for wish in self.goals.objectives)


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else WORST_REGRET


def front_ranks(scores: dict[int, tuple[float, ...]]) -> dict[int, tuple[int, float]]:
    """(front, and within it how crowded or bad) of each candidate's regrets."""
    if all(len(score) == 1 for score in scores.values()):
        return {number: (0, score[0]) for number, score in scores.items()}
    ranks: dict[int, tuple[int, float]] = {}
    rest, layer = dict(scores), 0
    while rest:
        front = {
            n: s for n, s in rest.items() if not any(dominates(other, s) for other in rest.values())
        }
        ranks |= {number: (layer, -space) for number, space in _crowding_distances(front).items()}
        rest = {number: score for number, score in rest.items() if number not in front}
        layer += 1
    return ranks


def dominates(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(first, second, strict=True)) and first != second


def _crowding_distances(front: dict[int, tuple[float, ...]]) -> dict[int, float]:
    """Crowding distance (Deb 2002): how far a member's neighbours on the front are, endless at its
    ends."""
    distances = dict.fromkeys(front, 0.0)
    for place in range(len(next(iter(front.values())))):
        ranked = sorted(front, key=lambda number: (front[number][place], number))
        width = front[ranked[-1]][place] - front[ranked[0]][place]
        distances[ranked[0]] = distances[ranked[-1]] = WORST_REGRET
        for before, number, after in zip(ranked, ranked[1:], ranked[2:], strict=False):
            gap = front[after][place] - front[before][place]
            distances[number] += gap / width if width and math.isfinite(width) else 0.0
    return distances
