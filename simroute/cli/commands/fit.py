"""`fit`: a scenario from a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simroute.cli.log_options import (
    LogOptions,
    deployments_option,
    print_json,
    read_deployments,
    read_log,
    read_options,
    trace_errors,
    traces_argument,
    write_texts,
)
from simroute.cli.options import pass_record, path_option, quiet_option
from simroute.cli.terminal import overwritten_line, print_sentences, print_table
from simroute.layout import Column
from simroute.text import clean
from simroute.units import percent


@click.command("fit")
@traces_argument("TRACE...")
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    default=None,
    help="The scenario's file. [scenarios/NAME-fitted.yaml]",
)
@deployments_option
@path_option("--report", "A page with log and model over each other. [reports/NAME-fitted.html]")
@read_options
@click.option("--force", is_flag=True, help="Overwrite the scenario's file.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Everything that was fitted on stdout, and nothing else.",
)
@quiet_option
@pass_record(LogOptions)
def fit_command(
    log: LogOptions,
    out: Path | None,
    report: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """A scenario fitted to a log: arrivals, lengths, times and errors by model, limits, outages,
    repeats, each with its 95 % interval.

    \b
    simroute fit spend_logs.jsonl -o scenarios/mine.yaml
    simroute compare scenario=mine policy=direct,failover

    What the log does not say stands at its default, and a comment says so.
    """
    from simroute.fitting.fit import fit
    from simroute.report.fit_page import render_page
    from simroute.traces.convert import check_writable

    stem = log.name.split(".")[0] or "trace"
    scenario = out or Path("scenarios") / f"{stem}-fitted.yaml"
    page = report or Path("reports") / f"{stem}-fitted.html"
    with trace_errors():
        check_writable(scenario, force)
        deployments = read_deployments(log)
        is_shown = not (quiet or as_json)
        table = read_log(log, is_shown)
        with overwritten_line("fitting: {}", is_shown) as progress:
            fitted = fit(table, log.name, deployments, progress)
    figures = {"trace": log.name, "format": table.format, **fitted.plain()}
    text = fitted.text()
    write_texts({scenario: text, page: render_page(figures, fitted.curves, text, log.name)})
    if as_json:
        print_json(figures)
    elif not quiet:
        _show(figures, scenario, page)
    return 0


MEANINGS = {
    "log / model": "95 % quantile, dispersion or share of failures in the log, and fitted",
    "KS": "largest difference of the shares below any value",
    "n": "values it rests on",
}


def _columns(rows: list[dict[str, Any]]) -> list[Column]:
    """Grade, figures of log and model, and what they rest on."""
    values = [
        next((_pair(key, row[key]) for key in ("p95", "dispersion", "share") if row[key]), "")
        for row in rows
    ]
    distances = ["" if row["ks"] is None else f"{row['ks']:.3f}" for row in rows]
    return [
        Column("fit", [row["grade"] for row in rows]),
        Column("log / model", values),
        Column("p99", [_pair("p99", row["p99"]) if row["p99"] else "" for row in rows], 1),
        Column("KS", distances, 2),
        Column("n", [f"{row['n']:,}" for row in rows], 3),
    ]


def _pair(key: str, values: tuple[float, float]) -> str:
    return " / ".join(percent(each) if key == "share" else f"{each:.4g}" for each in values)


def _show(figures: dict[str, Any], scenario: Path, page: Path) -> None:
    print_sentences([figures["verdict"], "", *figures["notes"]])
    click.echo()
    rows = figures["goodness"]
    names = [clean(row["what"], 80) for row in rows]
    print_table("what", names, _columns(rows), MEANINGS)
    misfits = [row["said"] for row in figures["goodness"] if row["said"]]
    place = f"written: {scenario}, {page}"
    print_sentences(["", *(misfits or ["No row is far off."]), "", place])
