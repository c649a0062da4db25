"""What a run's dates and its trace add to its figures: periods of the budget, the days of arrivals,
and which sends the log itself tells of."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from simroute.config.configuration import Configuration
from simroute.config.inputs import run_calendar
from simroute.gauges.funds import SLOTS
from simroute.metrics.tallies import BudgetPeriods, BudgetSpan
from simroute.models import spec
from simroute.models.deployment import DeploymentModel
from simroute.models.expected_traffic import ExpectedTraffic
from simroute.worlds.periods import Periods

DAY = 86_400.0
MOST_DAYS = 400
MOST_SLOTS = 1_000_000
"""Of a rolling budget in a horizon; a window has fewer than the layer's where these would be
more."""


def trace_days(
    configuration: Configuration,
) -> tuple[list[str], Callable[[np.ndarray], np.ndarray]] | None:
    """Names of the days of a replay (dates in UTC; numbers where the clock is relative), and the
    place of arrivals' days among them."""
    trace = configuration.trace
    if trace is None or configuration.command != "replay":
        return None
    load = configuration.scenario.workload
    first = datetime.fromtimestamp(0 if trace.relative else trace.first_ns / 1e9, UTC) + timedelta(
        seconds=load.trace_from
    )
    offset = (first - first.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    days = min(
        MOST_DAYS, int((offset + configuration.scenario.horizon * load.rate_scale) // DAY) + 1
    )
    names = [
        f"day {k + 1}" if trace.relative else (first + timedelta(days=k)).strftime("%Y-%m-%d")
        for k in range(days)
    ]
    return names, lambda when: np.minimum(
        ((offset + when * load.rate_scale) // DAY).astype(np.int64), days - 1
    )


def budget_periods(scenario: spec.Scenario) -> BudgetPeriods | None:
    """The scenario's budget, in those of its periods, or windows, that are wholly in the horizon;
    None if there are none.

    A rolling window is counted in slots, as the budget layer does: at each moment up to one slot
    more than the window.
    """
    budget = scenario.budget
    if (
        budget is None
        or budget.usd == 0
        or (budget.period == "rolling" and budget.window > scenario.horizon)
    ):
        return None
    if budget.period == "rolling":
        slots = max(1, min(SLOTS, int(MOST_SLOTS * budget.window / scenario.horizon)))
        starts = np.arange(math.ceil(scenario.horizon * slots / budget.window)) * (
            budget.window / slots
        )
        return BudgetPeriods(budget.usd, starts, starts + budget.window / slots, slots + 1)
    within, spans, now = Periods(*run_calendar(scenario)), list[tuple[float, float]](), 0.0
    while now < scenario.horizon:
        start, now = within(now, budget.period, budget.zone, budget.reset)
        if start >= 0 and now <= scenario.horizon:
            spans.append((start, now))
    return BudgetPeriods(budget.usd, *np.array(spans).T) if spans else None


def budget_span(scenario: spec.Scenario) -> BudgetSpan | None:
    """The period of the scenario's budget in which the run begins, or the window from its beginning
    on; None without a budget."""
    budget = scenario.budget
    if budget is None or budget.usd == 0:
        return None
    begin, end = 0.0, budget.window
    if budget.period != "rolling":
        within = Periods(*run_calendar(scenario))
        begin, end = within(0.0, budget.period, budget.zone, budget.reset)
    mean_rate = ExpectedTraffic(scenario.workload, 1.0, scenario.horizon)
    return BudgetSpan(budget.usd, begin, end, mean_rate.requests(begin, end))


def observed_sends(
    models: list[DeploymentModel],
) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Whether the log has enough calls of these targets (codes) in the hours of these seconds; None
    where nothing is recorded."""
    if all(model.empirical is None for model in models):
        return None

    def observe(target: np.ndarray, when: np.ndarray) -> np.ndarray:
        observed = np.zeros(len(target), bool)
        for code in np.unique(target).tolist():
            recorded = models[code].empirical
            if recorded is not None:
                mine = target == code
                observed[mine] = recorded.has_enough_calls(when[mine])
        return observed

    return observe
