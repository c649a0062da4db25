"""How far policies are from one that knows the weather, on a terminal."""

from __future__ import annotations

from typing import Any

import click

from simroute.cli.render.comparison import _table
from simroute.cli.terminal import clean
from simroute.studies.comparison.study import Study
from simroute.text import percent, span


def distances(study: Study) -> None:
    """How far each policy is from one that knows the weather."""
    if study.bound is None:
        return
    plain = study.bound.plain()
    best = plain["metrics"]
    cost, success = best["cost_per_1k_requests_usd"], best["success_rate"]
    figures = f"{span(**success, unit='share')}, {span(**cost, unit='USD')} per 1,000 requests"
    click.echo(f"\nA policy that knows the weather ({plain['label']}): {figures}.")
    rows: list[tuple[str, ...]] = [("policy", "success", "gap closed", "$/1k req", "gap closed")]
    for policy, found in study.gaps.items():
        cells = [
            text for metric, scale, unit in REGRETS for text in _regret(found[metric], scale, unit)
        ]
        rows.append((clean(policy, 18), *cells))
    _table(rows)


REGRETS = (("success_rate", 100.0, " pp"), ("cost_per_1k_requests_usd", 1.0, ""))


def _regret(row: dict[str, Any], scale: float, unit: str) -> tuple[str, str]:
    if row["mean"] is None:
        return "n/a", "n/a"
    return f"{row['mean'] * scale:+.2f}{unit}", percent(row["closed"]["mean"])
