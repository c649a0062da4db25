"""Everything that happens whatever the policy, for one replication: requests, deployments,
outages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simroute.models import spec
from simroute.models.calendar import workload_calendar
from simroute.models.deployment import Answers, DeploymentModel
from simroute.models.error_spells import draw_error_steps
from simroute.models.faults import Timeline, draw_outages
from simroute.models.logged_behaviour import EmpiricalDeployment
from simroute.models.playback import Partition, TraceColumns, playback_clock
from simroute.models.prices import resolve_prices
from simroute.models.quality import AnswerCopula, MeasuredAnswers, accuracy
from simroute.models.questions import Questions
from simroute.models.random import Streams
from simroute.models.workload import Block, OutcomeTable, WorkloadModel

PINGS = 1 << 28
"""Block numbers from here on belong to background calls, so many for each replica."""


class Weather:
    """What a simulated world is given. Files (`trace`, `lengths`, `outcomes`) come already read."""

    def __init__(
        self,
        scenario: spec.Scenario,
        seed: int,
        replication: int,
        *,
        trace: TraceColumns | None = None,
        lengths: TraceColumns | None = None,
        outcomes: OutcomeTable | None = None,
        part: Partition | None = None,
    ) -> None:
        self.scenario = scenario
        self.horizon = scenario.horizon
        self.calendar = workload_calendar(scenario.workload, trace)
        self.streams = Streams(seed, replication)
        self._trace, self.part = trace, part
        self.repeated_questions = getattr(trace, "repeated_questions", 0) or (
            scenario.workload.repeats.questions if scenario.workload.repeats.share > 0 else 0
        )
        self._questions = Questions(self.streams, self.repeated_questions)
        self._workload = WorkloadModel(
            scenario, self.streams, self._questions, trace, lengths, outcomes
        )
        self.tasks, self.users, self.features = (
            self._workload.tasks,
            self._workload.users,
            self._workload.features,
        )
        self.teams = self._workload.teams
        self.routes, self.fallback_chains = self._routes("routes"), self._routes("fallback_chains")
        self.windows = draw_outages(scenario, self.streams, self.horizon)
        self.deployments = {
            name: self._deployment(name, deployment, outcomes)
            for name, deployment in scenario.deployments.items()
        }

    def blocks(self) -> Iterator[Block]:
        """The requests, in order of arrival."""
        return self._workload.blocks(self.horizon, self.part)

    @property
    def start_s(self) -> float:
        """When the first of them can come (s)."""
        return 0.0 if self.part is None else self.part.start_s(self.scenario.workload, self._trace)

    @property
    def end_s(self) -> float:
        """From when on none of them can come (s): the horizon, or where the next part begins."""
        part = self.part
        if part is None or part.number + 1 >= part.among:
            return self.horizon
        return part._replace(number=part.number + 1).start_s(self.scenario.workload, self._trace)

    def ping_block(self, replica: int, number: int) -> Block:
        """A block of background calls of one replica."""
        return self._workload.ping_block(PINGS * (1 + replica) + number)

    def _deployment(
        self, name: str, deployment: spec.Deployment, outcomes: OutcomeTable | None
    ) -> DeploymentModel:
        scores: Answers
        if outcomes is not None and deployment.outcomes is not None:
            scores, graded = (
                MeasuredAnswers(outcomes.columns[deployment.outcomes]),
                [True] * len(self.tasks),
            )
        else:
            right = [
                accuracy(deployment.quality, task, self.scenario.workload.tasks)
                for task in self.tasks
            ]
            scores = AnswerCopula(self.streams, self._questions, name, deployment.model, right)
            graded = [share is not None for share in right]
        recorded = None if deployment.recorded is None else self._recorded(deployment.recorded)
        steps = (
            draw_error_steps(name, deployment, self.streams, self.horizon)
            if recorded is None
            else recorded.errors(self.horizon)
        )
        timeline = Timeline(name, deployment, self.windows, self.scenario.outages, steps)
        prices = resolve_prices(deployment, self.horizon, self.calendar)
        return DeploymentModel(
            name,
            deployment,
            prices,
            timeline,
            scores,
            self.streams,
            self.scenario.gateway.overhead,
            recorded,
            graded,
        )

    def _recorded(self, target: str) -> EmpiricalDeployment:
        trace: Any = self._trace
        return EmpiricalDeployment(
            trace.behaviour(target), playback_clock(self.scenario.workload, trace)
        )

    def _routes(self, kind: str) -> list[tuple[str, ...]]:
        """The deployments to which a log says that requests went, by the code of the way that each
        took; of `fallback_chains`, and would have gone on."""
        known = {
            made.recorded: name
            for name, made in reversed(self.scenario.deployments.items())
            if made.recorded is not None
        }
        if not known:
            return []
        trace: Any = self._trace
        names = [known.get(target) for target in trace.targets]
        return [
            tuple(name for place in route if (name := names[place]) is not None)
            for route in getattr(trace, kind)
        ]
