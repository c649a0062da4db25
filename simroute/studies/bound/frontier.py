"""What success, which latency, or which quality can be had at all for how much money?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.layout import Column, table_text
from simroute.metrics import METRICS
from simroute.report.figures import bound as figures
from simroute.studies.bound.gap import (
    EXACT,
    FrontierPoint,
    bound_label,
    clairvoyant_bound,
    has_bound,
    latency_frontier,
    quality_frontier,
)
from simroute.studies.bound.quality import is_graded
from simroute.units import figure

Trade = Literal["success", "latency", "quality"]
COST = "cost_per_1k_requests_usd"
METRICS_SHOWN = (
    "success_rate",
    "slo_attainment",
    "cost_per_1k_requests_usd",
    "latency_p50_s",
    "latency_p95_s",
    "quality_mean",
)


@dataclass(frozen=True, repr=False)
class Frontier:
    """What the clairvoyant reaches for more and more money: points from cheap to dear.

    >>> frontier = sr.frontier("demo", "latency")
    >>> frontier.frame[["latency_p95_s", "cost_per_1k_requests_usd"]]
    >>> frontier.figures["frontier"].show()
    """

    trade: Trade
    label: str
    points: list[FrontierPoint]

    def __repr__(self) -> str:
        """A row for each point, from cheap to dear."""
        heads = {"success_rate": "success", "latency_p95_s": "p95", "quality_mean": "quality"}
        costs, *others = (
            [figure(*point.interval(metric), unit=METRICS[metric][0]) for point in self.points]
            for metric in ("cost_per_1k_requests_usd", *heads)
        )
        return table_text("$/1k req", costs, list(map(Column, heads.values(), others)))

    @property
    def columns(self) -> dict[str, list[Any]]:
        """A value for each point: what an answer, a second and a right answer more are worth (USD),
        and mean, low and high of each metric."""
        columns: dict[str, list[Any]] = {
            "success_usd": [point.preference.success for point in self.points],
            "second_usd": [point.preference.second for point in self.points],
            "quality_usd": [point.preference.quality for point in self.points],
        }
        for metric in METRICS_SHOWN:
            intervals = [point.interval(metric) for point in self.points]
            columns |= {
                metric + end: [getattr(interval, part) for interval in intervals]
                for part, end in (("mean", ""), ("low", "_low"), ("high", "_high"))
            }
        return columns

    @property
    def frame(self) -> Any:
        """A data frame: a row for each point."""
        from simroute.storage.tables import data_frame

        return data_frame(self.columns)

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name."""
        from simroute.report.picture import plotly_figures

        picture = figures.frontier(self.columns, self.trade, self.label)
        return plotly_figures({"frontier": picture})

    def best_quality(self, usd_per_1k: float) -> float | None:
        """The best mean quality for a mean cost of so much for 1,000 requests, None for less than
        any answer costs: on straight lines between the points, as one comes to by doing this for
        some requests and that for others."""
        known = [
            (point.interval(COST).mean, point.interval("quality_mean").mean)
            for point in self.points
        ]
        points = [(cost, best) for cost, best in known if cost is not None and best is not None]
        if not points or usd_per_1k < points[0][0]:
            return None
        for (cheap, low), (dear, high) in pairwise(points):
            if usd_per_1k < dear:
                return low + (high - low) * (usd_per_1k - cheap) / (dear - cheap)
        return points[-1][1]

    @property
    def exact(self) -> bool:
        """Whether no deployment limits what may be sent, so that no policy lies beyond it."""
        return self.label == EXACT

    def _repr_html_(self) -> str:
        from simroute.report.html import render_as_table

        return render_as_table(figures.frontier(self.columns, self.trade, self.label))


def compute_frontier(configuration: Configuration, trade: Trade = "success") -> Frontier:
    """The frontier in the weather of a configuration, over its replications. Raises InputError."""
    if trade not in get_args(Trade):
        raise InputError(f"frontier: {trade!r} is not one of {', '.join(get_args(Trade))}")
    if not has_bound(configuration.scenario):
        raise InputError(
            "frontier: requests depend on what became of others (workload.callers, "
            "workload.again), so no bound holds for all policies"
        )
    replications = range(configuration.replications)
    if trade == "success":
        points = clairvoyant_bound(configuration, replications).frontier
    elif trade == "latency":
        points = latency_frontier(configuration, replications)
    else:
        if not is_graded(configuration.scenario):
            raise InputError("frontier: no deployment has a quality; give deployments.NAME.quality")
        points = quality_frontier(configuration, replications)
    return Frontier(trade, bound_label(configuration.scenario), points)
