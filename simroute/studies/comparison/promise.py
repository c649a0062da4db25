"""What a scenario promises, and whether a policy keeps it: one rule for tables, verdicts, the best
policy and `--until decided`.

Requests succeed, in time where `slo.latency` or `slo.ttft` is stated, those of a task under
`slo.tasks` as it is promised there, and the scenario's budget holds in every period, or rolling
window, that the horizon covers. Each requirement is judged on the unfavourable bound of its
interval; one replication has none, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simroute.experiment.trace_columns import budget_periods
from simroute.metrics import METRICS, task_metric
from simroute.models import spec
from simroute.statistics.intervals import Confidence, Interval, replications_needed
from simroute.text import clean
from simroute.units import duration, percent, span

SUCCESS, IN_TIME, BUDGET = "success_rate", "slo_attainment", "budget_used"
METRIC_NAMES = {SUCCESS: "success", IN_TIME: "success in time"}
"""The metrics of promised success, in words."""


class Requirement(NamedTuple):
    """One part of the promise: a metric is at least `bound`, or at most. `task`: whose requests it
    is about; None for all."""

    metric: str
    bound: float
    at_least: bool
    task: str | None = None

    def is_met(self, interval: Interval) -> bool | None:
        """Whether the unfavourable bound meets it; None while that is undecided."""
        if interval.low is None or interval.high is None:
            return None
        if self.at_least:
            met, missed = interval.low >= self.bound, interval.high < self.bound
        else:
            met, missed = interval.high <= self.bound, interval.low > self.bound
        return True if met else False if missed else None

    def replications_needed(
        self, values: Sequence[float | None], mean: float | None, confidence: Confidence
    ) -> int | None:
        """Replications that would decide it, from values by replication; None if not known."""
        if mean is None:
            return None
        return replications_needed(values, mean - self.bound, confidence, self.metric)


def success_metric(scenario: spec.Scenario) -> str:
    """The metric of the promised success."""
    return IN_TIME if scenario.slo.is_timed else SUCCESS


def requirements(scenario: spec.Scenario) -> list[Requirement]:
    """All parts of the promise; the success of requests comes first."""
    slo = scenario.slo
    parts = [Requirement(success_metric(scenario), slo.success, True)]
    for name in slo.tasks:
        own = slo.of_task(name)
        timed = own.latency is not None or own.ttft is not None
        metric = task_metric(IN_TIME if timed else SUCCESS, name)
        parts.append(Requirement(metric, own.success or 0.0, True, name))
    if budget_periods(scenario) is not None:
        parts.append(Requirement(BUDGET, 1.0, False))
    return parts


def judged_metrics(scenario: spec.Scenario) -> list[str]:
    """The metrics of a run of this scenario: all, and those of tasks with a promise of their
    own."""
    tasks = scenario.slo.tasks
    own = [task_metric(metric, name) for name in tasks for metric in (SUCCESS, IN_TIME)]
    return [*METRICS, *own]


def is_kept(scenario: spec.Scenario, intervals: Mapping[str, Interval]) -> bool | None:
    """Whether a policy with these intervals, by metric, keeps the whole promise; None while that is
    undecided."""
    met = [part.is_met(intervals[part.metric]) for part in requirements(scenario)]
    return False if False in met else None if None in met else True


def describe_promise(scenario: spec.Scenario) -> str:
    """The promise in words, as the rest of "the promise that …"."""
    slo, budget = scenario.slo, scenario.budget
    text = _success_words("requests", slo)
    if slo.is_timed and slo.latency is None and slo.ttft is None:
        text += " in the time of their task"
    for name in slo.tasks:
        text += f"; {_success_words(f'{clean(name, 40)} requests', slo.of_task(name))}"
    if budget is None or budget_periods(scenario) is None:
        return text
    return f"{text}, for at most {describe_budget(budget)}"


def _success_words(whose: str, promised: spec.Slo | spec.TaskSlo) -> str:
    """How many of these requests succeed, and within which times."""
    latency, ttft = promised.latency, promised.ttft
    limits = [f"within {duration(latency)}"] if latency is not None else []
    if ttft is not None:
        limits.append(f"with the first token in {duration(ttft)}")
    success = f"at least {percent(promised.success)} of {whose} succeed"
    return f"{success} {', '.join(limits)}" if limits else success


def describe_budget(budget: spec.Budget) -> str:
    """A budget in words: $200 a day, $20 in any 4 h."""
    rolling = budget.period == "rolling"
    when = f"in any {duration(budget.window)}" if rolling else f"a {budget.period}"
    return f"${budget.usd:,g} {when}"


def describe_figure(part: Requirement, interval: Interval) -> str:
    """A figure in words: 99.5 % (99.1 to 99.8) in time."""
    if part.metric == BUDGET:
        return f"{span(*interval, unit='share')} of the budget"
    whose = "" if part.task is None else f" of {clean(part.task, 40)} requests"
    in_time = " in time" if part.metric.startswith(IN_TIME) else ""
    return f"{span(*interval, unit='share')}{whose}{in_time}"
