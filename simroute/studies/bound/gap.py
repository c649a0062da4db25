"""How far policies are from the clairvoyant bound, which share of that gap each closes, and the
frontier that knowing the weather would reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simroute.config.configuration import Configuration
from simroute.metrics import is_share
from simroute.models import spec
from simroute.models.closed_loop import depends_on_answers
from simroute.models.limits import is_limited
from simroute.models.strain import is_strained
from simroute.statistics.intervals import (
    Interval,
    deviation,
    interval,
    paired_difference,
    t_quantile,
)
from simroute.statistics.multiple import is_significant
from simroute.studies.bound.clairvoyant import (
    BOUND_METRICS,
    TRIES,
    MetricValues,
    Preference,
    clairvoyant_figures,
    is_exact,
    reservation_prices,
)

GAP_METRICS = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
)
BEST_METRICS = ("success_rate", "slo_attainment", "cost_per_1k_requests_usd")
"""The metrics in which nothing is better than the bound: it looks for the cheapest answers in time,
not for the fastest or the best."""
SHARES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Shares of the answerable requests, for the points of the frontier: the dearest are left first."""
HURRIES = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""What a second is worth, relative to the cost of the median answer for its median time."""
QUALITIES = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6)
"""What a right answer is worth, relative to the mean cost of the cheapest answers."""
EXACT = "clairvoyant bound"
LIMITED = "clairvoyant, a bound without rate limits"
ALONE = "clairvoyant, as if each call were alone"
KEPT = "clairvoyant, as if no prompt was ever forgotten"
QUEUED = "clairvoyant, as if no call waited for a slot"
Metrics = dict[str, list[float | None]]
Series = dict[str, Metrics]


@dataclass(frozen=True)
class FrontierPoint:
    """A preference, and the clairvoyant's figures by replication under it."""

    preference: Preference
    runs: list[MetricValues]

    def interval(self, metric: str) -> Interval:
        """The interval of a metric."""
        return metric_bounds(metric, self.runs)

    def plain(self) -> dict[str, Any]:
        """As in summary.json: means, for a line."""
        shown = ("success_rate", "cost_per_1k_requests_usd")
        usd = None if math.isinf(self.preference.success) else self.preference.success
        return {"success_usd": usd, **{name: self.interval(name).mean for name in shown}}


@dataclass(frozen=True)
class Bound:
    """The bound of a study. `runs`: figures by replication; `frontier`: points up to the bound."""

    label: str
    runs: list[MetricValues]
    frontier: list[FrontierPoint] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether no deployment limits what may be sent, so that no policy lies beyond it."""
        return self.label == EXACT

    def plain(self) -> dict[str, Any]:
        """As in summary.json."""
        return {
            "label": self.label,
            "exact": self.exact,
            "tries": TRIES,
            "metrics": {name: metric_bounds(name, self.runs).plain() for name in BOUND_METRICS},
            "frontier": [point.plain() for point in self.frontier],
        }

    def gaps(self, series: Series) -> dict[str, dict[str, Any]]:
        """policy -> metric -> the policy minus the bound, paired; `closed`: the share of the first
        policy's gap that this policy closes."""
        first = next(iter(series))
        return {
            policy: {name: self._gap(name, series[first], values) for name in GAP_METRICS}
            for policy, values in series.items()
        }

    def _gap(self, metric: str, first: Metrics, policy: Metrics) -> dict[str, Any]:
        bound = [run[metric] for run in self.runs]
        gap: dict[str, Any] = paired_difference(bound, policy[metric]).plain()
        if metric in BEST_METRICS:
            gap["closed"] = share_closed(bound, first[metric], policy[metric]).plain()
        return gap


def bound_label(scenario: spec.Scenario) -> str:
    """What the figures of the clairvoyant are in this scenario."""
    if is_exact(scenario):
        return EXACT
    deployments = scenario.deployments.values()
    if any(each.limits.concurrency is not None for each in deployments):
        return QUEUED
    if any(is_strained(each.latency) for each in deployments):
        return ALONE
    limited = any(is_limited(each, scenario) for each in deployments)
    return LIMITED if limited else KEPT


def has_bound(scenario: spec.Scenario) -> bool:
    """Whether all policies meet the same requests. Where these depend on answers, one who knows the
    weather would have to choose its callers' next requests as well."""
    return not depends_on_answers(scenario.workload)


def metric_bounds(metric: str, runs: Sequence[MetricValues]) -> Interval:
    """The interval of a metric of the clairvoyant over these replications."""
    result = interval([run[metric] for run in runs])
    return result.clamp(0.0, 1.0 if is_share(metric) else math.inf)


def share_closed(
    bound: list[float | None], first: list[float | None], policy: list[float | None]
) -> Interval:
    """1 - (policy - bound) / (first - bound), as a ratio of means, by the delta method. None where
    the first policy's gap is not significant."""
    gaps = [
        (float(a - b), float(p - b))
        for b, a, p in zip(bound, first, policy, strict=True)
        if b is not None and a is not None and p is not None
    ]
    whole = interval([gap for gap, _ in gaps])
    if not whole.mean or (whole.low is not None and not is_significant(whole)):
        return Interval(None, None, None)
    ratio = math.fsum(left for _, left in gaps) / math.fsum(gap for gap, _ in gaps)
    if len(gaps) < 2:
        return Interval(1 - ratio, None, None)
    spread = deviation([left - ratio * gap for gap, left in gaps]) / abs(whole.mean)
    half = t_quantile(len(gaps) - 1) * spread / math.sqrt(len(gaps))
    return Interval(1 - ratio, 1 - ratio - half, 1 - ratio + half)


def clairvoyant_bound(configuration: Configuration, replications: Sequence[int]) -> Bound:
    """The bound in these replications, with the frontier of cost and success."""
    prices = reservation_prices(configuration, replications[0], SHARES)
    preferences = [Preference(), *(Preference(success=usd) for usd in dict.fromkeys(prices))]
    points = _points(configuration, replications, preferences)
    return Bound(bound_label(configuration.scenario), points[0].runs, [*points[1:], points[0]])


def latency_frontier(
    configuration: Configuration, replications: Sequence[int]
) -> list[FrontierPoint]:
    """The frontier of cost and latency, from the cheapest answers to the fastest."""
    neutral = clairvoyant_figures(configuration, replications[0])[0]
    cost, time = neutral["cost_per_1k_requests_usd"] or 0.0, neutral["latency_p50_s"] or 1.0
    preferences = [Preference(second=factor * (cost or 1.0) / 1000 / time) for factor in HURRIES]
    return _points(configuration, replications, preferences)


def quality_frontier(
    configuration: Configuration, replications: Sequence[int]
) -> list[FrontierPoint]:
    """The frontier of cost and quality, from the cheapest answers to the best."""
    neutral = clairvoyant_figures(configuration, replications[0])[0]
    preferences = quality_preferences(neutral)
    return _points(configuration, replications, preferences)


def quality_preferences(neutral: MetricValues) -> list[Preference]:
    """What a right answer may be worth, in multiples of what the cheapest answers cost: `neutral`
    are the clairvoyant's figures in one replication."""
    cost = (neutral["cost_per_1k_requests_usd"] or 1.0) / 1000
    return [Preference(quality=factor * cost) for factor in QUALITIES]


def _points(
    configuration: Configuration, replications: Sequence[int], preferences: list[Preference]
) -> list[FrontierPoint]:
    figures = [
        clairvoyant_figures(configuration, replication, preferences) for replication in replications
    ]
    return [
        FrontierPoint(preference, [each[index] for each in figures])
        for index, preference in enumerate(preferences)
    ]
