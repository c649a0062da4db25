"""What can be had at all: the clairvoyant's success, or its latency, for more and more money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.report.figures import bound as figures
from simroute.studies.bound.gap import (
    EXACT,
    FrontierPoint,
    bound_label,
    clairvoyant_bound,
    latency_frontier,
)

Trade = Literal["success", "latency"]
METRICS_SHOWN = (
    "success_rate",
    "slo_attainment",
    "cost_per_1k_requests_usd",
    "latency_p50_s",
    "latency_p95_s",
    "quality_mean",
)


@dataclass(frozen=True)
class Frontier:
    """Points from cheap to dear. `exact`: no deployment limits what may be sent, so no policy lies
    beyond it."""

    trade: Trade
    label: str
    points: list[FrontierPoint]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """What an answer and a second are worth at each point (USD), and mean, low and high of each
        metric."""
        found: dict[str, list[Any]] = {
            "success_usd": [point.preference.success for point in self.points],
            "second_usd": [point.preference.second for point in self.points],
        }
        for metric in METRICS_SHOWN:
            each = [point.interval(metric) for point in self.points]
            found |= {
                metric + end: [getattr(one, part) for one in each]
                for part, end in (("mean", ""), ("low", "_low"), ("high", "_high"))
            }
        return found

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

    @property
    def exact(self) -> bool:
        return self.label == EXACT

    def _repr_html_(self) -> str:
        from simroute.report.html import render_as_table

        return render_as_table(figures.frontier(self.columns, self.trade, self.label))


def compute_frontier(made: Configuration, trade: Trade = "success") -> Frontier:
    """Of the weather of a configuration, in all its replications. Raises InputError."""
    if trade not in ("success", "latency"):
        raise InputError(f"frontier: {trade!r} is not one of success, latency")
    replications = range(made.replications)
    points = (
        clairvoyant_bound(made, replications).frontier
        if trade == "success"
        else latency_frontier(made, replications)
    )
    return Frontier(trade, bound_label(made.scenario), points)
