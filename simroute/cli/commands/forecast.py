"""`forecast`: how far a fit can be trusted, on data that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)
from simroute.cli.options import SEED, pass_record
from simroute.cli.terminal import overwritten_line

if TYPE_CHECKING:
    from simroute.fitting.forecast import Forecast


@click.command("forecast")
@traces_argument("TRACE...")
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
@deployments_option
@click.option("--seed", type=SEED, default=1, show_default=True)
@read_options
@click.option("--windows", is_flag=True, help="Print every window.")
@click.option("--json", "as_json", is_flag=True, help="Everything on stdout, and nothing else.")
@pass_record(LogOptions)
def forecast_command(
    log: LogOptions, train: float, replications: int, seed: int, windows: bool, as_json: bool
) -> int:
    """Fit the first part of a log, predict the rest (rate, tokens, cost, p95, success), and say how
    often the intervals held.

    \b
    simroute forecast spend_logs.jsonl --train 0.7

    By hour, or in ten windows where fewer than four hours are held out. Outages of the first part
    are not predicted again.
    """
    from simroute.fitting.forecast import ForecastPlan, forecast

    with trace_errors():
        deployments = read_deployments(log)
        table = read_log(log)
        with overwritten_line("fitting: {}") as progress:
            plan = ForecastPlan(train, replications, seed)
            result = forecast(table, log.name, plan, deployments, progress)
    if as_json:
        print_json({"trace": log.name, **result.plain()})
    else:
        _show(result, windows)
    return 0


def _show(forecast: Forecast, windows: bool) -> None:
    from simroute.cli.render import pages
    from simroute.fitting.forecast import FIGURES, LEVEL, contains
    from simroute.text import clean, duration

    click.echo(
        f"fitted: {forecast.trained:,} requests over {duration(forecast.split)}; held out: "
        f"{forecast.held_out:,}; {forecast.replications} runs"
    )
    level = f"{100 * LEVEL:.0f} %"
    rows = []
    for name, (low, middle, high, actual) in forecast.overall.items():
        inside = "" if actual is None else "yes" if contains(low, high, actual) else "no"
        coverage = "{} of {}".format(*forecast.coverage[name]) if name in forecast.coverage else ""
        interval = _interval(low, high, actual)
        rows.append((name, f"{middle:.4g}", *interval, inside, coverage, FIGURES[name]))
    heads = ("figure", "predicted", level, "came", "held", "windows that held", "unit")
    pages.show(pages.table(heads, rows))
    if windows:
        window_rows = [
            (f"{window.start:.0f} s", f"{window.end:.0f} s", name, *_interval(*interval))
            for window in forecast.windows
            for name, interval in window.intervals.items()
        ]
        pages.show(pages.table(("from", "to", "figure", level, "came"), window_rows))
    for note in forecast.notes:
        click.echo(f"note: {clean(note, 400)}")


def _interval(low: float, high: float, actual: float | None) -> tuple[str, str]:
    return f"{low:.4g} to {high:.4g}", "" if actual is None else f"{actual:.4g}"
