"""What the runs so far say of every setting, tried or not: a surface for each figure that counts,
in each scenario."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from simroute.studies.tuning.problem.goals import Goals, Objective
from simroute.studies.tuning.problem.space import ChoiceParameter, Point
from simroute.studies.tuning.search.evaluations import SEARCH, Candidate, Evaluations
from simroute.studies.tuning.search.gaussian_process import (
    Array,
    GaussianProcess,
    TrainingData,
    fit,
)
from simroute.studies.tuning.search.ranking import WORST_REGRET, dominates, front_ranks

MOST_RUNS = 600
"""That a surface is fitted to; of more, half are those of the settings with most replications, the
others are taken evenly."""
DOUBT, SURE = 1.0, 1.96
"""Standard deviations that a constraint must keep: while searching, and for a recommendation."""
DIGITS = 9
"""To which draws are rounded before they are compared, so that the last bit of the linear algebra
decides nothing."""

Key = tuple[str, int]
"""A metric in a scenario."""


class Surrogate:
    """Surfaces of all that has been run. `before`: an earlier one, whose parameters are where to
    begin, or, unless it `learns`, those to keep."""

    def __init__(
        self,
        evaluations: Evaluations,
        goals: Goals,
        before: Surrogate | None = None,
        learns: bool = True,
    ) -> None:
        self.evaluations, self.goals = evaluations, goals
        self.processes: dict[Key, GaussianProcess] = {}
        self._candidates = _thin(
            [each for each in evaluations if each.runs], MOST_RUNS * evaluations.scenarios
        )
        for key in (
            (metric, scenario)
            for metric in goals.metrics
            for scenario in range(evaluations.scenarios)
        ):
            runs = self._runs(*key)
            if runs is not None:
                old = before.processes.get(key) if before is not None else None
                theta = None if old is None else old.theta
                self.processes[key] = (
                    fit(runs, theta) if learns or theta is None else GaussianProcess(runs, theta)
                )

    def _runs(self, metric: str, scenario: int) -> TrainingData | None:
        """A run without the figure counts as the worst one that there is. None if there is none at
        all."""
        rows: list[tuple[Point, int, float | None]] = []
        for each in self._candidates:
            place = self.evaluations.space.point(each.values)
            runs = sorted(
                (r, run)
                for (stage, s, r), run in each.runs.items()
                if (stage, s) == (SEARCH, scenario)
            )
            rows += [(place, replication, run.metrics[metric]) for replication, run in runs]
        known = [value for _, _, value in rows if value is not None]
        if not known:
            return None
        worst = (max if self._is_better_small(metric) else min)(known)
        values = np.array([worst if value is None else value for _, _, value in rows], float)
        apart = tuple(
            isinstance(each, ChoiceParameter) and not each.ordered
            for each in self.evaluations.space.parameters
        )
        return TrainingData(
            np.array([place for place, _, _ in rows], float),
            np.array([r for _, r, _ in rows]),
            values,
            apart,
        )

    def _is_better_small(self, metric: str) -> bool:
        wishes = [not wish.largest for wish in self.goals.objectives if wish.metric == metric]
        return [
            *wishes,
            *(not bound.from_below for bound in self.goals.constraints if bound.metric == metric),
        ][0]

    # -- draws -------------------------------------------------------------------------------------

    def sample(
        self, points: Sequence[Point], count: int, chance: np.random.Generator
    ) -> Iterator[list[int]]:
        """So many surfaces drawn from what is possible; of each the places of all points, the best
        first (Thompson sampling)."""
        where = np.array(points, float)
        drawn = {
            key: process.sample(where, chance.normal(size=(count, len(points))))
            for key, process in self.processes.items()
        }
        for place in range(count):
            scores, missed = self._score(
                {key: values[place] for key, values in drawn.items()}, 0.0, {}
            )
            score = np.round(_scalarize(scores, missed, chance), DIGITS)
            yield [int(each) for each in np.lexsort((score, np.round(missed, DIGITS)))]

    # -- order -------------------------------------------------------------------------------------

    def order(self, candidates: Sequence[Candidate], sure: bool = False) -> list[Candidate]:
        """The best first: those that keep the constraints by regret (several objectives: front by
        front), then by how much they miss."""
        scores, missed = self._evaluate(candidates, sure)
        ranks = front_ranks(scores)
        return sorted(
            candidates, key=lambda each: (missed[each.number], ranks[each.number], each.number)
        )

    def front(self, candidates: Sequence[Candidate], sure: bool = False) -> list[Candidate]:
        """Those that no other one beats in all objectives, among those that miss the constraints by
        least."""
        scores, missed = self._evaluate(candidates, sure)
        able = [each for each in candidates if missed[each.number] <= min(missed.values())]
        return [
            each
            for each in able
            if not any(dominates(scores[other.number], scores[each.number]) for other in able)
        ]

    def regrets(self, candidates: Sequence[Candidate]) -> dict[int, tuple[float, ...]]:
        """By candidate, how much worse than the best of them in each objective, over all
        scenarios."""
        return self._evaluate(candidates, True)[0]

    def _evaluate(
        self, candidates: Sequence[Candidate], sure: bool
    ) -> tuple[dict[int, tuple[float, ...]], dict[int, float]]:
        where = np.array([self.evaluations.space.point(each.values) for each in candidates], float)
        predictions = {key: process.predict(where) for key, process in self.processes.items()}
        doubt, errors = (
            SURE if sure else DOUBT,
            {key: deviations for key, (_, deviations) in predictions.items()},
        )
        scores, missed = self._score(
            {key: means for key, (means, _) in predictions.items()}, doubt, errors
        )
        lost = [self._is_lost(each) for each in candidates]
        numbers = [each.number for each in candidates]
        judged = {
            n: tuple(WORST_REGRET if gone else round(float(x), DIGITS) for x in row)
            for n, gone, row in zip(numbers, lost, scores.T, strict=True)
        }
        return judged, {
            n: WORST_REGRET if gone else round(float(x), DIGITS)
            for n, gone, x in zip(numbers, lost, missed, strict=True)
        }

    def _is_lost(self, each: Candidate) -> bool:
        """Whether some figure has no value in any of its runs."""
        return any(
            all(
                run.metrics[metric] is None
                for (stage, s, _), run in each.runs.items()
                if (stage, s) == (SEARCH, scenario)
            )
            for metric in self.goals.metrics
            for scenario in range(self.evaluations.scenarios)
        )

    # -- scores ------------------------------------------------------------------------------------

    def _score(
        self, values: dict[Key, Array], doubt: float, errors: dict[Key, Array]
    ) -> tuple[Array, Array]:
        """Regrets (objectives x points), and by how much constraints are missed (points), each
        measured by its spread."""
        count = len(next(iter(values.values()))) if values else 0
        missed = np.zeros(count)
        for bound in self.goals.constraints:
            for key in ((bound.metric, scenario) for scenario in range(self.evaluations.scenarios)):
                if key in values:
                    margins = (1 if bound.from_below else -1) * (values[key] - bound.bound)
                    missed += np.maximum(0, doubt * errors.get(key, 0.0) - margins) / (
                        float(np.ptp(margins)) or 1.0
                    )
        able = missed <= missed.min()
        return np.array(
            [self._regret(wish, values, able) for wish in self.goals.objectives]
        ), missed

    def _regret(self, wish: Objective, values: dict[Key, Array], able: Array) -> Array:
        losses = [
            wish.sign * values[wish.metric, s]
            for s in range(self.evaluations.scenarios)
            if (wish.metric, s) in values
        ]
        if not losses:
            return np.zeros(len(able))
        regrets = np.sort([loss - loss[able].min() for loss in losses], axis=0)
        count = {"mean": len(losses), "worst": 1, "cvar": math.ceil(len(losses) / 2)}[
            self.goals.robust
        ]
        regret: Array = regrets[-count:].mean(axis=0)
        return regret


def _thin(candidates: list[Candidate], most: int) -> list[Candidate]:
    if sum(len(each.runs) for each in candidates) <= most:
        return candidates
    ranked = sorted(candidates, key=lambda each: (-len(each.runs), each.number))
    first = [
        each
        for each, total in zip(ranked, accumulate(len(each.runs) for each in ranked), strict=True)
        if total <= most // 2
    ]
    others = ranked[len(first) :]
    every = math.ceil(sum(len(each.runs) for each in others) / (most // 2))
    return sorted([*first, *others[::every]], key=lambda each: each.number)


def _scalarize(scores: Array, missed: Array, chance: np.random.Generator) -> Array:
    """Several objectives as one: the largest of them, each by its spread and with a weight drawn at
    random (Chebyshev)."""
    if len(scores) == 1:
        return np.asarray(scores[0])
    able = missed <= missed.min()
    widths = np.array([float(np.ptp(row[able])) or 1.0 for row in scores])
    weights = chance.exponential(size=len(scores)) / widths
    mixed: Array = ((scores - scores[:, able].min(axis=1, keepdims=True)) * weights[:, None]).max(
        axis=0
    )
    return mixed
