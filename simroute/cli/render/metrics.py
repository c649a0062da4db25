"""The metrics that --show names, of each policy, on a terminal."""

from __future__ import annotations

import click

from simroute.cli.terminal import clean, print_table
from simroute.metrics import METRICS
from simroute.studies.comparison.study import Study
from simroute.text import span


def print_metrics(study: Study, metrics: list[str]) -> None:
    """A row for each metric and policy: the mean over replications, with its 95 % interval."""
    rows: list[tuple[str, ...]] = [("metric", "policy", "mean (95 %)")]
    for metric in metrics:
        for policy in study.runs:
            figure = span(*study.intervals[policy][metric], METRICS[metric][0])
            rows.append((metric, clean(policy, 18), figure))
    click.echo("")
    print_table(rows)
