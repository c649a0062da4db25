"""A study of assumptions on a terminal: a table along one, a map over two, bars for all."""

from __future__ import annotations

from pathlib import Path

import click

from simroute.cli.terminal import brief, print_sentences, print_table
from simroute.report.figures.assumed import study_question
from simroute.studies.sensitivity.result import SensitivityResult
from simroute.studies.sensitivity.table import map_legend, metric_table, short_table


def print_result(result: SensitivityResult, folder: Path, metrics: list[str]) -> None:
    """Prints the figures and the sentences. `metrics`: those of --show, for each policy."""
    summary = result.summary
    click.echo("")
    print_sentences([summary["question"], study_question(summary), ""])
    print_table(*(metric_table(summary, metrics) if metrics else short_table(summary)))
    if not metrics and len(summary.get("axes", ())) > 1:
        print_sentences(["", map_legend(summary)])
    click.echo("")
    print_sentences(result.lines())
    print_sentences(["", f"written to {brief(str(folder))}/"])
