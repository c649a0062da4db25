"""`fit`: a scenario from a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from simroute.cli.commands import trace


@click.command("fit")
@click.argument("traces", metavar="TRACE...", nargs=-1, required=True, shell_complete=trace.files)
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    default=None,
    help="The scenario's file. [scenarios/NAME-fitted.yaml]",
)
@click.option(
    "--deployments",
    metavar="SCENARIO",
    default=None,
    help="Take the deployments of this scenario instead of the log's.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    default=None,
    help="A page with log and model over each other. [reports/NAME-fitted.html]",
)
@trace.reading
@click.option("--force", is_flag=True, help="Overwrite the scenario's file.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Everything that was fitted on stdout, and nothing else.",
)
@click.option("--quiet", is_flag=True, help="Print only errors.")
def fit_command(
    traces: tuple[str, ...],
    out: Path | None,
    deployments: str | None,
    report: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
    **told: Any,
) -> int:
    """A scenario fitted to a log: arrivals, lengths, times and errors by model, limits, outages,
    repeats, each with its 95 % interval.

    \b
    simroute fit spend_logs.jsonl -o scenarios/mine.yaml
    simroute compare scenario=mine policy=direct,failover

    What the log does not say stands at its default, and a comment says so.
    """
    import json

    from simroute.errors import InputError
    from simroute.fitting.fit import fit
    from simroute.report import fit_page as pages
    from simroute.traces.convert import check_writable

    name = Path(traces[0]).name
    stem = name.split(".")[0] or "trace"
    scenario, page = (
        out or Path("scenarios") / f"{stem}-fitted.yaml",
        report or Path("reports") / f"{stem}-fitted.html",
    )
    with trace.mistakes():
        check_writable(scenario, force)
        given = None if deployments is None else deployments_of(deployments)
        table = trace.table(traces, **told)
        with telling() as progress:
            made = fit(table, name, given, progress)
    found = {"trace": name, "format": table.format, **made.plain()}
    try:
        for path, text in (
            (scenario, made.text()),
            (page, pages.render_page(found, made.curves, made.text(), name)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.draft")
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
    except OSError as error:
        raise InputError(
            f"{error.filename or scenario}: cannot be written ({error.strerror})"
        ) from None
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        _show(found, scenario, page)
    return 0


@contextmanager
def telling() -> Iterator[Callable[[str], None] | None]:
    """On a terminal, what is being fitted."""
    from simroute.cli.terminal import escaped

    if not sys.stderr.isatty():
        yield None
        return
    try:
        yield lambda what: click.echo(f"\r\x1b[Kfitting: {escaped(what)}", err=True, nl=False)
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def deployments_of(name: str) -> dict[str, Any]:
    """Those of a scenario, as its file has them. Raises InputError."""
    from simroute.config import catalogue, yaml_reader
    from simroute.config.loading import load

    load("check", name, [])
    found: dict[str, Any] = yaml_reader.read(catalogue.find("scenarios", name)).data["deployments"]
    return found


def _show(found: dict[str, Any], scenario: Path, page: Path) -> None:
    from simroute.cli.render import pages
    from simroute.cli.terminal import escaped
    from simroute.report.fit_page import goodness_table

    for line in found["notes"]:
        click.echo(escaped(line))
    pages.show(pages.table(*goodness_table(found)))
    said = [row["said"] for row in found["goodness"] if row["said"]]
    click.echo("")
    for line in said or ["No row is far off."]:
        click.echo(escaped(line))
    click.echo(f"\nwritten: {escaped(str(scenario))}, {escaped(str(page))}")
