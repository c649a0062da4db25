"""A comparison on a terminal: a table of at most 100 columns, differences, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simroute.cli.render.sparkline import sparklines
from simroute.cli.terminal import brief, clean, print_table
from simroute.metrics import is_share
from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import pair_count
from simroute.studies.comparison.promise import IN_TIME, SUCCESS, success_metric
from simroute.studies.comparison.study import Study
from simroute.text import number, percent, seconds, usd

WIDTH = 18
OPTIONAL = {"quality": "quality_mean", "noticed": "detection_s"}
"""Column -> metric; columns that are left out where no policy has the metric."""
FILES = ("report.html", "summary.json", "config.yaml", "spend.csv")


def print_study(study: Study, folder: Path) -> None:
    """Prints the figures, the differences and the verdict."""
    configuration = study.configuration
    scenario = configuration.scenario
    load = "trace" if scenario.workload.trace else f"{scenario.workload.rate:g} requests/s"
    count = f"{study.replications} replication{'s' if study.replications > 1 else ''}"
    click.echo(f"\n{clean(' '.join(scenario.about.split()), 300)}")
    click.echo(
        f"{clean(configuration.scenario_name, 40)}: {scenario.horizon / 3600:.3g} h, {load}, "
        f"{count}, seed {configuration.seed}\n"
    )
    for line in study.calibration_lines():
        click.echo(clean(line, 400))
    if study.replay is not None:
        click.echo("")
    _print_policies(study)
    if study.replay is None:  # a replay's differences are printed beside its residuals
        _print_differences(study)
    click.echo("")
    for line in sparklines(study.page_evidence, scenario.horizon):
        click.echo(line.rstrip())
    click.echo("")
    for line in study.verdict_lines():
        click.echo(clean(line, 400))
    if not study.unwritten:
        files = ", ".join(name for name in FILES if (folder / name).is_file())
        click.echo(f"\nwritten to {brief(str(folder))}/ ({files})")


def _print_policies(study: Study) -> None:
    """A row for each policy, without columns that are empty for all."""
    rows = [_cells(study, policy) for policy in study.runs]
    empty = {
        head
        for head, metric in OPTIONAL.items()
        if all(intervals[metric].mean is None for intervals in study.intervals.values())
    }
    columns = [index for index, (head, _) in enumerate(rows[0]) if head not in empty]
    heads = tuple(rows[0][index][0] for index in columns)
    print_table([heads, *(tuple(row[index][1] for index in columns) for row in rows)])


def _cells(study: Study, policy: str) -> list[tuple[str, str]]:
    """(head, cell) of each column. The ± is that of the promised success."""
    intervals = study.intervals[policy]
    meets = next(entry["meets_slo"] for entry in study.verdict if entry["policy"] == policy)
    promised = success_metric(study.configuration.scenario)
    quality = intervals["quality_mean"].mean
    return [
        ("policy", clean(policy, WIDTH)),
        ("kept", {True: "yes", False: "no", None: "?"}[meets]),
        ("success", percent(intervals[SUCCESS].mean)),
        *([("in time", percent(intervals[IN_TIME].mean))] if promised == IN_TIME else []),
        ("±", _half_width(intervals[promised], 100)),
        ("p95", seconds(intervals["latency_p95_s"].mean)),
        ("ttft p95", seconds(intervals["ttft_p95_s"].mean)),
        ("$/1k req", usd(intervals["cost_per_1k_requests_usd"].mean)),
        ("±", _half_width(intervals["cost_per_1k_requests_usd"], 1)),
        ("quality", "n/a" if quality is None else f"{percent(quality)[:-3]}%"),
        ("sends", number(intervals["attempts_per_request"].mean)),
        ("failing", seconds(intervals["time_on_failing_target_s"].mean)),
        ("noticed", seconds(intervals["detection_s"].mean)),
    ]


def _half_width(interval: Interval, scale: float) -> str:
    """To the farther bound: bounds of shares do not lie evenly around the mean."""
    mean, low, high = interval.mean, interval.low, interval.high
    if mean is None or low is None or high is None:
        return "-"
    return f"{max(high - mean, mean - low) * scale:.2f}"


def _print_differences(study: Study) -> None:
    if not study.differences:
        return
    first = study.differences[0]["a"]
    pairs = pair_count(len(study.runs))
    together = f" for all {pairs} pairs together" if pairs > 1 else ""
    click.echo(
        f"\nDifferences to {clean(first, WIDTH)}, paired over the same weather (95 %{together}):"
    )
    promised = success_metric(study.configuration.scenario)
    heads = {
        promised: {SUCCESS: "success", IN_TIME: "in time"}[promised],
        "latency_p95_s": "p95",
        "cost_per_1k_requests_usd": "$/1k req",
    }
    rows: list[tuple[str, ...]] = [("policy", *heads.values())]
    for other in (policy for policy in study.runs if policy != first):
        differences = {row["metric"]: row for row in study.differences if row["b"] == other}
        cells = (_difference(metric, differences[metric]) for metric in heads)
        rows.append((clean(other, WIDTH), *cells))
    print_table(rows)


def _difference(metric: str, row: dict[str, Any]) -> str:
    if row["mean"] is None:
        return "n/a"
    scale, unit = (100, " pp") if is_share(metric) else (1, " s" if metric.endswith("_s") else "")
    text = f"{row['mean'] * scale:+.2f}{unit}"
    if row["low"] is None:
        return text
    chance = "" if row["low"] > 0 or row["high"] < 0 else " ?"
    return f"{text} ({row['low'] * scale:+.2f} … {row['high'] * scale:+.2f}){chance}"
