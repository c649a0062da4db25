"""A comparison on a terminal: a table, differences, success over time, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from simroute.cli.render.sparkline import sparklines
from simroute.cli.table import Column, print_table
from simroute.cli.terminal import brief, columns, print_sentences
from simroute.metrics import METRICS
from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import pair_count
from simroute.studies.comparison.promise import IN_TIME, SUCCESS, success_metric
from simroute.studies.comparison.study import Study
from simroute.text import change, clean, duration, figure, half_width, number, seconds

COST, FAILOVER, NOTICED, FAILING = (
    "cost_per_1k_requests_usd",
    "failover_p95_s",
    "detection_s",
    "time_on_failing_target_s",
)
LEGEND = {
    "failing": "how long in outages calls still went to the failing target",
    "noticed": "from an outage's start until a policy stopped calling the target",
    "failover": "95 % of the requests that another target answered had been sent there after at "
    "most so long",
}
"""What the columns about outages mean."""
FILES = ("report.html", "summary.json", "config.yaml", "spend.csv")


def print_study(study: Study, folder: Path) -> None:
    """Prints the figures, the differences and the verdict."""
    configuration = study.configuration
    scenario = configuration.scenario
    load = "trace" if scenario.workload.trace else f"{scenario.workload.rate:g} requests/s"
    count = f"{study.replications} replication{'s' if study.replications > 1 else ''}"
    name = clean(configuration.scenario_name, 40)
    click.echo("")
    print_sentences(
        [
            " ".join(scenario.about.split()),
            f"{name}: {duration(scenario.horizon)}, {load}, {count}, seed {configuration.seed}",
            "",
            *study.calibration_lines(),
            *([""] if study.replay is not None else []),
        ]
    )
    _print_policies(study)
    if study.replay is None:  # a replay's differences are printed beside its residuals
        _print_differences(study)
    head, *over_time = sparklines(study.page_evidence, scenario.horizon, columns()) or [""]
    print_sentences(["", head])
    for line in over_time:
        click.echo(line.rstrip())
    print_sentences(["", *study.verdict_lines()])
    if not study.unwritten:
        files = ", ".join(name for name in FILES if (folder / name).is_file())
        print_sentences(["", f"written to {brief(str(folder))}/ ({files})"])


def _print_policies(study: Study) -> None:
    """A row for each policy, without columns that are empty for all."""
    intervals = study.intervals
    rows = [intervals[policy] for policy in study.runs]
    promised = success_metric(study.configuration.scenario)
    kept = {entry["policy"]: entry["meets_slo"] for entry in study.verdict}
    body = [
        Column("kept", [{True: "yes", False: "no", None: "?"}[kept[each]] for each in study.runs]),
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
    print_table("policy", list(study.runs), body, LEGEND)


Row = dict[str, Interval]
"""A policy's intervals by metric."""


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


def _print_differences(study: Study) -> None:
    if not study.differences:
        return
    first = study.differences[0]["a"]
    pairs = pair_count(len(study.runs))
    together = f" for all {pairs} pairs together" if pairs > 1 else ""
    click.echo("")
    print_sentences(
        [
            f"Differences to {clean(first, 18)}, paired over the same weather (95 %{together}; "
            f"pp: percentage points; ?: may be chance):"
        ]
    )
    promised = success_metric(study.configuration.scenario)
    heads = {
        promised: {SUCCESS: "success", IN_TIME: "in time"}[promised],
        "latency_p95_s": "p95",
        COST: "$/1k req",
    }
    ranks = (0, 2, 1)
    others = [policy for policy in study.runs if policy != first]
    rows = [
        {row["metric"]: row for row in study.differences if row["b"] == other} for other in others
    ]
    body = [
        Column(head, [_difference(metric, row[metric]) for row in rows], rank)
        for rank, (metric, head) in zip(ranks, heads.items(), strict=True)
    ]
    print_table("policy", others, body)


def _difference(metric: str, row: dict[str, Any]) -> str:
    text = change(row["mean"], row["low"], row["high"], METRICS[metric][0])
    is_known = row["low"] is None or row["low"] > 0 or row["high"] < 0
    return text if is_known else f"{text} ?"
