"""The distance of policies from the clairvoyant bound, on a terminal."""

from __future__ import annotations

import click

from simroute.cli.terminal import print_sentences, print_table
from simroute.layout import Column
from simroute.report.figures.cost_quality import ORACLE, QUALITY, RANDOM, compared, yardsticks
from simroute.studies.comparison.study import Study
from simroute.text import clean
from simroute.units import change, figure, percent, span, usd

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


def print_trade(study: Study) -> None:
    """Prints what right answers cost: alone, at random, and for one who knows them; nothing where
    no answer is graded."""
    known = None if study.trade is None else yardsticks(study.trade.plain())
    graded = {
        policy: intervals
        for policy, intervals in study.intervals.items()
        if intervals[QUALITY].mean is not None
    }
    if known is None or not graded:
        return
    alone = {point: clean(name, 40) for name, point in known.alone.items()}
    (least, worst), (dearest, best) = known.random[0], known.random[-1]
    most = min(cost for cost, quality in known.oracle if quality == known.ceiling)
    click.echo("")
    print_sentences(
        [
            f"Right answers of 1,000: {alone[known.random[0]]} alone has "
            f"{percent(worst)} for {usd(least)}, {alone[known.random[-1]]} {percent(best)} for "
            f"{usd(dearest)}, and "
            f"one who knows all answers {percent(known.ceiling)} for {usd(most)}. How far each "
            f"policy comes from the first of these to the second, and what as many right answers "
            f"cost a router that mixes deployments at random, and one who knows:"
        ]
    )
    paid = study.answer_costs
    rows = [compared(each[QUALITY].mean or 0.0, known) for each in graded.values()]
    shares, random, oracle = map(list, zip(*rows, strict=True))
    body = [
        Column("right", [figure(*each[QUALITY], unit="share") for each in graded.values()]),
        Column("$/1k answers", [figure(*paid[policy], unit="USD") for policy in graded], 1),
        Column("of the way", shares, 2),
        Column(RANDOM, random, 3),
        Column(ORACLE, oracle, 4),
    ]
    print_table("policy", list(graded), body)
