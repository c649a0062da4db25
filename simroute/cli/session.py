"""What happens around every study: its folder and its executor, the exit status, and how to resume
it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from simroute.cli.options import LOCAL, RunOptions
from simroute.cli.terminal import brief, escaped

if TYPE_CHECKING:
    from simroute.config.configuration import Configuration
    from simroute.execution.options import ExecutionOptions
    from simroute.experiment.job import Executor
    from simroute.storage.folder import RunDescription
    from simroute.studies.result import StudyResult

C = TypeVar("C", bound="Configuration")
FEW_REQUESTS = 60_000
"""Starting a worker process costs about as much time as so many requests."""


@dataclass(frozen=True)
class ResumeHint:
    """The command that continues the run in a folder. `options`: words of the first command that
    must be given again; `is_new`: the folder was made for this run."""

    command: str
    folder: Path
    options: tuple[str, ...]
    is_new: bool

    def __str__(self) -> str:
        words = ["simroute", self.command, "--resume", "--out", str(self.folder), *self.options]
        return shlex.join(words)

    @property
    def is_possible(self) -> bool:
        """Whether finished replications are kept."""
        from simroute.storage.resume import is_unfinished

        return is_unfinished(self.folder)

    def remove_empty_folder(self) -> None:
        """Removes the folder if it was made for this run and nothing is in it."""
        if self.is_new:
            with suppress(OSError):
                self.folder.rmdir()


def print_error(line: str, uncut: str = "") -> None:
    """Prints one line on stderr. `uncut`: its end, however long."""
    click.echo(f"simroute: {brief(line)}{escaped(uncut)}", err=True)


def print_notes(notes: Iterable[str], options: RunOptions) -> None:
    """Prints notes of a configuration on stderr, unless only errors or JSON are wanted."""
    if options.is_talkative:
        for note in notes:
            click.echo(f"note: {brief(note)}", err=True)


class Launch(NamedTuple):
    """A study that is ready to run.

    description: what the folder's name and a resumption depend on. hint: options of this command
    that a resumed run needs again. play: runs the study in its folder. conclude: prints the result
    and returns the exit status. rerun: the command that runs a failed replication alone, or None.
    """

    command: str
    description: RunDescription
    hint: tuple[str, ...]
    play: Callable[[Path], Any]
    conclude: Callable[[Any, ResumeHint], int]
    rerun: Callable[[BaseException, Path], str | None] = lambda error, folder: None


def launch(study: Launch, options: RunOptions) -> int:
    """Runs a study in its folder; the exit status. Raises InputError."""
    from simroute.experiment.job import WorkerLostError
    from simroute.storage.resume import choose_folder

    folder = choose_folder(study.description, options.out, options.resume)
    is_new = options.out is None and not options.resume
    hint = ResumeHint(study.command, folder, study.hint, is_new)
    try:
        result = study.play(folder)
    except (KeyboardInterrupt, WorkerLostError, RuntimeError) as error:
        return _report_stop(error, hint, study.rerun(error, folder))
    except BaseException:
        hint.remove_empty_folder()
        raise
    return study.conclude(result, hint)


def _report_stop(error: BaseException, hint: ResumeHint, rerun: str | None) -> int:
    """Prints why there is no result: interrupted, a worker lost, or a replication failed, which
    `rerun` runs alone. The exit status."""
    interrupted = isinstance(error, KeyboardInterrupt)
    if not interrupted:
        print_error(str(error), "" if rerun is None else f"; run it alone with: {rerun}")
    if hint.is_possible:
        print_error(
            f"{'interrupted; ' if interrupted else ''}what was finished is kept; go on with: {hint}"
        )
    elif interrupted:
        print_error("interrupted before the first replication was finished")
    hint.remove_empty_folder()
    return 130 if interrupted else 2


def report_incomplete(result: StudyResult, hint: ResumeHint, summary: str, kept: str) -> int:
    """Prints what is missing and how to continue; the exit status. `summary`: the file whose
    contents are on stdout where it could not be written; `kept`: what an interrupted run keeps."""
    if result.problems:
        print_error("; ".join([*result.problems, *on_stdout(result, summary)]))
    if result.interrupted:
        print_error(f"interrupted; {kept}")
    if hint.is_possible:
        print_error(f"go on with: {hint}")
    return 130 if result.interrupted else 2 if result.problems else 0


def on_stdout(result: StudyResult, summary: str) -> list[str]:
    """Says that the summary is printed, where its file could not be written."""
    return ["the summary is on stdout"] if summary in result.unwritten else []


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def execution_options(
    options: RunOptions, folder: Path, workers: int, executor: Executor | None
) -> ExecutionOptions:
    """How a study in this folder is played; `workers` where --workers does not say."""
    from simroute.execution.options import ExecutionOptions

    return ExecutionOptions(
        options.workers or workers,
        executor,
        options.cache,
        folder,
        options.resume,
        report=not options.no_report,
    )


def choose_executor(options: RunOptions) -> Executor | None:
    """The executor of the replications, None for processes here. Raises InputError."""
    from simroute.errors import InputError

    if options.executor is None or options.executor == LOCAL:
        if options.any_worker:
            raise InputError(
                "--any-worker is about the workers of a Dask cluster: give --executor "
                "dask://HOST:PORT, or leave it out"
            )
        return None
    from simroute.execution.dask import DaskExecutor

    cluster = DaskExecutor.from_address(options.executor, options.any_worker)
    if options.workers is not None:
        raise InputError(
            f"--workers counts processes of this machine, and {options.executor} has workers of "
            f"its own: leave out --workers"
        )
    if options.rows:
        raise InputError(
            "--rows: row files are written where replications run; leave it out, or use "
            "--executor local"
        )
    return cluster


def replace_given(configuration: C, options: RunOptions) -> C:
    """The configuration with the seed and replications of the command line, where they are
    given."""
    seed, replications = options.seed, options.replications
    return replace(
        configuration,
        seed=configuration.seed if seed is None else seed,
        replications=configuration.replications if replications is None else replications,
    )
