"""Candidates, their runs, and the runs that they lack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simroute.studies.comparison.random_outages import OutageExposure
from simroute.studies.tuning.problem.space import Point, Space, Values

SEARCH, FRESH = "search", "fresh"
POLICY = "policy"
"""The one key of the values of a policy that is run as it is, beside the one that is tuned."""


class Run(NamedTuple):
    """What one run came to. `pooled`: (hits, trials) of shares."""

    metrics: dict[str, float | None]
    pooled: dict[str, tuple[int, int]]


class RunTask(NamedTuple):
    """One run: a candidate in a scenario, by their numbers; `stage` decides whose seed it has."""

    candidate: int
    scenario: int
    stage: str
    replication: int


FaultExposure = Callable[[str, int, int], OutageExposure | None]
"""(stage, scenario, replications) -> what they met of faults that come at random, None where there
are none."""
CandidateValues = dict[int, Values]
Evaluate = Callable[[list[RunTask], CandidateValues], Iterable[tuple[RunTask, Run]]]
"""Runs tasks, in any order; the values of each candidate that they name are given."""


@dataclass
class Candidate:
    """A setting, and its runs. `values`: what it says beside the start; `generation`: in which it
    was proposed, 0 for the start itself.

    `sky`: what the first replications of a stage met in a scenario of faults that come at random.
    """

    number: int
    values: Values
    point: Point
    generation: int
    runs: dict[tuple[str, int, int], Run] = field(default_factory=dict)
    sky: FaultExposure | None = None

    def complete_replications(self, stage: str, scenarios: int) -> int:
        """How many first replications are there in all scenarios."""
        count = 0
        while all((stage, scenario, count) in self.runs for scenario in range(scenarios)):
            count += 1
        return count

    def series(self, stage: str, scenario: int, metric: str, count: int) -> list[float | None]:
        """A figure of the first replications."""
        return [
            self.runs[stage, scenario, replication].metrics[metric] for replication in range(count)
        ]

    def pooled(
        self, stage: str, scenario: int, metric: str, count: int
    ) -> list[tuple[int, int] | None]:
        """Hits and trials in each of them, None where it is no share of counts."""
        return [
            self.runs[stage, scenario, replication].pooled.get(metric)
            for replication in range(count)
        ]

    def met(self, stage: str, scenario: int, count: int) -> OutageExposure | None:
        """What they met of faults that come at random; None where there are none."""
        return None if self.sky is None else self.sky(stage, scenario, count)


class Evaluations:
    """Candidates by number; the start is the first. `told(run)` hears of each run; `sky`: what they
    met."""

    def __init__(
        self,
        space: Space,
        scenarios: int,
        evaluate: Evaluate,
        listen: Callable[[RunTask, Run], None] = lambda task, run: None,
        sky: FaultExposure | None = None,
    ) -> None:
        self.space, self.scenarios, self._sky = space, scenarios, sky
        self.candidates: list[Candidate] = []
        self._known: dict[str, Candidate] = {}
        self._evaluate, self._listen = evaluate, listen
        self.spent = {SEARCH: 0, FRESH: 0}
        self.add({}, space.point({}), 0)

    @property
    def start(self) -> Candidate:
        return self.candidates[0]

    def knows(self, values: Values) -> bool:
        return self._key(values) in self._known

    def add(self, values: Values, point: Point, generation: int) -> Candidate:
        """Register a new candidate."""
        candidate = Candidate(len(self.candidates), values, point, generation, sky=self._sky)
        self.candidates.append(candidate)
        self._known[self._key(values)] = candidate
        return candidate

    def _key(self, values: Values) -> str:
        return json.dumps(self.space.effective(values), sort_keys=True, default=str)

    def missing(self, candidates: Iterable[Candidate], stage: str, count: int) -> list[RunTask]:
        """The runs that they lack of the first `count` replications, whole replications first."""
        return [
            RunTask(each.number, scenario, stage, replication)
            for replication in range(count)
            for each in {each.number: each for each in candidates}.values()
            for scenario in range(self.scenarios)
            if (stage, scenario, replication) not in each.runs
        ]

    def run(self, candidates: Iterable[Candidate], stage: str, count: int) -> None:
        """Run what these candidates lack of the first `count` replications of a stage."""
        tasks = self.missing(list(candidates), stage, count)
        for task, run in self._evaluate(
            tasks, {task.candidate: self.candidates[task.candidate].values for task in tasks}
        ):
            self.candidates[task.candidate].runs[task.stage, task.scenario, task.replication] = run
            self.spent[stage] += 1
            self._listen(task, run)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)
