"""Candidates in the simulator: as policies of a configuration, so that they are played wherever
replications are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from simroute.config.configuration import Configuration
from simroute.config.variation import Variation
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Numbered, Replicated, Work
from simroute.experiment.run import ReplicationError
from simroute.studies.tuning.problem.space import Values
from simroute.studies.tuning.search.evaluations import POLICY, CandidateValues, Run, RunTask
from simroute.text import setting_text


@dataclass
class Simulator:
    """Runs tasks: `stages[stage]` has a configuration for each scenario, all with the one policy
    that is varied.

    `perform`: plays them elsewhere than in `workers` processes here, which stay until `close`.
    """

    stages: dict[str, list[Configuration]]
    policy: str
    workers: int = 1
    perform: Work | None = None
    _crew: ProcessPool = field(init=False)

    def __post_init__(self) -> None:
        self._crew = ProcessPool(self.workers, metrics_only=True)

    def __call__(
        self, tasks: list[RunTask], settings: CandidateValues
    ) -> Iterator[tuple[RunTask, Run]]:
        """Raises WorkerLostError; ReplicationError, which tells the values of the setting that
        failed."""
        places = list(dict.fromkeys((task.stage, task.scenario) for task in tasks))
        named = {
            number: values.get(POLICY, f"setting {number}") for number, values in settings.items()
        }
        layers = {number: self._layers(values) for number, values in settings.items()}
        made = [
            replace(
                self.stages[stage][scenario],
                policies={named[number]: layers[number][scenario] for number in settings},
            )
            for stage, scenario in places
        ]
        jobs = {
            (
                places.index((task.stage, task.scenario)),
                (named[task.candidate], task.replication),
            ): task
            for task in tasks
        }
        try:
            for number, done in self._played(made, list(jobs)):
                yield jobs[number, done.job], Run(done.figures.metrics, done.figures.pooled)
        except ReplicationError as error:
            values = next(
                settings[number] for number, name in named.items() if name == error.policy
            )
            text = (
                ", ".join(f"{name}={setting_text(value)}" for name, value in values.items())
                or "the start"
            )
            raise ReplicationError(
                error.policy, error.replication, f"{error} ({error.policy}: {text})"
            ) from error

    def _played(
        self, made: list[Configuration], jobs: list[Numbered]
    ) -> Iterator[tuple[int, Replicated]]:
        if self.perform is None:
            yield from self._crew.play(made, jobs)
            return
        for number, each in enumerate(made):
            own = [job for place, job in jobs if place == number]
            for done in self.perform(each, own, self.workers, None, lambda job, seconds: None):
                yield number, done

    def _layers(self, values: Values) -> list[dict[str, Any]]:
        """For each scenario, since a budget may come from it."""
        first = next(iter(self.stages.values()))
        if POLICY in values:
            return [each.policies[values[POLICY]] for each in first]
        return [Variation(each, self.policy).build_layers(values) for each in first]

    def close(self) -> None:
        """End the workers, at once."""
        self._crew.close()
