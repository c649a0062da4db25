"""A study on a terminal: a table of at most 100 columns, differences, and the verdict."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import click

from simroute.cli.render.sparkline import sparklines
from simroute.cli.terminal import brief, clean
from simroute.metrics import is_share
from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import pair_count
from simroute.studies.comparison.promise import IN_TIME, SUCCESS, success_metric
from simroute.studies.comparison.study import Study
from simroute.text import number, percent, seconds, usd

WIDTH = 18
OPTIONAL = {"quality": "quality_mean", "noticed": "detection_s"}
"""Columns that are left out where no policy has the figure."""


def show(study: Study, folder: Path) -> None:
    """Print it."""
    made = study.configuration
    load = (
        "trace" if made.scenario.workload.trace else f"{made.scenario.workload.rate:g} requests/s"
    )
    many = f"{study.replications} replication{'s' if study.replications > 1 else ''}"
    click.echo(f"\n{clean(' '.join(made.scenario.about.split()), 300)}")
    click.echo(
        f"{clean(made.scenario_name, 40)}: {made.scenario.horizon / 3600:.3g} h, {load}, {many}, "
        f"seed {made.seed}\n"
    )
    for line in study.calibration_lines():
        click.echo(clean(line, 400))
    if study.replay is not None:
        click.echo("")
    rows = [_row(study, policy) for policy in study.runs]
    none = {
        head
        for head, metric in OPTIONAL.items()
        if all(found[metric].mean is None for found in study.intervals.values())
    }
    shown = [place for place, (head, _) in enumerate(rows[0]) if head not in none]
    _table(
        [
            tuple(rows[0][place][0] for place in shown),
            *(tuple(row[place][1] for place in shown) for row in rows),
        ]
    )
    if study.replay is None:  # whose differences are told beside its residuals
        _differences(study)
    click.echo("")
    for line in sparklines(study.page_evidence, made.scenario.horizon):
        click.echo(line.rstrip())
    click.echo("")
    for line in study.verdict_lines():
        click.echo(clean(line, 400))
    if not study.unwritten:
        files = [
            name
            for name in ("report.html", "summary.json", "config.yaml", "spend.csv")
            if (folder / name).is_file()
        ]
        click.echo(f"\nwritten to {brief(str(folder))}/ ({', '.join(files)})")


def _row(study: Study, policy: str) -> list[tuple[str, str]]:
    """(head, cell) by column. Where success in time is promised it has a column, and the ± is its
    own."""
    found = study.intervals[policy]
    meets = next(entry["meets_slo"] for entry in study.verdict if entry["policy"] == policy)
    promised = success_metric(study.configuration.scenario)
    return [
        ("policy", clean(policy, WIDTH)),
        ("kept", {True: "yes", False: "no", None: "?"}[meets]),
        ("success", percent(found[SUCCESS].mean)),
        *([("in time", percent(found[IN_TIME].mean))] if promised == IN_TIME else []),
        ("±", _half(found[promised], 100, 2)),
        ("p95", seconds(found["latency_p95_s"].mean)),
        ("ttft p95", seconds(found["ttft_p95_s"].mean)),
        ("$/1k req", usd(found["cost_per_1k_requests_usd"].mean)),
        ("±", _half(found["cost_per_1k_requests_usd"], 1, 2)),
        (
            "quality",
            percent(found["quality_mean"].mean)[:-3] + "%"
            if found["quality_mean"].mean is not None
            else "n/a",
        ),
        ("sends", number(found["attempts_per_request"].mean)),
        ("failing", seconds(found["time_on_failing_target_s"].mean)),
        ("noticed", seconds(found["detection_s"].mean)),
    ]


def _differences(study: Study) -> None:
    if not study.differences:
        return
    first = study.differences[0]["a"]
    many = pair_count(len(study.runs))
    together = f" for all {many} pairs together" if many > 1 else ""
    click.echo(
        f"\nDifferences to {clean(first, WIDTH)}, paired over the same weather (95 %{together}):"
    )
    promised = success_metric(study.configuration.scenario)
    names = {
        promised: {SUCCESS: "success", IN_TIME: "in time"}[promised],
        "latency_p95_s": "p95",
        "cost_per_1k_requests_usd": "$/1k req",
    }
    rows = []
    for other in (policy for policy in study.runs if policy != first):
        found = {row["metric"]: row for row in study.differences if row["b"] == other}
        rows.append(
            (clean(other, WIDTH), *(_difference(metric, found[metric]) for metric in names))
        )
    _table([("policy", *names.values()), *rows])


def _difference(metric: str, row: dict[str, Any]) -> str:
    if row["mean"] is None:
        return "n/a"
    scale, unit = (100, " pp") if is_share(metric) else (1, " s" if metric.endswith("_s") else "")
    text = f"{row['mean'] * scale:+.2f}{unit}"
    if row["low"] is None:
        return text
    sure = "" if row["low"] > 0 or row["high"] < 0 else " ?"
    return f"{text} ({row['low'] * scale:+.2f} … {row['high'] * scale:+.2f}){sure}"


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0] + " " * (widths[0] - _columns(row[0]))]
        cells += [
            " " * (width - _columns(cell)) + cell
            for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        click.echo(" ".join(cells).rstrip())


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _half(found: Interval, scale: float, digits: int) -> str:
    """To the farther bound: bounds of shares do not lie evenly around the mean."""
    if found.mean is None or found.low is None or found.high is None:
        return "-"
    return f"{max(found.high - found.mean, found.mean - found.low) * scale:.{digits}f}"
