"""What the figures mean: which policies keep the promise, which of those is cheapest, and what cannot be told."""

from __future__ import annotations

from typing import Any

from simroute.models import spec
from simroute.studies.selection import apart, pairs, subset, told
from simroute.studies.statistics import PLAIN, Interval, Rule, needed
from simroute.words import percent, span, usd

Series = dict[str, dict[str, list[float | None]]]
"""policy -> metric -> one value for each replication."""


def verdict(
    scenario: spec.Scenario, series: Series, intervals: dict[str, dict[str, Interval]], rule: Rule = PLAIN, residual: float | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """One entry for each policy, and the same in sentences. `rule`: by which the intervals were made; `residual`: of a replay, by how much its
    success misses the log's."""
    entries = [_promise(scenario.slo, policy, series[policy], intervals[policy]) for policy in series]
    entries = [_doubted(entry, intervals[entry["policy"]]["success_rate"].mean, scenario.slo.success, residual) for entry in entries]
    lines = [f"{_promised(scenario)}{_given(scenario)}:"]
    lines += [f"  {entry['policy']}: {entry['why']}" for entry in entries]
    lines += _most_successful(series, rule)
    lines += _cheapest([entry["policy"] for entry in entries if entry["meets_slo"]], series, intervals, rule)
    lines += _stuck(series, intervals)
    return entries, lines


def _promised(scenario: spec.Scenario) -> str:
    return f"Promise: at least {percent(scenario.slo.success)} of requests succeed"


def _given(scenario: spec.Scenario) -> str:
    traffic = "this traffic" if scenario.workload.trace else ""
    outage = "this outage" if any(outage.start is not None for outage in scenario.outages.values()) else ""
    both = " and ".join(word for word in (traffic, outage) if word)
    return f", given {both}" if both else ""


def _promise(slo: spec.Slo, policy: str, series: dict[str, list[float | None]], found: dict[str, Interval]) -> dict[str, Any]:
    success = found["success_rate"]
    meets: bool | None = None
    rate = span(*success, unit="share")
    if success.mean is None:
        why = "undecided: no request arrived"
    elif success.low is None or success.high is None:
        meets = success.mean >= slo.success
        why = f"{'keeps' if meets else 'misses'} it in this one run with {percent(success.mean)}; one replication gives no interval"
    elif success.low >= slo.success:
        meets, why = True, f"keeps it: {rate}"
    elif success.high < slo.success:
        meets, why = False, f"misses it: {rate}"
    else:
        more = needed(series["success_rate"], success.mean - slo.success)
        known = len(series["success_rate"])
        hint = (
            "some more replications would decide"
            if more and more <= known
            else f"about {more} replications would decide"
            if more
            else "more replications may not decide it either"
        )
        why = f"undecided: {rate}; {hint}"
    return {"policy": policy, "meets_slo": meets, "why": why}


def _doubted(entry: dict[str, Any], mean: float | None, promise: float, residual: float | None) -> dict[str, Any]:
    """Undecided where a replay is further off its log than the policy is from the promise."""
    if residual is None or mean is None or entry["meets_slo"] is None or residual <= abs(mean - promise):
        return entry
    off = f"the log's own routing, replayed, is {100 * residual:.3g} points off the log's success, more than from here to the promise"
    return entry | {"meets_slo": None, "why": f"undecided: {percent(mean)} in the replay, but {off}"}


def _most_successful(series: Series, rule: Rule) -> list[str]:
    """Those that cannot be told from the one with the highest success rate, if there are such."""
    values = {policy: found["success_rate"] for policy, found in series.items()}
    if max(map(len, values.values())) < 2 or len(alike := subset(values, True, rule)) < 2:
        return []
    return [f"Best by success: {', '.join(alike[:-1])} or {alike[-1]}; which of them, these replications cannot tell{_together(series)}."]


def _together(series: Series) -> str:
    return f" (95 % for all {pairs(len(series))} pairs together)" if len(series) > 2 else ""


def _cheapest(good: list[str], series: Series, intervals: dict[str, dict[str, Interval]], rule: Rule) -> list[str]:
    cost = "cost_per_1k_requests_usd"
    if not good:
        return ["None of them is shown to keep the promise."]
    good = sorted(good, key=lambda policy: intervals[policy][cost].mean or 0.0)
    best = good[0]
    lines = [f"Cheapest that keeps it: {best}, {usd(intervals[best][cost].mean)} per 1,000 requests."]
    for other in (policy for policy in series if policy != best):
        difference = apart(series[best][cost], series[other][cost], len(series), rule)
        if difference.mean is None:
            continue
        text = f"  {other} costs {usd(abs(difference.mean))} {'more' if difference.mean > 0 else 'less'}"
        if difference.low is not None and not told(difference):
            gaps = [b - a for a, b in zip(series[best][cost], series[other][cost], strict=True) if a is not None and b is not None]
            more = needed([*gaps], difference.mean, rule.shared(pairs(len(series))).level)
            text = f"  {other} cannot be told from it by cost" + (f"; about {more} replications would" if more else "")
        lines.append(text + ("" if other in good else ", and is not shown to keep the promise"))
    return lines


def _stuck(series: Series, intervals: dict[str, dict[str, Interval]]) -> list[str]:
    times = {policy: intervals[policy]["time_on_failing_target_s"].mean or 0.0 for policy in series}
    if not any(times.values()):
        return []
    return ["Seconds of the outage in which calls still went to the failing target: " + ", ".join(f"{p} {t:,.0f}" for p, t in times.items()) + "."]
