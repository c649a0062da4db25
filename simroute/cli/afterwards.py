"""What is said when a study ends otherwise than it should: what is kept, and how to go on."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from simroute.cli.terminal import brief, escaped
from simroute.config.configuration import Configuration
from simroute.experiment.run import ReplicationError
from simroute.storage.resume import is_unfinished
from simroute.studies.comparison.study import Study


@dataclass(frozen=True)
class Again:
    """The command that goes on with the run in a folder. `options`: those of the first command that
    matter still; `new`: made for this run."""

    command: str
    folder: Path
    options: tuple[str, ...]
    new: bool

    def __str__(self) -> str:
        return shlex.join(
            ["simroute", self.command, "--resume", "--out", str(self.folder), *self.options]
        )

    @property
    def is_possible(self) -> bool:
        """Whether something is kept."""
        return is_unfinished(self.folder)

    def tidy(self) -> None:
        """A folder that was made for a run that came to nothing goes."""
        if self.new:
            with suppress(OSError):
                self.folder.rmdir()


def said(line: str, rest: str = "") -> None:
    """One line on stderr. `rest`: what is not cut, however long."""
    click.echo(f"simroute: {brief(line)}{escaped(rest)}", err=True)


def alone(
    error: BaseException,
    made: Configuration,
    words: tuple[str, ...],
    config: Path | None,
    plugins: tuple[Path, ...],
    asked: tuple[str, ...] = (),
) -> str | None:
    """The command that runs the failed replication alone, with the same bits; None if none failed.
    `asked`: options that only this command has."""
    if not isinstance(error, ReplicationError):
        return None
    number, files = (
        ["--replication", str(error.replication)],
        [word for file in plugins for word in ("--plugin", str(file))],
    )
    if config is not None:
        return shlex.join(["simroute", made.command, *number, "--config", str(config), *files])
    if made.command == "replay":  # the log's own routing is played whatever policies are named
        return shlex.join(
            ["simroute", "replay", "--seed", str(made.seed), *number, *asked, *words, *files]
        )
    names = (
        next(word for word in reversed(words) if word.startswith("policy="))
        .removeprefix("policy=")
        .split(",")
    )
    # it may be about layers that only the other policies have
    if any(word.lstrip("~+").startswith("policy.") for word in words):
        return shlex.join(
            ["simroute", made.command, "--seed", str(made.seed), *number, *words, *files]
        )
    chosen = [name for name in names if Path(name).stem == error.policy]
    others = [word for word in words if not word.startswith("policy=")]
    return shlex.join(
        [
            "simroute",
            "run",
            "--seed",
            str(made.seed),
            *number,
            *others,
            f"policy={chosen[0]}",
            *files,
        ]
    )


def cut_short(error: BaseException, again: Again, alone: str | None = None) -> int:
    """No study came of it: interrupted, a worker lost, or a replication failed (`alone`: what runs
    that one). The exit status."""
    interrupted = isinstance(error, KeyboardInterrupt)
    if not interrupted:
        said(str(error), "" if alone is None else f"; run it alone with: {alone}")
    if again.is_possible:
        said(
            f"{'interrupted; ' if interrupted else ''}what was finished is kept; go on with: "
            f"{again}"
        )
    elif interrupted:
        said("interrupted before the first replication was finished")
    again.tidy()
    return 130 if interrupted else 2


def incomplete(study: Study, again: Again) -> int:
    """Files are missing, or replications. The exit status, 0 if all is there."""
    if study.problems:
        on_stdout = ["the summary is on stdout"] if "summary.json" in study.unwritten else []
        room = (
            [f"once there is room: {again}"] if again.is_possible and not study.interrupted else []
        )
        said("; ".join([*study.problems, *on_stdout, *room]))
    if study.interrupted:
        said(
            f"interrupted; {study.replications} of {study.configuration.replications} "
            f"replications were finished and are kept"
        )
        if again.is_possible:
            said(f"go on with: {again}")
        return 130
    return 2 if study.problems else 0
