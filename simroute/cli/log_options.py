"""What commands that read a log have in common: its files and options, the reading with its
progress, and JSON on stdout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from simroute.cli.options import Decorator, apply, path_option
from simroute.cli.terminal import escaped, overwritten_line

if TYPE_CHECKING:
    from simroute.traces import ReadOptions, RequestTable

UNITS = ("s", "ms", "us", "ns")
LARGE = 20 << 20
"""Bytes of files from which on the rows read are counted."""


@dataclass(frozen=True)
class LogOptions:
    """The files of a log and how they are read. `form`: --format; `deployments`: the scenario
    whose deployments a fit takes."""

    traces: tuple[str, ...]
    form: str | None
    mapping: Path | None
    tz: str
    time_unit: str | None
    strict: bool
    deployments: str | None = None

    @property
    def name(self) -> str:
        """The name of the first file."""
        return Path(self.traces[0]).name


def complete_formats(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of formats."""
    from simroute.traces.formats import all_formats

    return [
        CompletionItem(name, help=form.ABOUT)
        for name, form in all_formats().items()
        if name.startswith(incomplete)
    ]


def complete_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Any file."""
    from simroute.cli.completion.candidates import paths

    return paths(incomplete)


def traces_argument(metavar: str, required: bool = True) -> Decorator:
    """The files of a log, at least one where they are `required`."""
    return click.argument(
        "traces", metavar=metavar, nargs=-1, required=required, shell_complete=complete_files
    )


read_options = apply(
    (
        click.option(
            "--format",
            "form",
            metavar="NAME",
            default=None,
            shell_complete=complete_formats,
            help="Whose log it is. [found by its content]",
        ),
        path_option("--mapping", "A YAML file: which column of the log holds what."),
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
)
deployments_option = click.option(
    "--deployments",
    metavar="SCENARIO",
    default=None,
    help="Take the deployments of this scenario instead of the log's.",
)


@contextmanager
def trace_errors() -> Iterator[None]:
    """What is wrong with a log is bad input: raises InputError for TraceError."""
    from simroute.errors import InputError
    from simroute.traces import TraceError

    try:
        yield
    except TraceError as error:
        raise InputError(str(error)) from None


def read_log(log: LogOptions, is_shown: bool = True) -> RequestTable:
    """The requests of a log; `is_shown`: with progress. Raises InputError, TraceError."""
    return read_files(*find_log(log), is_shown)


def find_log(log: LogOptions) -> tuple[list[Path], ReadOptions]:
    """The files of a log, and how to read them. Raises InputError, TraceError."""
    from simroute.errors import InputError
    from simroute.traces import ReadOptions
    from simroute.traces.records import find_files

    if log.form is not None and log.mapping is not None:
        raise InputError(
            "--format and --mapping exclude each other: a mapping is a format of its own"
        )
    mapping = None
    if log.mapping is not None:
        from simroute.config import inputs

        mapping = inputs.read_mapping(log.mapping)
    options = ReadOptions(log.form, mapping, log.tz, log.time_unit, log.strict)
    return find_files(log.traces), options


def read_files(paths: list[Path], options: ReadOptions, is_shown: bool = True) -> RequestTable:
    """The requests of files; the rows of large files are counted meanwhile, if `is_shown`."""
    from simroute.traces import read

    with count_rows(paths, is_shown) as progress:
        table = read(paths, options, progress)
    if table.lost:
        click.echo(f"simroute: {escaped(table.lost)}", err=True)
    return table


def count_rows(paths: list[Path], is_shown: bool = True) -> AbstractContextManager[Any]:
    """A function that shows how many rows of large files are read; None for small ones."""
    is_large = sum(path.stat().st_size for path in paths) >= LARGE
    return overwritten_line("{:,} rows read", is_shown and is_large)


def read_deployments(log: LogOptions) -> dict[str, Any] | None:
    """Deployments as the scenario's file in --deployments has them. Raises InputError."""
    from simroute.config.lineups import read_scenario
    from simroute.config.loading import load

    if log.deployments is None:
        return None
    load("check", log.deployments, [])
    deployments: dict[str, Any] = read_scenario(log.deployments).data["deployments"]
    return deployments


def print_json(figures: dict[str, Any]) -> None:
    """Figures on stdout."""
    click.echo(json_text(figures), nl=False)


def json_text(figures: dict[str, Any]) -> str:
    """Figures as the text of a JSON file."""
    import json

    return f"{json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)}\n"


def write_texts(texts: dict[Path, str]) -> None:
    """Writes each file whole or not at all. Raises InputError."""
    from simroute.errors import InputError
    from simroute.storage.atomic import written

    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written(path) as draft:
                draft.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{error.filename or path}: cannot be written ({error.strerror})"
            ) from None
