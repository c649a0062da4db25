"""What the figures mean: which policies keep the promise, which of those is cheapest, and what
cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simroute.models import spec
from simroute.statistics.intervals import (
    NOMINAL,
    Confidence,
    Interval,
    paired_gaps,
    replications_needed,
)
from simroute.statistics.multiple import (
    is_significant,
    pair_count,
    possible_best,
    simultaneous_difference,
)
from simroute.statistics.sequential import largest_needed
from simroute.studies.comparison.promise import (
    BUDGET,
    METRIC_NAMES,
    SUCCESS,
    Requirement,
    describe_figure,
    describe_promise,
    is_kept,
    requirements,
    success_metric,
)
from simroute.text import joined
from simroute.units import about_usd, percent, seconds, usd

Series = dict[str, dict[str, list[float | None]]]
"""policy -> metric -> one value for each replication."""
Intervals = Mapping[str, Mapping[str, Interval]]
"""policy -> metric -> interval."""
Reason = Callable[[str, "str | None"], "str | None"]
"""(policy, task) -> what makes the policy miss the promised success of that task, of all requests
(None), where one cause does."""
COST, MONTHLY = "cost_per_1k_requests_usd", "cost_per_month_usd"


def verdict(
    scenario: spec.Scenario,
    series: Series,
    intervals: Intervals,
    confidence: Confidence = NOMINAL,
    residual: float | None = None,
    reason: Reason = lambda policy, task: None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """(an entry for each policy, as in summary.json; the same in sentences).

    `confidence`: that of the intervals; `residual`: in a replay, the distance between the success
    of the log's own routing, replayed, and the log's; `reason`: what makes a policy miss the
    promised success.
    """
    metric = success_metric(scenario)
    entries = [
        _doubt(
            _entry(scenario, policy, values, intervals[policy], confidence),
            intervals[policy][metric].mean,
            scenario.slo.success,
            residual,
        )
        for policy, values in series.items()
    ]
    for entry in entries:
        _explain(entry, requirements(scenario), intervals[entry["policy"]], reason)
    good = [entry["policy"] for entry in entries if entry["meets_slo"]]
    lines = [f"Promise: {describe_promise(scenario)}{_condition(scenario)}:"]
    lines += [f"  {entry['policy']}: {entry['why']}" for entry in entries]
    lines += _outages_met(confidence)
    lines += [words for _, words in same_figures(series, list(scenario.deployments))]
    lines += _most_successful(series, confidence, metric)
    lines += _cheapest(good, series, intervals, confidence)
    lines += _time_on_failing_target(intervals)
    return entries, lines


def same_figures(series: Series, deployments: list[str]) -> list[tuple[list[str], str]]:
    """(policies whose figures are the same in every replication, that in a sentence) of each such
    group. With one deployment that is the reason."""
    groups: list[list[str]] = []
    for policy, metrics in series.items():
        group = next((each for each in groups if series[each[0]] == metrics), None)
        if group is None:
            groups.append([policy])
        else:
            group.append(policy)
    why = f": {deployments[0]} is the only deployment" if len(deployments) == 1 else ""
    return [
        (group, f"{joined(group)} did the same in every replication{why}.")
        for group in groups
        if len(group) > 1
    ]


def _condition(scenario: spec.Scenario) -> str:
    """What does not vary between replications, as ", given this traffic"."""
    fixed = ["this traffic"] if scenario.workload.trace else []
    scheduled = [each for each in scenario.outages.values() if each.start is not None]
    if scheduled:
        fixed.append("this outage" if len(scheduled) == 1 else "these outages")
    return f", given {' and '.join(fixed)}" if fixed else ""


def _entry(
    scenario: spec.Scenario,
    policy: str,
    series: dict[str, list[float | None]],
    intervals: Mapping[str, Interval],
    confidence: Confidence,
) -> dict[str, Any]:
    """Whether the policy keeps the promise, and why: the requirements that are missed, else those
    that are undecided, else all."""
    promised = requirements(scenario)
    success, meets = intervals[promised[0].metric], is_kept(scenario, intervals)
    if success.mean is None:
        why = "undecided: no request arrived"
    elif len(series[promised[0].metric]) < 2:
        figures = _figures(promised, intervals)
        why = f"undecided: {figures} in this one run; one replication gives no interval"
    elif meets is None:
        undecided = [part for part in promised if part.is_met(intervals[part.metric]) is None]
        needed = [
            part.replications_needed(series[part.metric], intervals[part.metric].mean, confidence)
            for part in undecided
        ]
        hint = _hint(largest_needed(needed), len(series[SUCCESS]))
        why = f"undecided: {_figures(undecided, intervals)}; {hint}"
    elif meets:
        why = f"keeps it: {_figures(promised, intervals)}"
    else:
        missed = [part for part in promised if part.is_met(intervals[part.metric]) is False]
        why = f"misses it: {_figures(missed, intervals)}"
    late = intervals[SUCCESS].mean
    timed = promised[0].metric != SUCCESS
    if timed and not meets and late is not None and late > (success.mean or 0.0):
        figure = describe_figure(promised[0]._replace(metric=SUCCESS), Interval(late, None, None))
        why += f" ({figure} however late)"
    return {"policy": policy, "meets_slo": meets, "why": why}


def _doubt(
    entry: dict[str, Any], mean: float | None, promise: float, residual: float | None
) -> dict[str, Any]:
    """Make an entry undecided where a replay is further off its log than the policy is from the
    promise; an entry that is undecided anyway gets this reason besides."""
    if residual is None or mean is None or residual <= abs(mean - promise):
        return entry
    off = (
        f"the log's own routing, replayed, is {100 * residual:.3g} points off the log's "
        f"success, more than from here to the promise"
    )
    if entry["meets_slo"] is None:
        return entry | {"why": f"{entry['why']}; {off}"}
    why = f"undecided: {percent(mean)} in the replay, but {off}"
    return entry | {"meets_slo": None, "why": why}


def _explain(
    entry: dict[str, Any],
    promised: list[Requirement],
    intervals: Mapping[str, Interval],
    reason: Reason,
) -> None:
    """Add what makes a policy miss the promised success, of all requests or else of a task, where
    one cause does."""
    missed = [
        part.task
        for part in promised
        if part.metric != BUDGET and part.is_met(intervals[part.metric]) is False
    ]
    misses_it = entry["meets_slo"] is False and missed
    because = reason(entry["policy"], missed[0]) if misses_it else None
    if because is not None:
        entry |= {"why": f"{entry['why']}, because {because}", "because": because}


def _figures(promised: list[Requirement], intervals: Mapping[str, Interval]) -> str:
    return ", ".join(describe_figure(part, intervals[part.metric]) for part in promised)


def _hint(needed: int | None, count: int) -> str:
    """How many replications would decide, after `count`."""
    if needed is None:
        return "more replications may not decide it either"
    return f"{f'about {needed}' if needed > count else 'some more'} replications would decide"


def _outages_met(confidence: Confidence) -> list[str]:
    """Where faults come at random, how many were met, which is what the intervals count."""
    exposure = confidence.exposure
    if exposure is None:
        return []
    unmet = exposure.unmet_states()
    more = " …" if len(unmet) > 3 else ""
    never = f"; never met: {', '.join(unmet[:3])}{more}" if unmet else ""
    return [
        f"Outages come at random: {exposure.outages} of {exposure.replications} replications met "
        f"any, and the bounds count outages, not requests{never}."
    ]


def _most_successful(series: Series, confidence: Confidence, metric: str) -> list[str]:
    """The policies that cannot be told from the one with the highest success, if there are any."""
    values = {policy: metrics[metric] for policy, metrics in series.items()}
    if max(map(len, values.values())) < 2:
        return []
    alike = possible_best(values, True, confidence, metric)
    if len(alike) < 2:
        return []
    best = f"Best by {METRIC_NAMES[metric]}"
    if all(values[policy] == values[alike[0]] for policy in alike):
        return [f"{best}: {joined(alike)}, the same in every replication."]
    pairs = pair_count(len(series))
    together = f" (95 % for all {pairs} pairs together)" if len(series) > 2 else ""
    return [
        f"{best}: {', '.join(alike[:-1])} or {alike[-1]}; which of them, "
        f"these replications cannot tell{together}."
    ]


def _cheapest(
    good: list[str], series: Series, intervals: Intervals, confidence: Confidence
) -> list[str]:
    """The cheapest policy that keeps the promise, and by how much the others differ from it."""
    if not good:
        return ["None of them is shown to keep the promise."]
    best = min(good, key=lambda policy: intervals[policy][COST].mean or 0.0)
    cost = usd(intervals[best][COST].mean)
    monthly = about_usd(intervals[best][MONTHLY].mean)
    equals = [policy for policy in series if series[policy] == series[best]]
    named = best if len(equals) == 1 else f"{joined(equals)}, which did the same"
    lines = [
        f"Cheapest that keeps it: {named}, {cost} per 1,000 requests, about {monthly} a month at "
        f"this traffic."
    ]
    for other in (policy for policy in series if policy not in equals):
        text = _cost_difference(other, series[best][COST], series, confidence)
        if text is not None:
            lines.append(text + ("" if other in good else ", and is not shown to keep the promise"))
    return lines


def _cost_difference(
    other: str, best: list[float | None], series: Series, confidence: Confidence
) -> str | None:
    """How the costs of a policy differ from those of the best; None where they are not known."""
    costs, count = series[other][COST], len(series)
    if costs == best and any(cost is not None for cost in costs):
        return f"  {other} costs the same"
    difference = simultaneous_difference(best, costs, count, confidence)
    if difference.mean is None:
        return None
    if difference.low is None or is_significant(difference):
        more = "more" if difference.mean > 0 else "less"
        return f"  {other} costs {usd(abs(difference.mean))} {more}"
    each = confidence.simultaneous(pair_count(count))
    needed = replications_needed(paired_gaps(best, costs), difference.mean, each)
    hint = f"; about {needed} replications would" if needed else ""
    return f"  {other} cannot be told from it by cost{hint}"


def _time_on_failing_target(intervals: Intervals) -> list[str]:
    metric = "time_on_failing_target_s"
    times = {policy: metrics[metric].mean or 0.0 for policy, metrics in intervals.items()}
    if not any(times.values()):
        return []
    each = ", ".join(f"{policy} {seconds(time)}" for policy, time in times.items())
    return [f"How long in outages calls still went to the failing target: {each}."]
