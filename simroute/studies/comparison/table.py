"""The figures of a comparison as columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simroute.layout import Column
from simroute.metrics import METRICS
from simroute.models import spec
from simroute.statistics.intervals import Interval
from simroute.studies.comparison.promise import IN_TIME, SUCCESS, success_metric
from simroute.units import figure, half_width, number, seconds

COST, FAILOVER, NOTICED, FAILING = (
    "cost_per_1k_requests_usd",
    "failover_p95_s",
    "detection_s",
    "time_on_failing_target_s",
)
KEPT = {True: "yes", False: "no", None: "?"}
Row = Mapping[str, Interval]
"""A policy's intervals by metric."""


def policy_columns(
    scenario: spec.Scenario, intervals: Mapping[str, Row], verdict: Iterable[Mapping[str, Any]]
) -> list[Column]:
    """A cell for each policy of `intervals`, without columns that are empty for all. `verdict`: as
    in summary.json."""
    rows, promised = list(intervals.values()), success_metric(scenario)
    meets = {entry["policy"]: KEPT[entry["meets_slo"]] for entry in verdict}
    kept = [meets[policy] for policy in intervals]
    return [
        Column("kept", kept),
        Column("success", _figures(rows, SUCCESS)),
        *([Column("in time", _figures(rows, IN_TIME), 1)] if promised == IN_TIME else []),
        *_spread(rows, promised, 2, "± of the promised success"),
        Column("p95", _figures(rows, "latency_p95_s"), 4, "p95 of latency"),
        *_known("ttft p95", rows, "ttft_p95_s", 9),
        Column("$/1k req", _figures(rows, COST), 3),
        *_spread(rows, COST, 8, "± of cost"),
        *_known("quality", rows, "quality_mean", 6),
        Column("sends", [number(row["attempts_per_request"].mean) for row in rows], 11),
        *_outage_columns(rows),
    ]


def _figures(rows: Iterable[Row], metric: str) -> list[str]:
    return [figure(*row[metric], unit=METRICS[metric][0]) for row in rows]


def _spread(rows: list[Row], metric: str, rank: int, name: str) -> list[Column]:
    """Half the widths of the intervals; nothing where there are none."""
    widths = [half_width(*row[metric], unit=METRICS[metric][0]) for row in rows]
    return [Column("±", widths, rank, name)] if set(widths) != {"-"} else []


def _known(head: str, rows: list[Row], metric: str, rank: int) -> list[Column]:
    """A metric's column; nothing where no policy has it."""
    figures = _figures(rows, metric)
    return [Column(head, figures, rank)] if set(figures) != {"n/a"} else []


def _met_outages(rows: list[Row]) -> bool:
    """Whether there was an outage in which requests were sent, or one that a policy noticed."""
    metrics = (NOTICED, FAILING, "undetected")
    return any(row[metric].mean for row in rows for metric in metrics)


def _outage_columns(rows: list[Row]) -> list[Column]:
    """What policies did in outages; nothing where there was none."""
    if not _met_outages(rows):
        return []
    noticed = ["never" if row[NOTICED].mean is None else seconds(row[NOTICED].mean) for row in rows]
    return [
        Column("failing", [seconds(row[FAILING].mean) for row in rows], 10),
        Column("noticed", noticed, 5),
        Column("failover", [seconds(row[FAILOVER].mean) for row in rows], 7),
    ]
