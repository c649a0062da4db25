"""The distance of policies from the clairvoyant bound, on a terminal."""

from __future__ import annotations

import click

from simroute.cli.terminal import print_sentences, print_table
from simroute.layout import Column
from simroute.studies.comparison.study import Study
from simroute.text import change, figure, span

METRICS = {
    "success_rate": ("success", "share"),
    "cost_per_1k_requests_usd": ("$/1k req", "USD"),
}
"""Metric of a distance -> head and unit."""


def print_gaps(study: Study) -> None:
    """Prints the bound, and each policy's distance from it."""
    if study.bound is None:
        return
    bound = study.bound.plain()
    cost, success = (
        bound["metrics"][name] for name in ("cost_per_1k_requests_usd", "success_rate")
    )
    click.echo("")
    print_sentences(
        [
            f"A policy that knows the weather ({bound['label']}) would reach "
            f"{span(**success, unit='share')} at {span(**cost, unit='USD')} per 1,000 requests. "
            f"How far each policy is from that, and what part of the distance of "
            f"{next(iter(study.gaps))} it makes good:"
        ]
    )
    body = []
    for rank, (metric, (head, unit)) in enumerate(METRICS.items()):
        gaps = [gaps[metric] for gaps in study.gaps.values()]
        distances = [change(gap["mean"], gap["low"], gap["high"], unit) for gap in gaps]
        closed = [figure(**gap["closed"], unit="share") for gap in gaps]
        body += [Column(head, distances, rank)]
        body += [Column("made good", closed, 2 + rank, f"made good of {head}")]
    print_table("policy", list(study.gaps), body)
