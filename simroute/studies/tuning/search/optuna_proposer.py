"""optuna's samplers as a proposer, by ask and tell; the loop and its weather stay ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from simroute.errors import InputError
from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.problem.space import ChoiceParameter, Point, Space, Values
from simroute.studies.tuning.search.evaluations import Candidate, Evaluations
from simroute.studies.tuning.search.ranking import Ranking
from simroute.studies.tuning.search.surrogate import Surrogate

TRIES = 10
NEEDS = {"tpe": "optuna", "cmaes": "cmaes", "gp": "torch"}


class OptunaProposer:
    """TPE, CMA-ES or a Gaussian process. Raises InputError with what to install."""

    def __init__(self, kind: str, space: Space, goals: Goals, seed: int) -> None:
        _require_packages(kind)
        if kind == "cmaes" and len(goals.objectives) > 1:
            raise InputError("--proposer cmaes: has one objective; use tpe or sobol for several")
        self._space, self._goals = space, goals
        self._study = _create_study(kind, goals, seed)
        self._open: dict[int, Any] = {}
        self._margins: dict[int, list[float]] = {}

    def ask(
        self, evaluations: Evaluations, generation: int, count: int, surrogate: Surrogate | None
    ) -> list[tuple[Values, Point]]:
        proposals: dict[str, tuple[Values, Point]] = {}
        for _ in range(TRIES * count):
            if len(proposals) >= count:
                break
            trial = self._study.ask(self._distributions())
            point = tuple(self._u(trial.params[each.name], each) for each in self._space.parameters)
            values = evaluations.space.values(point)
            key = repr(evaluations.space.effective(values))
            if evaluations.knows(values) or key in proposals:
                self._fail(trial)
                continue
            proposals[key] = (values, point)
            self._open[len(evaluations.candidates) + len(proposals) - 1] = trial
        return list(proposals.values())

    def tell(self, ranking: Ranking, candidates: Sequence[Candidate]) -> None:
        """The mean paired difference from the start, and by how much constraints are missed."""
        start = ranking.candidates[-1]
        for each in candidates:
            trial = self._open.pop(each.number, None)
            if trial is None:
                continue
            losses = [ranking.difference(each, start, wish).mean for wish in self._goals.objectives]
            trial.set_user_attr("shortfall", ranking.shortfall(each, sure=False))
            if any(loss is None or not math.isfinite(loss) for loss in losses):
                self._fail(trial)
            else:
                self._study.tell(trial, losses)
        for trial in self._open.values():
            self._fail(trial)
        self._open.clear()

    def _fail(self, trial: Any) -> None:
        from optuna.trial import TrialState

        trial.set_user_attr("shortfall", 1.0)
        self._study.tell(trial, state=TrialState.FAIL)

    def _distributions(self) -> dict[str, Any]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return {
            each.name: CategoricalDistribution(list(range(each.count)))
            if isinstance(each, ChoiceParameter) and not each.ordered
            else FloatDistribution(0.0, 1 - 2**-32)
            for each in self._space.parameters
        }

    @staticmethod
    def _u(value: Any, each: Any) -> float:
        return (
            (value + 0.5) / each.count
            if isinstance(each, ChoiceParameter) and not each.ordered
            else float(value)
        )


def _require_packages(kind: str) -> None:
    if find_spec("optuna") is None:
        raise InputError(
            f"--proposer {kind}: needs optuna; pip install 'simroute[tune]', or leave it out for "
            f"the built-in search"
        )
    if find_spec(NEEDS[kind]) is None:
        raise InputError(
            f"--proposer {kind}: needs {NEEDS[kind]}; pip install {NEEDS[kind]}, or use tpe or "
            f"the built-in search"
        )


def _create_study(kind: str, goals: Goals, seed: int) -> Any:
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of what is used is marked experimental
        samplers = optuna.samplers
        constraints: dict[str, Any] = (
            {"constraints_func": lambda trial: (trial.user_attrs["shortfall"],)}
            if goals.constraints
            else {}
        )
        if kind == "tpe":
            sampler: Any = samplers.TPESampler(
                seed=seed, multivariate=True, constant_liar=True, **constraints
            )
        elif kind == "gp":
            sampler = samplers.GPSampler(seed=seed, **constraints)
        else:
            sampler = samplers.CmaEsSampler(seed=seed)
        return optuna.create_study(directions=["minimize"] * len(goals.objectives), sampler=sampler)
