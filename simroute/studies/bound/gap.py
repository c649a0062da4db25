"""How far policies are from the clairvoyant bound, what of that distance each closes, and the
frontier that knowing the weather would attain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simroute.config.configuration import Configuration
from simroute.metrics import is_share
from simroute.models import spec
from simroute.statistics.intervals import (
    Interval,
    deviation,
    interval,
    paired_difference,
    t_quantile,
)
from simroute.studies.bound.clairvoyant import (
    BOUND_METRICS,
    TRIES,
    Metrics,
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
IDEAL = ("success_rate", "slo_attainment", "cost_per_1k_requests_usd")
"""Of these, those in which the bound is the best that there is; it looks for the cheapest answers
in time, not for the fastest or the best."""
SHARES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Of the requests that can be answered, for the points of the frontier: the dearest are left
first."""
HURRIES = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Worths of a second, relative to the cost of the median answer for its median time."""
EXACT = "clairvoyant bound"
LIMITED = "clairvoyant, a bound without rate limits"
QUEUED = "clairvoyant, as if no call waited for a slot"
Series = dict[str, dict[str, list[float | None]]]


@dataclass(frozen=True)
class FrontierPoint:
    """One stance, and its figures by replication."""

    preference: Preference
    runs: list[Metrics]

    def interval(self, metric: str) -> Interval:
        return metric_bounds(metric, self.runs)

    def plain(self) -> dict[str, Any]:
        """As in summary.json: means, for a line."""
        shown = ("success_rate", "cost_per_1k_requests_usd")
        usd = None if math.isinf(self.preference.success) else self.preference.success
        return {"success_usd": usd, **{name: self.interval(name).mean for name in shown}}


@dataclass(frozen=True)
class Bound:
    """The bound of a study: figures by replication, and the frontier that ends in it."""

    label: str
    runs: list[Metrics]
    frontier: list[FrontierPoint] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.label == EXACT

    def plain(self) -> dict[str, Any]:
        """As in summary.json."""
        metrics = {name: metric_bounds(name, self.runs).plain() for name in BOUND_METRICS}
        head = {"label": self.label, "exact": self.exact, "tries": TRIES}
        return {**head, "metrics": metrics, "frontier": [point.plain() for point in self.frontier]}

    def gaps(self, series: Series) -> dict[str, dict[str, Any]]:
        """Policy -> metric -> policy minus bound, paired; `closed`: how much of the first policy's
        distance this one has closed."""
        ideal = {name: [run[name] for run in self.runs] for name in GAP_METRICS}
        first = next(iter(series))
        return {
            policy: {
                name: paired_difference(ideal[name], found[name]).plain()
                | (
                    {"closed": share_closed(ideal[name], series[first][name], found[name]).plain()}
                    if name in IDEAL
                    else {}
                )
                for name in GAP_METRICS
            }
            for policy, found in series.items()
        }


def bound_label(scenario: spec.Scenario) -> str:
    """What the figures of the clairvoyant are in this scenario."""
    if is_exact(scenario):
        return EXACT
    return (
        QUEUED
        if any(each.limits.concurrency is not None for each in scenario.deployments.values())
        else LIMITED
    )


def metric_bounds(metric: str, runs: Sequence[Metrics]) -> Interval:
    """A metric of the clairvoyant over these replications."""
    values = interval([run[metric] for run in runs])
    return values.clamp(0.0, 1.0 if is_share(metric) else math.inf)


def share_closed(
    ideal: list[float | None], first: list[float | None], policy: list[float | None]
) -> Interval:
    """1 - (policy - ideal) / (first - ideal), as a ratio of means; by the delta method. Nothing
    where the first is not shown to be apart."""
    gaps = [
        (float(a - i), float(p - i))
        for i, a, p in zip(ideal, first, policy, strict=True)
        if i is not None and a is not None and p is not None
    ]
    whole = interval([gap for gap, _ in gaps])
    if not whole.mean or (
        whole.low is not None and whole.high is not None and whole.low <= 0 <= whole.high
    ):
        return Interval(None, None, None)
    ratio = math.fsum(left for _, left in gaps) / math.fsum(gap for gap, _ in gaps)
    if len(gaps) < 2:
        return Interval(1 - ratio, None, None)
    spread = deviation([left - ratio * gap for gap, left in gaps]) / abs(whole.mean)
    half = t_quantile(len(gaps) - 1) * spread / math.sqrt(len(gaps))
    return Interval(1 - ratio, 1 - ratio - half, 1 - ratio + half)


def clairvoyant_bound(configuration: Configuration, replications: Sequence[int]) -> Bound:
    """Of these replications, with the frontier of cost and success."""
    stances = [Preference(), *_success(configuration, replications)]
    looked = [
        clairvoyant_figures(configuration, replication, stances) for replication in replications
    ]
    points = [
        FrontierPoint(stance, [found[place] for found in looked])
        for place, stance in enumerate(stances)
    ]
    return Bound(bound_label(configuration.scenario), points[0].runs, [*points[1:], points[0]])


def _success(configuration: Configuration, replications: Sequence[int]) -> list[Preference]:
    return [
        Preference(success=usd)
        for usd in dict.fromkeys(reservation_prices(configuration, replications[0], SHARES))
    ]


def latency_frontier(
    configuration: Configuration, replications: Sequence[int]
) -> list[FrontierPoint]:
    """The frontier of cost and latency, from the cheapest answers to the fastest."""
    plain = clairvoyant_figures(configuration, replications[0])[0]
    cost, time = plain["cost_per_1k_requests_usd"] or 0.0, plain["latency_p50_s"] or 1.0
    stances = [Preference(second=factor * (cost or 1.0) / 1000 / time) for factor in HURRIES]
    looked = [
        clairvoyant_figures(configuration, replication, stances) for replication in replications
    ]
    return [
        FrontierPoint(stance, [found[place] for found in looked])
        for place, stance in enumerate(stances)
    ]
