"""Options that commands share, and the records in which a command receives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from simroute.cli.completion import candidates
from simroute.core.params import MOST_SEED

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
SEED = click.IntRange(0, MOST_SEED)


class Finite(click.FloatRange):
    """A number in a range; nan is in none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is no number", param, ctx)
        return number


SPEED = Finite(0.01, 1000)
LOCAL = "local"
"""The executor that is this machine."""


@dataclass(frozen=True)
class RunOptions:
    """Options of a command that runs a study, None where they were not given. `as_json`: --json;
    `assertions`: --assert; `plugins`: --plugin."""

    words: tuple[str, ...] = ()
    seed: int | None = None
    replications: int | None = None
    until: str | None = None
    max_replications: int | None = None
    replication: int | None = None
    workers: int | None = None
    executor: str | None = None
    any_worker: bool = False
    cache: bool = False
    out: Path | None = None
    resume: bool = False
    rows: bool | None = None
    as_json: bool = False
    assertions: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    config: Path | None = None
    no_report: bool = False
    quiet: bool = False
    explain: int | None = None
    bound: bool = False
    yearly: bool = False
    show: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether this machine plays the replications."""
        return self.executor in (None, LOCAL)

    @property
    def is_talkative(self) -> bool:
        """Whether text for people is printed."""
        return not self.quiet and not self.as_json

    @property
    def plugin_files(self) -> tuple[Path, ...]:
        """Absolute paths of the plugins."""
        return tuple(file.resolve() for file in self.plugins)

    def to_resume(self) -> tuple[str, ...]:
        """The words of those options that must be given again with --resume."""
        values: dict[str, tuple[Any, ...]] = {
            "--workers": (self.workers,),
            "--executor": (self.executor,),
            "--explain": (self.explain,),
            "--show": (self.show,),
            "--assert": self.assertions,
            "--plugin": self.plugins,
        }
        flags = {
            "--any-worker": self.any_worker,
            "--cache": self.cache,
            "--json": self.as_json,
            "--no-report": self.no_report,
            "--quiet": self.quiet,
        }
        return (*to_words(values), *(name for name, is_set in flags.items() if is_set))


def to_words(options: dict[str, tuple[Any, ...]]) -> list[str]:
    """Options with their values as they are typed; a value that is None was not given."""
    return [
        word
        for name, values in options.items()
        for value in values
        if value is not None
        for word in (name, str(value))
    ]


def pass_record(kind: type) -> Decorator:
    """Gives a command those of its options that are fields of the dataclass `kind` as one record,
    as its next positional argument."""
    names = {field.name for field in fields(kind)}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(*records: Any, **options: Any) -> Any:
            own = {name: options.pop(name) for name in names & options.keys()}
            return command(*records, kind(**own), **options)

        return call

    return decorate


def apply(decorators: tuple[Decorator, ...]) -> Decorator:
    """One decorator that adds arguments and options in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


RESUME_RUN = (
    "Go on with an unfinished run: give the same command again, or only --out FOLDER. The result "
    "has the same bits. While a run's journal is there "
    "(until it is finished), more --replications than before may be given, and nothing else may "
    "differ."
)

words_argument = click.argument("words", nargs=-1, shell_complete=candidates.words)
seed_option = click.option("--seed", type=SEED, default=None, help="Seed of all chance. [1]")
where_options = apply(
    (
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            default=None,
            help="Worker processes; the result does not depend on it.",
        ),
        click.option(
            "--executor",
            metavar="WHERE",
            default=None,
            help="local, or dask://HOST:PORT: a Dask cluster's workers. [local]",
        ),
        click.option(
            "--any-worker",
            is_flag=True,
            help="Also Dask workers whose arithmetic or versions may give other bits.",
        ),
        click.option(
            "--cache",
            is_flag=True,
            help="Read back from reports/.cache/ what was run before, if nothing at all has "
            "changed.",
        ),
    )
)
"""Where replications are played, or read back."""
json_option = click.option(
    "--json", "as_json", is_flag=True, help="The summary on stdout and nothing else."
)
plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A Python file with layers of your own.",
)
no_report_option = click.option(
    "--no-report",
    is_flag=True,
    help="Write no report.html (simroute report makes it later).",
)
quiet_option = click.option("--quiet", is_flag=True, help="Print only errors.")

outage_option = click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="WEATHER",
    help="An outage laid over it: anthropic@20m..80m (a provider, deployment or domain that is "
    "down), openai_2024_12_04@20m (one that happened), "
    '"{provider: openai, start: 30%, end: 50%, error_share: 0.6}", or those of a scenario '
    "by its name.",
)


def path_option(name: str, text: str) -> Decorator:
    """An option that names a file or folder."""
    return click.option(name, type=click.Path(path_type=Path), default=None, help=text)


run_options = apply(
    (
        words_argument,
        seed_option,
        click.option(
            "--replications",
            type=click.IntRange(1, 100_000),
            default=None,
            help="Independent repetitions. [compare: 20, run: 1, replay: 3 to 20]",
        ),
        click.option(
            "--until",
            metavar="GOAL",
            help='More replications until "success_rate±0.0005" (or +-), or "decided".',
        ),
        click.option(
            "--max-replications",
            type=click.IntRange(2, 100_000),
            default=None,
            help="At most so many for --until. [1000]",
        ),
        click.option(
            "--replication",
            type=click.IntRange(0, 99_999),
            default=None,
            metavar="K",
            help="Only that one of a study; the first is 0.",
        ),
        where_options,
        path_option("--out", "The run's folder. [reports/SCENARIO-COMMAND]"),
        click.option("--resume", is_flag=True, help=RESUME_RUN),
        click.option(
            "--rows/--no-rows",
            default=None,
            help="Write requests, attempts and events as Parquet. [run once: yes]",
        ),
        json_option,
        click.option(
            "--assert",
            "assertions",
            multiple=True,
            metavar="EXPR",
            help='Exit 1 unless it holds, e.g. "success_rate>=0.999".',
        ),
        click.option(
            "--show",
            metavar="METRIC,…",
            help="Also print these metrics (simroute list metrics) for each policy; with --vary, "
            "for each policy at each value.",
        ),
        plugin_option,
        path_option("--config", "Run an earlier run's config.yaml again."),
        no_report_option,
        quiet_option,
    )
)
"""The words and options of every study but a search."""
