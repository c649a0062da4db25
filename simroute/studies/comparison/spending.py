"""What a run's costs come to in a month at its traffic, and when a budget would be used up whose
period is longer than the run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from simroute.config.inputs import run_calendar
from simroute.experiment.trace_columns import budget_periods, budget_span
from simroute.metrics.tallies import MONTH
from simroute.models import spec
from simroute.models.calendar import DAY, Calendar
from simroute.models.closed_loop import depends_on_answers, stated_rate
from simroute.models.expected_traffic import ExpectedTraffic
from simroute.statistics.intervals import Interval
from simroute.studies.comparison.promise import describe_budget
from simroute.studies.comparison.verdict import MONTHLY, Intervals
from simroute.units import about_usd, duration, large

PACE = "budget_pace"


def month(scenario: spec.Scenario, intervals: Intervals) -> dict[str, Any] | None:
    """The month that `cost_per_month_usd` is about, as in summary.json; None where no request
    arrived."""
    rate = _mean_rate(scenario, intervals)
    if rate is None:
        return None
    load = scenario.workload
    profile = load.trace is None and (load.profile.hours or load.profile.days)
    whose = (
        "the trace's mean" if load.trace else "the mean of the week's profile" if profile else ""
    )
    return {
        "days": 30,
        "rate": rate,
        "requests": rate * MONTH,
        "words": f"30 days at {rate:.3g} requests/s{f', {whose}' if whose else ''}: "
        f"{large(rate * MONTH)} requests, each at this run's cost"
        if not depends_on_answers(load)
        else _callers_month(scenario, intervals),
    }


def _callers_month(scenario: spec.Scenario, intervals: Intervals) -> str:
    """The month of callers who ask as often as they are answered: each policy has its own."""
    counts = [metrics["requests"].mean or 0.0 for metrics in intervals.values()]
    few, many = (large(count / scenario.horizon * MONTH) for count in (min(counts), max(counts)))
    asked = few if few == many else f"{few} to {many}"
    return f"30 days of callers whose requests depend on their answers: {asked} requests"


def _mean_rate(scenario: spec.Scenario, intervals: Intervals) -> float | None:
    """Requests a second that a month is made of: stated by the scenario, or those of its trace."""
    arrivals = next(iter(intervals.values()))["requests"].mean
    if not arrivals:
        return None
    rate = stated_rate(scenario.workload)
    return arrivals / scenario.horizon if rate is None else rate


def budget_pace(scenario: spec.Scenario, intervals: Intervals) -> dict[str, Any] | None:
    """Of a budget that the run is too short for: when each policy would have spent it, as in
    summary.json; None for other runs."""
    budget, span, rate = scenario.budget, budget_span(scenario), _mean_rate(scenario, intervals)
    if budget is None or span is None or rate is None or budget_periods(scenario) is not None:
        return None
    traffic = ExpectedTraffic(scenario.workload, rate, scenario.horizon)
    calendar = run_calendar(scenario)
    whole = traffic.requests(span.begin, span.end)

    def moment(share: float | None) -> float | None:
        return traffic.moment(span.begin, whole / share) if share and share > 1 else None

    policies = {}
    for policy, metrics in intervals.items():
        share = metrics[PACE]
        reached = Interval(*map(moment, (share.mean, share.high, share.low)))
        policies[policy] = {
            "reached_s": reached.plain(),
            "reached": _moment_words(reached, budget, calendar),
        }
    return {
        "usd": budget.usd,
        "words": describe_budget(budget),
        "begin_s": span.begin,
        "end_s": span.end,
        "policies": policies,
    }


def _moment_words(reached: Interval, budget: spec.Budget, calendar: Calendar) -> str | None:
    """When a budget is used up, as precisely as its period asks for ("at 14:20", "on Thursday", "on
    day 23"), and from when to when. None where it is not."""
    if reached.mean is None:
        return None
    words = [
        None if t is None else _point(t, budget, calendar)
        for t in (reached.mean, reached.low, reached.high)
    ]
    preposition = {"day": "at", "rolling": "after"}.get(budget.period, "on")
    mean, low, high = words
    if low is None or low == high:
        return f"{preposition} {mean}"
    return f"{preposition} {mean} ({low} to {(high or 'not at all').removeprefix('day ')})"


def _point(t: float, budget: spec.Budget, calendar: Calendar) -> str:
    """A moment (s from t = 0) on the clock of the budget."""
    if budget.period == "rolling":
        return duration(t)
    if budget.period == "month" and not calendar.dated:
        return f"day {int(t // DAY) + 1}"
    zone = ZoneInfo(budget.zone) if calendar.dated else UTC
    format_ = {"day": "%H:%M", "week": "%A", "month": "%Y-%m-%d"}[budget.period]
    return datetime.fromtimestamp(calendar.timestamp(t), zone).strftime(format_)


def spending_sentences(scenario: spec.Scenario, intervals: Intervals) -> list[str]:
    """What a month costs under each policy, and how much of a longer budget the run's pace uses."""
    summary, lines = month(scenario, intervals), list[str]()
    if summary is None:
        return lines
    costs = ", ".join(
        f"{policy} about {about_usd(metrics[MONTHLY].mean)}"
        for policy, metrics in intervals.items()
    )
    lines.append(f"A month at this traffic ({summary['words']}): {costs}.")
    pace = budget_pace(scenario, intervals)
    if pace is not None:
        shares = "; ".join(
            _use(policy, intervals[policy][PACE], row["reached"])
            for policy, row in pace["policies"].items()
        )
        lines.append(f"Budget of {pace['words']}: at the pace of this shorter run {shares}.")
    return lines


def _use(policy: str, share: Interval, reached: str | None) -> str:
    assert share.mean is not None
    used = f"{policy} uses {large(100 * share.mean)} % of it"
    return used if reached is None else f"{used}, all of it {reached}"
