"""What a scenario promises, and whether a policy keeps it: one rule for tables, verdicts, the best
policy and `--until decided`.

Requests succeed, in time where `slo.latency` or `slo.ttft` is stated, and the scenario's budget
holds in every period, or rolling window, that the horizon covers. Each requirement is judged on the
unfavourable bound of its interval; one replication has none, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simroute.experiment.trace_columns import budget_periods
from simroute.models import spec
from simroute.statistics.intervals import Confidence, Interval, replications_needed
from simroute.text import duration, percent, span

SUCCESS, IN_TIME, BUDGET = "success_rate", "slo_attainment", "budget_used"
METRIC_NAMES = {SUCCESS: "success", IN_TIME: "success in time"}
"""The metrics of promised success, in words."""


class Requirement(NamedTuple):
    """One part of the promise: a metric is at least `bound`, or at most."""

    metric: str
    bound: float
    at_least: bool

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
    success = Requirement(success_metric(scenario), scenario.slo.success, True)
    if budget_periods(scenario) is None:
        return [success]
    return [success, Requirement(BUDGET, 1.0, False)]


def is_kept(scenario: spec.Scenario, intervals: Mapping[str, Interval]) -> bool | None:
    """Whether a policy with these intervals, by metric, keeps the whole promise; None while that is
    undecided."""
    met = [part.is_met(intervals[part.metric]) for part in requirements(scenario)]
    return False if False in met else None if None in met else True


def describe_promise(scenario: spec.Scenario) -> str:
    """The promise in words, as the rest of "the promise that …"."""
    slo, budget = scenario.slo, scenario.budget
    limits = [f"within {duration(slo.latency)}"] if slo.latency is not None else []
    if slo.ttft is not None:
        limits.append(f"{'with' if limits else 'within'} the first token in {duration(slo.ttft)}")
    success = f"at least {percent(slo.success)} of requests succeed"
    text = f"{success} {', '.join(limits)}" if limits else success
    if budget is None or budget_periods(scenario) is None:
        return text
    return f"{text}, for at most {describe_budget(budget)}"


def describe_budget(budget: spec.Budget) -> str:
    """A budget in words: $200 a day, $20 in any 4 h."""
    rolling = budget.period == "rolling"
    when = f"in any {duration(budget.window)}" if rolling else f"a {budget.period}"
    return f"${budget.usd:,g} {when}"


def describe_figure(part: Requirement, interval: Interval) -> str:
    """A figure in words: 99.5 % (99.1 to 99.8) in time."""
    if part.metric == BUDGET:
        return f"{span(*interval, unit='share')} of the budget"
    return span(*interval, unit="share") + (" in time" if part.metric == IN_TIME else "")
