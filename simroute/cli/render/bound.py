"""The distance of policies from the clairvoyant bound, on a terminal."""

from __future__ import annotations

from typing import Any

import click

from simroute.cli.terminal import clean, print_table
from simroute.studies.comparison.study import Study
from simroute.text import percent, span

COLUMNS = (("success_rate", 100.0, " pp"), ("cost_per_1k_requests_usd", 1.0, ""))
"""Metric, scale and unit of a distance."""


def print_gaps(study: Study) -> None:
    """Prints the bound, and each policy's distance from it."""
    if study.bound is None:
        return
    bound = study.bound.plain()
    cost, success = (
        bound["metrics"][name] for name in ("cost_per_1k_requests_usd", "success_rate")
    )
    figures = f"{span(**success, unit='share')}, {span(**cost, unit='USD')} per 1,000 requests"
    click.echo(f"\nA policy that knows the weather ({bound['label']}): {figures}.")
    rows: list[tuple[str, ...]] = [("policy", "success", "gap closed", "$/1k req", "gap closed")]
    for policy, gaps in study.gaps.items():
        cells = (
            text for metric, scale, unit in COLUMNS for text in _gap(gaps[metric], scale, unit)
        )
        rows.append((clean(policy, 18), *cells))
    print_table(rows)


def _gap(row: dict[str, Any], scale: float, unit: str) -> tuple[str, str]:
    """The distance, and the share of the first policy's distance that is closed."""
    if row["mean"] is None:
        return "n/a", "n/a"
    return f"{row['mean'] * scale:+.2f}{unit}", percent(row["closed"]["mean"])
