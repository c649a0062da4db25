"""The metrics that --show names, of each policy, on a terminal."""

from __future__ import annotations

import click

from simroute.cli.terminal import print_table
from simroute.layout import SHORT_NAME, Column
from simroute.metrics import METRICS
from simroute.studies.comparison.study import Study
from simroute.text import clean, shortened
from simroute.units import span


def print_metrics(study: Study, metrics: list[str]) -> None:
    """A row for each metric and policy: the mean over replications, with its 95 % interval."""
    policies = shortened((clean(policy, 60) for policy in study.runs), SHORT_NAME)
    names = [metric for metric in metrics for _ in study.runs]
    figures = [
        span(*study.intervals[policy][metric], METRICS[metric][0])
        for metric in metrics
        for policy in study.runs
    ]
    body = [
        Column("policy", list(policies.values()) * len(metrics)),
        Column("mean (95 %)", figures),
    ]
    click.echo("")
    print_table("metric", names, body)
