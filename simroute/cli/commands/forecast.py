"""`forecast`: how far a fit can be trusted, on data that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.log_options import (
    LogOptions,
    deployments_option,
    json_text,
    print_json,
    read_deployments,
    read_log,
    read_options,
    trace_errors,
    traces_argument,
)
from simroute.cli.options import (
    SEED,
    json_option,
    no_report_option,
    pass_record,
    path_option,
    quiet_option,
)
from simroute.cli.session import print_error
from simroute.cli.terminal import escaped, overwritten_line, print_sentences, print_table
from simroute.layout import Column

if TYPE_CHECKING:
    from simroute.fitting.forecast import ForecastPlan
    from simroute.fitting.forecast_result import Forecast
    from simroute.storage.folder import RunDescription


@dataclass(frozen=True)
class ForecastOptions:
    """Options of `forecast` beside those of its log."""

    train: float
    replications: int
    seed: int
    windows: bool
    out: Path | None
    config: Path | None
    as_json: bool
    no_report: bool
    quiet: bool


@click.command("forecast")
@traces_argument("TRACE...", required=False)
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
@path_option("--out", "The folder of its files. [reports/TRACE-forecast]")
@path_option("--config", "Make an earlier forecast's config.yaml again.")
@json_option
@no_report_option
@quiet_option
@pass_record(LogOptions)
@pass_record(ForecastOptions)
@click.pass_context
def forecast_command(ctx: click.Context, log: LogOptions, options: ForecastOptions) -> int:
    """Fit the first part of a log, predict the rest (rate, tokens, cost, p95, success), and say how
    often the intervals held.

    \b
    simroute forecast spend_logs.jsonl --train 0.7

    By hour, or in ten windows where fewer than four hours are held out. Outages of the first part
    are not predicted again.
    """
    from simroute.cli.forecast_config import describe_forecast, given_words, read_config
    from simroute.fitting.forecast import ForecastPlan, forecast

    plan = ForecastPlan(options.train, options.replications, options.seed)
    if options.config is not None:
        log, plan = read_config(options.config, given_words(ctx))
    elif not log.traces:
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])
    with trace_errors():
        deployments = read_deployments(log)
        is_shown = not (options.quiet or options.as_json)
        table = read_log(log, is_shown)
        with overwritten_line("forecast: {}", is_shown) as progress:
            result = forecast(table, log.name, plan, deployments, progress)
    summary = _summary(result, log.name, plan)
    if options.as_json:
        print_json(summary)
    elif not options.quiet:
        _show(result, options.windows)
    return _write(summary, describe_forecast(log, plan), options)


def _summary(result: Forecast, trace: str, plan: ForecastPlan) -> dict[str, Any]:
    """`summary.json`: no time of day and no path."""
    from simroute import version
    from simroute.models.random import fingerprint

    head = {"schema_version": 1, "simroute": version.__version__, "command": "forecast"}
    head |= {"trace": trace, "seed": plan.seed, "train": plan.train}
    return head | {"fingerprint": fingerprint(), **result.plain()}


def _write(summary: dict[str, Any], description: RunDescription, options: ForecastOptions) -> int:
    """Writes the files of the forecast into its folder; the exit status. Raises InputError."""
    from simroute.report.forecast_page import render_page
    from simroute.storage.resume import choose_folder
    from simroute.storage.run_folder import REPORT, SUMMARY, RunFolder, text_output

    outputs = {SUMMARY: text_output(lambda: json_text(summary))}
    if not options.no_report:
        outputs[REPORT] = text_output(lambda: render_page(summary))
    out = choose_folder(description, options.out, resume=False)
    with RunFolder.open(description, out, print_error) as folder:
        problems = folder.finish(outputs).problems
    for problem in problems:
        print_error(problem)
    if not problems and not options.quiet and not options.as_json:
        click.echo(f"written: {', '.join(escaped(str(out / name)) for name in outputs)}")
    return 2 if problems else 0


def _show(forecast: Forecast, windows: bool) -> None:
    from simroute.cli.render import pages
    from simroute.fitting.forecast_result import FIGURES
    from simroute.statistics.intervals import LEVEL

    print_sentences(forecast.lines())
    level = f"{100 * LEVEL:.0f} %"
    rows = []
    for name, (low, middle, high, actual) in forecast.overall.items():
        coverage = "{} of {}".format(*forecast.coverage[name]) if name in forecast.coverage else ""
        interval = _interval(low, high, actual)
        grade = forecast.grades.get(name, "")
        rows.append((name, grade, f"{middle:.4g}", *interval, coverage, FIGURES[name].meaning))
    heads = ("forecast", "predicted", level, "came", "windows that held", "unit")
    ranks = (0, 0, 0, 0, 1, 2)
    names, *cells = zip(*rows, strict=True) if rows else [()] * (1 + len(heads))
    click.echo()
    print_table("figure", names, list(map(Column, heads, cells, ranks)))
    if windows:
        window_rows = [
            (f"{window.start:.0f} s", f"{window.end:.0f} s", name, *_interval(*interval))
            for window in forecast.windows
            for name, interval in window.intervals.items()
        ]
        pages.show(pages.table(("from", "to", "figure", level, "came"), window_rows))
    print_sentences(f"note: {note}" for note in forecast.notes)


def _interval(low: float, high: float, actual: float | None) -> tuple[str, str]:
    return f"{low:.4g} to {high:.4g}", "" if actual is None else f"{actual:.4g}"
