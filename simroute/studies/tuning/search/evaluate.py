"""Candidates in the simulator: as policies of a configuration, so that they are played wherever
replications are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from simroute.config.configuration import Configuration
from simroute.config.variation import Variation
from simroute.experiment.job import Executor, Job
from simroute.experiment.run import ReplicationError
from simroute.studies.tuning.problem.space import Values
from simroute.studies.tuning.search.evaluations import POLICY, CandidateValues, Run, RunTask
from simroute.units import setting_text


@dataclass
class Simulator:
    """Runs tasks on an executor. stages: for each a configuration of each scenario, all with the
    one policy that is varied."""

    stages: dict[str, list[Configuration]]
    policy: str
    executor: Executor

    def __call__(
        self, tasks: list[RunTask], settings: CandidateValues
    ) -> Iterator[tuple[RunTask, Run]]:
        """Raises WorkerLostError; ReplicationError, which tells the values of the setting that
        failed."""
        names = {
            number: values.get(POLICY, f"setting {number}") for number, values in settings.items()
        }
        layers = {number: self._layers(values) for number, values in settings.items()}
        configurations = {
            (stage, scenario): replace(
                self.stages[stage][scenario],
                policies={names[number]: layers[number][scenario] for number in settings},
            )
            for stage, scenario in dict.fromkeys((task.stage, task.scenario) for task in tasks)
        }
        jobs = {
            Job(
                configurations[task.stage, task.scenario],
                names[task.candidate],
                task.replication,
                metrics_only=True,
            ): task
            for task in tasks
        }
        try:
            with closing(self.executor.run(list(jobs))) as results:
                for job, figures, _ in results:
                    yield jobs[job], Run(figures.metrics, figures.pooled)
        except ReplicationError as error:
            values = next(
                settings[number] for number, name in names.items() if name == error.policy
            )
            text = (
                ", ".join(f"{name}={setting_text(value)}" for name, value in values.items())
                or "the start"
            )
            raise ReplicationError(
                error.policy, error.replication, f"{error} ({error.policy}: {text})"
            ) from error

    def _layers(self, values: Values) -> list[dict[str, Any]]:
        """For each scenario, since a budget may come from it."""
        first = next(iter(self.stages.values()))
        if POLICY in values:
            return [each.policies[values[POLICY]] for each in first]
        return [Variation(each, self.policy).build_layers(values) for each in first]
