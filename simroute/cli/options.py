"""Options that commands share, and what they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from simroute.cli.completion import candidates
from simroute.core.params import MOST_SEED

Command = Callable[..., Any]
SEED = click.IntRange(0, MOST_SEED)
LOCAL = "local"
"""The executor that is this machine."""
RESUME = (
    "Go on with an unfinished run: give the same command again, or only --out FOLDER. The result "
    "has the same bits. While a run's journal is there "
    "(until it is finished), more --replications than before may be given, and nothing else may "
    "differ."
)


@dataclass(frozen=True)
class RunOptions:
    """What was said on a command line that runs a study, by the names of the options; None where
    nothing was said. `as_json`: --json; `assertions`: --assert; `plugins`: --plugin."""

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

    @property
    def is_local(self) -> bool:
        """Whether this machine plays the replications."""
        return self.executor in (None, LOCAL)

    def to_resume(self) -> tuple[str, ...]:
        """Those that a resumed run needs again, as words."""
        valued: dict[str, tuple[Any, ...]] = {
            "--workers": (self.workers,),
            "--executor": (self.executor,),
            "--explain": (self.explain,),
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
        given = [(name, value) for name, values in valued.items() for value in values]
        said = [text for name, value in given if value is not None for text in (name, str(value))]
        return (*said, *(name for name, is_given in flags.items() if is_given))


OPTIONS = (
    click.argument("words", nargs=-1, shell_complete=candidates.words),
    click.option("--seed", type=SEED, default=None, help="Seed of all chance. [1]"),
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
        help="Read back from reports/.cache/ what was run before, if nothing at all has changed.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=None,
        help="The run's folder. [reports/SCENARIO-COMMAND]",
    ),
    click.option("--resume", is_flag=True, help=RESUME),
    click.option(
        "--rows/--no-rows",
        default=None,
        help="Write requests, attempts and events as Parquet. [run once: yes]",
    ),
    click.option("--json", "as_json", is_flag=True, help="The summary on stdout and nothing else."),
    click.option(
        "--assert",
        "assertions",
        multiple=True,
        metavar="EXPR",
        help='Exit 1 unless it holds, e.g. "success_rate>=0.999".',
    ),
    click.option(
        "--plugin",
        "plugins",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A Python file with layers of your own.",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=None,
        help="Run an earlier run's config.yaml again.",
    ),
    click.option(
        "--no-report",
        is_flag=True,
        help="Write no report.html (simroute report makes it later).",
    ),
    click.option("--quiet", is_flag=True, help="Print only errors."),
)


def run_options(command: Command) -> Command:
    """Give a command the words and options of `RunOptions` that every study has."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
