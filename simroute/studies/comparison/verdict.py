"""What the figures mean: which policies keep the promise, which of those is cheapest, and what
cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simroute.models import spec
from simroute.statistics.intervals import NOMINAL, Confidence, Interval, replications_needed
from simroute.statistics.multiple import is_significant as is_told
from simroute.statistics.multiple import pair_count, possible_best, simultaneous_difference
from simroute.studies.comparison.promise import (
    METRIC_NAMES,
    SUCCESS,
    Requirement,
    describe_figure,
    describe_promise,
    is_kept,
    requirements,
    success_metric,
)
from simroute.text import percent, usd

Series = dict[str, dict[str, list[float | None]]]
"""policy -> metric -> one value for each replication."""
COST = "cost_per_1k_requests_usd"


def verdict(
    scenario: spec.Scenario,
    series: Series,
    intervals: dict[str, dict[str, Interval]],
    confidence: Confidence = NOMINAL,
    residual: float | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """(an entry for each policy, as in summary.json; the same in sentences).

    `confidence`: that of the intervals; `residual`: in a replay, the distance between the success
    of the log's own routing, replayed, and the log's.
    """
    entries = [
        _promise(scenario, policy, series[policy], intervals[policy], confidence)
        for policy in series
    ]
    entries = [
        _doubted(
            entry,
            intervals[entry["policy"]][success_metric(scenario)].mean,
            scenario.slo.success,
            residual,
        )
        for entry in entries
    ]
    lines = [f"Promise: {describe_promise(scenario)}{_given(scenario)}:"]
    lines += [f"  {entry['policy']}: {entry['why']}" for entry in entries]
    lines += _met(confidence)
    lines += _most_successful(series, confidence, success_metric(scenario))
    lines += _cheapest(
        [entry["policy"] for entry in entries if entry["meets_slo"]], series, intervals, confidence
    )
    lines += _stuck(series, intervals)
    return entries, lines


def _given(scenario: spec.Scenario) -> str:
    traffic = "this traffic" if scenario.workload.trace else ""
    outage = (
        "this outage"
        if any(outage.start is not None for outage in scenario.outages.values())
        else ""
    )
    both = " and ".join(word for word in (traffic, outage) if word)
    return f", given {both}" if both else ""


def _promise(
    scenario: spec.Scenario,
    policy: str,
    series: dict[str, list[float | None]],
    found: Mapping[str, Interval],
    confidence: Confidence,
) -> dict[str, Any]:
    """The parts that decide: those that are missed, else those that are undecided, else all."""
    promised = requirements(scenario)
    figures = [found[part.metric] for part in promised]
    meets = is_kept(scenario, found)
    if figures[0].mean is None:
        why = "undecided: no request arrived"
    elif len(series[promised[0].metric]) < 2:
        why = (
            f"undecided: {_joined(promised, found)} in this one run; one replication gives no "
            f"interval"
        )
    elif meets is None:
        open_ones = [part for part in promised if part.is_met(found[part.metric]) is None]
        more = [_more(part, series, found, confidence) for part in open_ones]
        why = f"undecided: {_joined(open_ones, found)}; {_hint(more, len(series[SUCCESS]))}"
    elif meets:
        why = f"keeps it: {_joined(promised, found)}"
    else:
        missed = [part for part in promised if part.is_met(found[part.metric]) is False]
        why = f"misses it: {_joined(missed, found)}"
    also = found[SUCCESS]
    if (
        promised[0].metric != SUCCESS
        and not meets
        and also.mean is not None
        and also.mean > (figures[0].mean or 0.0)
    ):
        late = describe_figure(
            promised[0]._replace(metric=SUCCESS), Interval(also.mean, None, None)
        )
        why += f" ({late} however late)"
    return {"policy": policy, "meets_slo": meets, "why": why}


def _doubted(
    entry: dict[str, Any], mean: float | None, promise: float, residual: float | None
) -> dict[str, Any]:
    """Undecided where a replay is further off its log than the policy is from the promise; what is
    undecided anyway has this reason besides."""
    if residual is None or mean is None or residual <= abs(mean - promise):
        return entry
    off = (
        f"the log's own routing, replayed, is {100 * residual:.3g} points off the log's "
        f"success, more than from here to the promise"
    )
    if entry["meets_slo"] is None:
        return entry | {"why": f"{entry['why']}; {off}"}
    return entry | {
        "meets_slo": None,
        "why": f"undecided: {percent(mean)} in the replay, but {off}",
    }


def _joined(promised: list[Requirement], found: Mapping[str, Interval]) -> str:
    return ", ".join(describe_figure(part, found[part.metric]) for part in promised)


def _more(
    part: Requirement,
    series: dict[str, list[float | None]],
    found: Mapping[str, Interval],
    confidence: Confidence,
) -> int | None:
    mean = found[part.metric].mean
    return (
        None
        if mean is None
        else replications_needed(series[part.metric], mean - part.bound, confidence, part.metric)
    )


def _hint(wanted: list[int | None], known: int) -> str:
    if None in wanted:
        return "more replications may not decide it either"
    more = max(many for many in wanted if many is not None)
    return (
        f"about {more} replications would decide"
        if more > known
        else "some more replications would decide"
    )


def _met(confidence: Confidence) -> list[str]:
    """Where faults come at random, how many were met, which is what the intervals count."""
    exposure = confidence.exposure
    if exposure is None:
        return []
    unmet = exposure.unmet_states()
    said = (
        f"Outages come at random: {exposure.outages} of {exposure.replications} replications met "
        f"any, and the bounds count outages, not requests"
    )
    return [
        said
        + (
            f"; never met: {', '.join(unmet[:3])}{' …' if len(unmet) > 3 else ''}."
            if unmet
            else "."
        )
    ]


def _most_successful(series: Series, confidence: Confidence, metric: str) -> list[str]:
    """Those that cannot be told from the one with the highest success, if there are such."""
    values = {policy: found[metric] for policy, found in series.items()}
    if (
        max(map(len, values.values())) < 2
        or len(alike := possible_best(values, True, confidence, metric)) < 2
    ):
        return []
    named = f"{', '.join(alike[:-1])} or {alike[-1]}"
    return [
        f"Best by {METRIC_NAMES[metric]}: {named}; which of them, these replications cannot "
        f"tell{_together(series)}."
    ]


def _together(series: Series) -> str:
    return f" (95 % for all {pair_count(len(series))} pairs together)" if len(series) > 2 else ""


def _cheapest(
    good: list[str],
    series: Series,
    intervals: dict[str, dict[str, Interval]],
    confidence: Confidence,
) -> list[str]:
    if not good:
        return ["None of them is shown to keep the promise."]
    good = sorted(good, key=lambda policy: intervals[policy][COST].mean or 0.0)
    best = good[0]
    lines = [
        f"Cheapest that keeps it: {best}, {usd(intervals[best][COST].mean)} per 1,000 requests."
    ]
    for other in (policy for policy in series if policy != best):
        difference = simultaneous_difference(
            series[best][COST], series[other][COST], len(series), confidence
        )
        if difference.mean is None:
            continue
        text = (
            f"  {other} costs {usd(abs(difference.mean))} "
            f"{'more' if difference.mean > 0 else 'less'}"
        )
        if difference.low is not None and not is_told(difference):
            gaps = [
                b - a
                for a, b in zip(series[best][COST], series[other][COST], strict=True)
                if a is not None and b is not None
            ]
            more = replications_needed(
                gaps, difference.mean, confidence.simultaneous(pair_count(len(series)))
            )
            text = f"  {other} cannot be told from it by cost" + (
                f"; about {more} replications would" if more else ""
            )
        lines.append(text + ("" if other in good else ", and is not shown to keep the promise"))
    return lines


def _stuck(series: Series, intervals: dict[str, dict[str, Interval]]) -> list[str]:
    times = {policy: intervals[policy]["time_on_failing_target_s"].mean or 0.0 for policy in series}
    if not any(times.values()):
        return []
    return [
        "Seconds of the outage in which calls still went to the failing target: "
        + ", ".join(f"{p} {t:,.0f}" for p, t in times.items())
        + "."
    ]
