"""What a scenario promises, and whether it is kept: one rule for tables, verdicts, winners and
`--until decided`.

Requests succeed, in time where `slo.latency` or `slo.ttft` is stated, and the scenario's budget
holds in every period, or rolling window, that the horizon covers. Each part is judged on the
unfavourable bound of its interval; one replication has none, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simroute.experiment.trace_columns import budget_periods
from simroute.models import spec
from simroute.statistics.intervals import Interval
from simroute.text import duration, percent, span

SUCCESS, IN_TIME, BUDGET = "success_rate", "slo_attainment", "budget_used"
METRIC_NAMES = {SUCCESS: "success", IN_TIME: "success in time"}
"""What is promised of requests, in words, by metric."""


class Requirement(NamedTuple):
    """A figure and what it is promised to be: at least `bound`, or at most."""

    metric: str
    bound: float
    at_least: bool

    def is_met(self, found: Interval) -> bool | None:
        """On the unfavourable bound; None while that is undecided."""
        if found.low is None or found.high is None:
            return None
        if self.at_least:
            return True if found.low >= self.bound else False if found.high < self.bound else None
        return True if found.high <= self.bound else False if found.low > self.bound else None


def success_metric(scenario: spec.Scenario) -> str:
    """The metric of the promised success."""
    return IN_TIME if scenario.slo.is_timed else SUCCESS


def requirements(scenario: spec.Scenario) -> list[Requirement]:
    """All that is promised; the success of requests comes first."""
    found = [Requirement(success_metric(scenario), scenario.slo.success, True)]
    return found if budget_periods(scenario) is None else [*found, Requirement(BUDGET, 1.0, False)]


def is_kept(scenario: spec.Scenario, found: Mapping[str, Interval]) -> bool | None:
    """Whether all of it is, by metric; None if that is undecided."""
    standing = [part.is_met(found[part.metric]) for part in requirements(scenario)]
    return False if False in standing else None if None in standing else True


def describe_promise(scenario: spec.Scenario) -> str:
    """As the rest of "the promise that …"."""
    slo, budget = scenario.slo, scenario.budget
    limits = [f"within {duration(slo.latency)}"] if slo.latency is not None else []
    limits += (
        [f"{'with ' if limits else 'within '}the first token in {duration(slo.ttft)}"]
        if slo.ttft is not None
        else []
    )
    said = f"at least {percent(slo.success)} of requests succeed" + (
        f" {', '.join(limits)}" if limits else ""
    )
    if budget is None or budget_periods(scenario) is None:
        return said
    rolling = budget.period == "rolling"
    when = f"in any {duration(budget.window)}" if rolling else f"a {budget.period}"
    return f"{said}, for at most ${budget.usd:,g} {when}"


def describe_figure(part: Requirement, found: Interval) -> str:
    """A figure in words: 99.5 % (99.1 to 99.8) in time."""
    if part.metric == BUDGET:
        return f"{span(*found, unit='share')} of the budget"
    return span(*found, unit="share") + (" in time" if part.metric == IN_TIME else "")
