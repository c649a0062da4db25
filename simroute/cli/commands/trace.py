"""`trace inspect` and `trace convert`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from simroute.cli.terminal import escaped

UNITS = ("s", "ms", "us", "ns")
LARGE = 20 << 20
"""Bytes of files from which on the rows read are counted aloud."""


def formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of formats."""
    from simroute.traces.formats import all_formats

    return [
        CompletionItem(name, help=form.ABOUT)
        for name, form in all_formats().items()
        if name.startswith(incomplete)
    ]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Any file."""
    from simroute.cli.completion.candidates import paths

    return paths(incomplete)


def reading(command: Callable[..., int]) -> Callable[..., int]:
    """The options that say how a log is to be read."""
    for option in reversed(
        (
            click.option(
                "--format",
                "form",
                metavar="NAME",
                default=None,
                shell_complete=formats,
                help="Whose log it is. [found by its content]",
            ),
            click.option(
                "--mapping",
                type=click.Path(path_type=Path),
                default=None,
                help="A YAML file: which column of the log holds what.",
            ),
            click.option(
                "--tz",
                metavar="ZONE",
                default="UTC",
                help="Time zone of dates without one, such as Europe/Berlin. [UTC]",
            ),
            click.option(
                "--time-unit",
                type=click.Choice(UNITS),
                default=None,
                help="Unit of times that are numbers. [told by their size]",
            ),
            click.option(
                "--strict",
                is_flag=True,
                help="Stop at the first line that cannot be used, instead of counting it.",
            ),
        )
    ):
        command = option(command)
    return command


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
@click.argument("traces", metavar="TRACE...", nargs=-1, required=True, shell_complete=files)
@reading
@click.option("--json", "as_json", is_flag=True, help="The figures on stdout and nothing else.")
def inspect_command(traces: tuple[str, ...], as_json: bool, **told: Any) -> int:
    """Span, rate, burstiness, tokens, models, errors, repeats and spend of a trace, and what of it
    cannot be used.

    \b
    simroute trace inspect logs/*.jsonl.gz

    Several files are one trace. The format is found by content, compression (gzip, zstd) too. No
    text of a prompt is read.
    """
    from simroute.traces.analysis.profile import profile_lines, summarize

    with mistakes():
        paths, wish = _wished(traces, **told)
        if _windows(paths, wish):
            return _inspect_windows(paths, as_json)
        found = _read(paths, wish)
        if as_json:
            _json(summarize(found))
        else:
            _show(paths, found.format, profile_lines(found))
    return 0


@trace_command.command("convert")
@click.argument("traces", metavar="IN...", nargs=-1, required=True, shell_complete=files)
@click.argument("out", type=click.Path(path_type=Path), shell_complete=files)
@reading
@click.option(
    "--anonymize",
    is_flag=True,
    help="Users, teams, sessions, features, ids and prompts' blocks become hashes; the salt is "
    "kept nowhere.",
)
@click.option("--force", is_flag=True, help="Overwrite OUT.")
def convert_command(
    traces: tuple[str, ...], out: Path, anonymize: bool, force: bool, **told: Any
) -> int:
    """Any known log as Parquet with the canonical columns (docs: Traces), in order of time. OUT is
    written whole or not at all.

    \b
    simroute trace convert export.jsonl trace.parquet --anonymize
    """
    from simroute.traces.convert import check_parquet_target, convert

    with mistakes():
        check_parquet_target(out, force)
        found = table(traces, **told)
        convert(found, out, anonymize, force)
    left = sum(found.skipped.values())
    click.echo(
        f"{found.requests:,} requests in "
        f"{escaped(str(out))}"
        f"{f'; {left:,} rows skipped, see simroute trace inspect' if left else ''}"
    )
    return 0


@contextmanager
def mistakes() -> Iterator[None]:
    """What is wrong with a trace is bad input, one line."""
    from simroute.errors import InputError
    from simroute.traces import TraceError

    try:
        yield
    except TraceError as error:
        raise InputError(str(error)) from None


def table(traces: tuple[str, ...], **told: Any) -> Any:
    """The trace, read as the options of `reading` say. Raises InputError, TraceError."""
    return _read(*_wished(traces, **told))


def _wished(
    traces: tuple[str, ...],
    form: str | None,
    mapping: Path | None,
    tz: str,
    time_unit: str | None,
    strict: bool,
) -> tuple[list[Path], Any]:
    """The files, and how to read them. Raises InputError, TraceError."""
    from simroute.errors import InputError
    from simroute.traces import ReadOptions
    from simroute.traces.records import find_files

    if form is not None and mapping is not None:
        raise InputError(
            "--format and --mapping exclude each other: a mapping is a format of its own"
        )
    made = None
    if mapping is not None:
        from simroute.config import inputs

        made = inputs.read_mapping(mapping)
    return find_files(traces), ReadOptions(form, made, tz, time_unit, strict)


def _read(paths: list[Path], wish: Any) -> Any:
    """The table; on a terminal the rows of large files are counted while it is made."""
    from simroute.traces import read

    with _counting(paths) as told:
        found = read(paths, wish, told)
    if found.lost:
        click.echo(f"simroute: {escaped(found.lost)}", err=True)
    return found


@contextmanager
def _counting(paths: list[Path]) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty() or sum(path.stat().st_size for path in paths) < LARGE:
        yield None
        return
    try:
        yield lambda rows: click.echo(f"\r{rows:,} rows read", err=True, nl=False)
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def _windows(paths: list[Path], wish: Any) -> bool:
    from simroute.traces.detection import choose_format

    return choose_format(paths[:1], wish) == "servegen"


def _inspect_windows(paths: list[Path], as_json: bool) -> int:
    from simroute.traces.analysis import rate_windows

    with _counting(paths) as told:
        found = rate_windows.read_windows(paths, told)
    if as_json:
        _json(rate_windows.summarize(found))
    else:
        _show(paths, "servegen", rate_windows.window_lines(found))
    return 0


def _json(figures: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False))


def _show(paths: list[Path], name: str, rows: Iterator[tuple[str, str]]) -> None:
    from simroute.cli.render import pages
    from simroute.traces.formats import KNOWN, find_format

    about = find_format(name).ABOUT if name in KNOWN else "as the mapping says"
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    pages.show(pages.head(f"{paths[0]}{more}", f"{name}: {about}"))
    pages.show(pages.table(("", ""), rows))
