"""A comparison on a terminal: a table, differences, success over time, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simroute.cli.render.sparkline import sparklines
from simroute.cli.terminal import brief, columns, print_sentences, print_table
from simroute.layout import Column
from simroute.metrics import METRICS
from simroute.models.closed_loop import traffic_words
from simroute.statistics.multiple import pair_count
from simroute.studies.comparison.promise import IN_TIME, SUCCESS, success_metric
from simroute.studies.comparison.study import Study
from simroute.studies.comparison.table import COST, policy_columns
from simroute.text import clean
from simroute.units import change, duration

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
    load = traffic_words(scenario.workload)
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
    body = policy_columns(study.configuration.scenario, study.intervals, study.verdict)
    print_table("policy", list(study.runs), body, LEGEND)


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
    if row["mean"] == 0 and row["low"] in (None, 0) and row["high"] in (None, 0):
        return "the same"
    text = change(row["mean"], row["low"], row["high"], METRICS[metric][0])
    is_known = row["low"] is None or row["low"] > 0 or row["high"] < 0
    return text if is_known else f"{text} ?"
