"""`forecast`: how far a fit can be trusted, on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.commands import trace
from simroute.cli.options import SEED

if TYPE_CHECKING:
    from simroute.fitting.forecast import Forecast


@click.command("forecast")
@click.argument("traces", metavar="TRACE...", nargs=-1, required=True, shell_complete=trace.files)
@click.option(
    "--train",
    type=click.FloatRange(0.05, 0.95),
    default=0.7,
    show_default=True,
    help="Share of the log's time that is fitted.",
)
@click.option(
    "--replications",
    type=click.IntRange(10, 10_000),
    default=100,
    show_default=True,
    help="Runs that the intervals are made from.",
)
@click.option(
    "--deployments",
    metavar="SCENARIO",
    default=None,
    help="Take the deployments of this scenario instead of the log's.",
)
@click.option("--seed", type=SEED, default=1, show_default=True)
@trace.reading
@click.option("--windows", is_flag=True, help="Print every window.")
@click.option("--json", "as_json", is_flag=True, help="Everything on stdout, and nothing else.")
def forecast_command(
    traces: tuple[str, ...],
    train: float,
    replications: int,
    deployments: str | None,
    seed: int,
    windows: bool,
    as_json: bool,
    **told: Any,
) -> int:
    """Fit the first part of a log, predict the rest (rate, tokens, cost, p95, success), and say how
    often the intervals held.

    \b
    simroute forecast spend_logs.jsonl --train 0.7

    By hour, or in ten windows where fewer than four hours are held out. Outages of the first part
    are not predicted again.
    """
    import json

    from simroute.cli.commands.fit import deployments_of, telling
    from simroute.fitting.forecast import forecast

    name = Path(traces[0]).name
    with trace.mistakes():
        given = None if deployments is None else deployments_of(deployments)
        table = trace.table(traces, **told)
        with telling() as progress:
            found = forecast(table, name, train, replications, given, seed, progress)
    if as_json:
        click.echo(
            json.dumps(
                {"trace": name, **found.plain()}, indent=2, ensure_ascii=False, allow_nan=False
            )
        )
    else:
        _show(found, windows)
    return 0


def _show(found: Forecast, windows: bool) -> None:
    from simroute.cli.render import pages
    from simroute.fitting.forecast import FIGURES, LEVEL, contains
    from simroute.text import clean, duration

    click.echo(
        f"fitted: {found.trained:,} requests over {duration(found.split)}; held out: "
        f"{found.held_out:,}; {found.replications} runs"
    )
    rows = []
    for name, (low, middle, high, came) in found.overall.items():
        held = found.coverage.get(name)
        inside = "" if came is None else "yes" if contains(low, high, came) else "no"
        words = "" if held is None else f"{held[0]} of {held[1]}"
        rows.append(
            (
                name,
                f"{middle:.4g}",
                f"{low:.4g} to {high:.4g}",
                "" if came is None else f"{came:.4g}",
                inside,
                words,
                FIGURES[name],
            )
        )
    heads = (
        "figure",
        "predicted",
        f"{100 * LEVEL:.0f} %",
        "came",
        "held",
        "windows that held",
        "unit",
    )
    pages.show(pages.table(heads, rows))
    if windows:
        each = [
            (
                f"{window.start:.0f} s",
                f"{window.end:.0f} s",
                name,
                f"{low:.4g} to {high:.4g}",
                "" if came is None else f"{came:.4g}",
            )
            for window in found.windows
            for name, (low, high, came) in window.intervals.items()
        ]
        pages.show(pages.table(("from", "to", "figure", f"{100 * LEVEL:.0f} %", "came"), each))
    for note in found.notes:
        click.echo(f"note: {clean(note, 400)}")
