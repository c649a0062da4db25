"""`trace inspect` and `trace convert`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from simroute.cli.log_options import (
    LogOptions,
    complete_files,
    count_rows,
    find_log,
    print_json,
    read_files,
    read_log,
    read_options,
    trace_errors,
    traces_argument,
)
from simroute.cli.options import pass_record
from simroute.cli.terminal import escaped


@click.group("trace", invoke_without_command=True)
@click.pass_context
def trace_command(ctx: click.Context) -> None:
    """What a recorded trace holds, and any known log as simroute's own table. Known logs: simroute
    list formats."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(
            "trace inspect TRACE... says what a trace holds, trace convert IN... OUT rewrites "
            "it; which one?"
        )


@trace_command.command("inspect")
@traces_argument("TRACE...")
@read_options
@click.option("--json", "as_json", is_flag=True, help="The figures on stdout and nothing else.")
@pass_record(LogOptions)
def inspect_command(log: LogOptions, as_json: bool) -> int:
    """Span, rate, burstiness, tokens, models, errors, repeats and spend of a trace, and what of it
    cannot be used.

    \b
    simroute trace inspect logs/*.jsonl.gz

    Several files are one trace. The format is found by content, compression (gzip, zstd) too. No
    text of a prompt is read.
    """
    from simroute.traces.analysis.profile import profile_lines, summarize
    from simroute.traces.detection import choose_format

    with trace_errors():
        paths, options = find_log(log)
        if choose_format(paths[:1], options) == "servegen":
            return _inspect_windows(paths, as_json)
        table = read_files(paths, options)
        if as_json:
            print_json(summarize(table))
        else:
            _show(paths, table.format, profile_lines(table))
    return 0


def _inspect_windows(paths: list[Path], as_json: bool) -> int:
    """Rates by window, which a log of ServeGen has instead of requests."""
    from simroute.traces.analysis import rate_windows

    with count_rows(paths) as progress:
        windows = rate_windows.read_windows(paths, progress)
    if as_json:
        print_json(rate_windows.summarize(windows))
    else:
        _show(paths, "servegen", rate_windows.window_lines(windows))
    return 0


def _show(paths: list[Path], name: str, rows: Iterable[tuple[str, str]]) -> None:
    from simroute.cli.render import pages
    from simroute.traces.formats import FORMAT_NAMES, find_format

    about = find_format(name).ABOUT if name in FORMAT_NAMES else "as the mapping says"
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    pages.show(pages.head(f"{paths[0]}{more}", f"{name}: {about}"))
    pages.show(pages.table(("", ""), rows))


@trace_command.command("convert")
@traces_argument("IN...")
@click.argument("out", type=click.Path(path_type=Path), shell_complete=complete_files)
@read_options
@click.option(
    "--anonymize",
    is_flag=True,
    help="Users, teams, sessions, features, ids and prompts' blocks become hashes; the salt is "
    "kept nowhere.",
)
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@pass_record(LogOptions)
def convert_command(log: LogOptions, out: Path, anonymize: bool, force: bool) -> int:
    """Any known log as Parquet with the canonical columns (docs: Traces), in order of time. OUT is
    written whole or not at all.

    \b
    simroute trace convert export.jsonl trace.parquet --anonymize
    """
    from simroute.traces.convert import check_parquet_target, convert

    with trace_errors():
        check_parquet_target(out, force)
        table = read_log(log)
        convert(table, out, anonymize, force)
    skipped = sum(table.skipped.values())
    click.echo(
        f"{table.requests:,} requests in {escaped(str(out))}"
        f"{f'; {skipped:,} rows skipped, see simroute trace inspect' if skipped else ''}"
    )
    return 0
