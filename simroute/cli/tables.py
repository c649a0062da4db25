"""A study on a terminal: a table of at most 100 columns, differences, and the verdict."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import click

from simroute.cli.sparkline import sparklines
from simroute.cli.text import brief, clean
from simroute.studies.compare import Study
from simroute.studies.statistics import Interval
from simroute.words import number, percent, seconds, usd

WIDTH = 18
HEAD = ("policy", "kept", "success", "±", "p95", "ttft p95", "$/1k req", "±", "quality", "sends", "on failing", "noticed")
OPTIONAL = {"quality": "quality_mean", "noticed": "detection_s"}
"""Columns that are left out where no policy has the figure."""


def show(study: Study, folder: Path) -> None:
    """Print it."""
    made = study.configuration
    load = "trace" if made.scenario.workload.trace else f"{made.scenario.workload.rate:g} requests/s"
    many = f"{study.replications} replication{'s' if study.replications > 1 else ''}"
    click.echo(f"\n{clean(' '.join(made.scenario.about.split()), 300)}")
    click.echo(f"{clean(made.scenario_name, 40)}: {made.scenario.horizon / 3600:.3g} h, {load}, {many}, seed {made.seed}\n")
    for line in study.calibration_lines():
        click.echo(clean(line, 400))
    if study.replay is not None:
        click.echo("")
    rows = [HEAD, *(_row(study, policy) for policy in study.runs)]
    none = {head for head, metric in OPTIONAL.items() if all(found[metric].mean is None for found in study.intervals.values())}
    _table([tuple(cell for head, cell in zip(HEAD, row, strict=True) if head not in none) for row in rows])
    if study.replay is None:  # whose differences are told beside its residuals
        _differences(study)
    click.echo("")
    for line in sparklines(study.material, made.scenario.horizon):
        click.echo(line.rstrip())
    click.echo("")
    for line in study.verdict_lines():
        click.echo(clean(line, 400))
    if not study.unwritten:
        files = [name for name in ("report.html", "summary.json", "config.yaml", "spend.csv") if (folder / name).is_file()]
        click.echo(f"\nwritten to {brief(str(folder))}/ ({', '.join(files)})")


def _row(study: Study, policy: str) -> tuple[str, ...]:
    found = study.intervals[policy]
    meets = next(entry["meets_slo"] for entry in study.verdict if entry["policy"] == policy)
    return (
        clean(policy, WIDTH),
        {True: "yes", False: "no", None: "?"}[meets],
        percent(found["success_rate"].mean),
        _half(found["success_rate"], 100, 2),
        seconds(found["latency_p95_s"].mean),
        seconds(found["ttft_p95_s"].mean),
        usd(found["cost_per_1k_requests_usd"].mean),
        _half(found["cost_per_1k_requests_usd"], 1, 2),
        percent(found["quality_mean"].mean)[:-3] + "%" if found["quality_mean"].mean is not None else "n/a",
        number(found["attempts_per_request"].mean),
        seconds(found["time_on_failing_target_s"].mean),
        seconds(found["detection_s"].mean),
    )


def _differences(study: Study) -> None:
    if not study.differences:
        return
    first = study.differences[0]["a"]
    click.echo(f"\nDifferences to {clean(first, WIDTH)}, paired over the same weather (95 %):")
    names = {"success_rate": "success", "latency_p95_s": "p95", "cost_per_1k_requests_usd": "$/1k req"}
    rows = []
    for other in (policy for policy in study.runs if policy != first):
        found = {row["metric"]: row for row in study.differences if row["b"] == other}
        rows.append((clean(other, WIDTH), *(_difference(metric, found[metric]) for metric in names)))
    _table([("policy", *names.values()), *rows])


def _difference(metric: str, row: dict[str, Any]) -> str:
    if row["mean"] is None:
        return "n/a"
    scale, unit = (100, " pp") if metric in ("success_rate", "quality_mean") else (1, " s" if metric.endswith("_s") else "")
    text = f"{row['mean'] * scale:+.2f}{unit}"
    if row["low"] is None:
        return text
    sure = "" if row["low"] > 0 or row["high"] < 0 else " ?"
    return f"{text} ({row['low'] * scale:+.2f} … {row['high'] * scale:+.2f}){sure}"


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0] + " " * (widths[0] - _columns(row[0]))]
        cells += [" " * (width - _columns(cell)) + cell for cell, width in zip(row[1:], widths[1:], strict=True)]
        click.echo(" ".join(cells).rstrip())


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _half(found: Interval, scale: float, digits: int) -> str:
    if found.low is None or found.high is None:
        return "-"
    return f"{(found.high - found.low) / 2 * scale:.{digits}f}"
