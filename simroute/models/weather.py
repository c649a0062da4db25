"""Everything that happens whatever the policy, for one replication: requests, deployments,
outages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.blocks import Block, Inputs
from simroute.models.calendar import workload_calendar
from simroute.models.closed_loop import ClosedLoop
from simroute.models.deployment import Answers, DeploymentModel
from simroute.models.drift import DriftSteps
from simroute.models.empirical import EmpiricalDeployment
from simroute.models.error_spells import draw_error_steps
from simroute.models.faults import Timeline
from simroute.models.latency import ServiceTimes, StatedTimes
from simroute.models.limits import Grant, has_rates
from simroute.models.outage_depth import deepen
from simroute.models.outage_draws import draw_outages
from simroute.models.playback import Partition
from simroute.models.prices import run_prices
from simroute.models.quality import AnswerCopula, Kinship, MeasuredAnswers, accuracy
from simroute.models.quality_course import quality_course
from simroute.models.questions import Questions
from simroute.models.random import Streams
from simroute.models.surcharges import tiered
from simroute.models.targets import as_target
from simroute.models.workload import WorkloadModel

NO_INPUTS = Inputs()
PINGS = 1 << 28
"""Block numbers from here on belong to background calls, so many for each replica."""


class Weather:
    """What a simulated world is given.

    inputs: the contents of the workload's files. part: of a trace, the only part that is played.
    windows: the outages; spells, outages: the same in parts in which what holds is constant, and
    what each is. questions: draws by question. tasks, users, features, teams: names by code.
    routes: by code, the deployments to which a log says that requests were sent; fallback_chains:
    the same, with what mostly followed.
    """

    def __init__(
        self,
        scenario: spec.Scenario,
        seed: int,
        replication: int,
        inputs: Inputs = NO_INPUTS,
        part: Partition | None = None,
    ) -> None:
        self.scenario = scenario
        self.horizon = scenario.horizon
        self.part, self._trace, self._outcomes = part, inputs.trace, inputs.outcomes
        self.calendar = workload_calendar(scenario.workload, inputs.trace)
        self.streams = Streams(seed, replication)
        repeats = scenario.workload.repeats
        self.repeated_questions = repeats.questions if repeats.share > 0 else 0
        if inputs.trace is not None and inputs.trace.repeated_questions:
            self.repeated_questions = inputs.trace.repeated_questions
        self.questions = Questions(self.streams, self.repeated_questions)
        self._workload = workload = WorkloadModel(scenario, self.streams, self.questions, inputs)
        self.tasks, self.users = workload.tasks, workload.users
        self.features, self.teams = workload.features, workload.teams
        trace = inputs.trace
        self.prompt_parts = None if trace is None else trace.prompt_parts
        self.routes = [] if trace is None else self._own_names(trace.targets, trace.routes)
        self.fallback_chains = (
            [] if trace is None else self._own_names(trace.targets, trace.fallback_chains)
        )
        counts = any(outage.after_requests is not None for outage in scenario.outages.values())
        self.windows = draw_outages(
            scenario, self.streams, self.horizon, self.arrivals() if counts else None
        )
        self.spells, self.outages = deepen(self.windows, scenario.outages, self.streams)
        self._grants = {
            name: Grant(shared) for name, shared in scenario.accounts.items() if has_rates(shared)
        }
        self.deployments = {
            name: self._build_deployment(name, deployment)
            for name, deployment in scenario.deployments.items()
        }

    def blocks(self) -> Iterator[Block]:
        """The requests, in order of arrival."""
        return self._workload.blocks(self.horizon, self.part)

    @property
    def task_shares(self) -> list[float]:
        """Of all requests, by task code: as the table of answers or the workload says, else equal
        ones."""
        if self._outcomes is not None:
            number = np.bincount(self._outcomes.task, minlength=len(self.tasks))
            return (number / number.sum()).tolist()  # type: ignore[no-any-return]
        described = self.scenario.workload.tasks
        shares = [_mean_share(described.get(name)) for name in self.tasks]
        whole = sum(shares)
        return [share / whole if whole else 1.0 / len(shares) for share in shares]

    @property
    def closed_loop(self) -> ClosedLoop | None:
        """The requests that come when others were answered, where all do; then there are no
        `blocks`."""
        return self._workload.follow_answers(self.horizon)

    def arrivals(self) -> np.ndarray:
        """When the requests of the whole run come, s, in order; much quicker than `blocks`."""
        return np.concatenate([np.zeros(0), *self._workload.arrivals(self.horizon)])

    @property
    def start_s(self) -> float:
        """When the first request can come, s."""
        return 0.0 if self.part is None else self._first_arrival(self.part)

    @property
    def end_s(self) -> float:
        """From when on no request can come, s: the horizon, or where the next part begins."""
        part = self.part
        if part is None or part.number + 1 >= part.among:
            return self.horizon
        return self._first_arrival(part._replace(number=part.number + 1))

    def ping_block(self, replica: int, number: int) -> Block:
        """A block of background calls of one replica."""
        return self._workload.ping_block(PINGS * (1 + replica) + number)

    def _first_arrival(self, part: Partition) -> float:
        assert self._workload.playback is not None
        return self._workload.playback.first_arrival(part)

    def _build_deployment(self, name: str, deployment: spec.Deployment) -> DeploymentModel:
        times: ServiceTimes
        deployment, drift = tiered(deployment), None
        if deployment.recorded is None:
            gateway, latency = self.scenario.gateway, deployment.latency
            overhead = gateway.overhead + gateway.distance.get(deployment.domain or "", 0.0)
            times = StatedTimes(name, latency, self.streams, overhead, self.questions)
            errors = draw_error_steps(name, deployment, self.streams, self.horizon)
            if latency.drift.sigma:
                drift = DriftSteps(name, latency.drift, self.streams, self.horizon)
        else:
            times = self._empirical(name, deployment.recorded)
            errors = times.error_steps(self.horizon)
        return DeploymentModel(
            as_target(name, deployment, self.scenario.accounts),
            deployment,
            Timeline(name, deployment, self.spells, self.outages, errors, drift),
            Tariff(run_prices(self.scenario, name, self.calendar)),
            times,
            self._answers(name, deployment),
            self.streams,
            self._grants.get(deployment.account or ""),
        )

    def _answers(self, name: str, deployment: spec.Deployment) -> Answers:
        if self._outcomes is not None and deployment.outcomes is not None:
            table = self._outcomes
            return MeasuredAnswers(
                table.columns[deployment.outcomes], np.asarray(table.task), len(self.tasks)
            )
        described = self.scenario.workload.tasks
        accuracies = [accuracy(deployment.quality, task, described) for task in self.tasks]
        family = as_target(name, deployment, self.scenario.accounts).family
        return AnswerCopula(
            self.streams,
            self.questions,
            name,
            Kinship(deployment.model, family, self.scenario.workload.sibling_correlation),
            accuracies,
            quality_course(deployment, self.tasks, described, self.horizon),
        )

    def _empirical(self, name: str, target: str) -> EmpiricalDeployment:
        playback = self._workload.playback
        assert self._trace is not None
        assert playback is not None
        return EmpiricalDeployment(
            name, self._trace.behaviour(target), playback.clock, self.streams
        )

    def _own_names(self, targets: list[str], routes: list[list[int]]) -> list[tuple[str, ...]]:
        """Routes over a log's targets as deployments of the scenario; none if no deployment is of
        the log."""
        names = {
            deployment.recorded: name
            for name, deployment in reversed(self.scenario.deployments.items())
            if deployment.recorded is not None
        }
        if not names:
            return []
        own = [names.get(target) for target in targets]
        return [
            tuple(name for index in route if (name := own[index]) is not None) for route in routes
        ]


def _mean_share(task: spec.Task | None) -> float:
    """Of a task that nothing is said of, as much as of any; the mean of one that features have in
    different shares."""
    if task is None:
        return 1.0
    share = task.share
    return share if isinstance(share, float) else sum(share.values()) / max(len(share), 1)
