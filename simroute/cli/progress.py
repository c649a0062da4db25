"""Progress on stderr: one line, on a terminal only, that is gone when the work ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click

from simroute.cli.options import RunOptions
from simroute.cli.terminal import brief
from simroute.execution.progress import StudyListener
from simroute.models.questions import BLOCK

if TYPE_CHECKING:
    from rich.console import Console

    from simroute.experiment.job import Job
    from simroute.metrics import Figures


@contextmanager
def watch_study(horizon: float, options: RunOptions) -> Iterator[StudyListener]:
    """The listener of a study of replications of `horizon` seconds: a line of progress where
    somebody watches, and notes unless only errors are wanted."""
    if options.is_talkative and sys.stderr.isatty():
        with StudyProgress(horizon) as line:
            yield line
    else:
        yield StudyNotes(options)


@contextmanager
def watch_runs(
    options: RunOptions,
) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """Two functions for a study of assumptions: one is told how many runs of how many are done, the
    other prints a note."""
    from rich.progress import Progress

    console = stderr_console()
    disable = not (options.is_talkative and sys.stderr.isatty())
    with Progress(console=console, transient=True, disable=disable) as progress:
        task = progress.add_task("runs")

        def warn(line: str) -> None:
            if not options.quiet:
                console.print(f"note: {brief(line)}", soft_wrap=True)

        yield lambda done, total: progress.update(task, completed=done, total=total), warn


def stderr_console() -> Console:
    """stderr, in colour unless NO_COLOR is set; names are never taken for markup."""
    from rich.console import Console

    return Console(
        stderr=True,
        no_color=bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
    )


class Notes:
    """Prints notes, and shows nothing else."""

    def __init__(self, options: RunOptions) -> None:
        self._quiet = options.quiet

    def warn(self, line: str) -> None:
        """Print a note, unless only errors are wanted."""
        if not self._quiet:
            click.echo(f"note: {brief(line)}", err=True)


class ProgressLine:
    """A line with a bar and the time left. `before`, `after`: names of the texts on both sides;
    `width`: columns of the bar."""

    def __init__(self, before: str, after: tuple[str, ...], width: int, left_last: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        whole = Column(no_wrap=True)
        first, *texts = (
            TextColumn(f"{{task.fields[{name}]}}", style="none", markup=False, table_column=whole)
            for name in (before, *after)
        )
        left = [
            TimeRemainingColumn(table_column=whole),
            TextColumn("left", style="none", table_column=whole),
        ]
        columns = [*texts, *left] if left_last else [*left, *texts]
        self._progress = Progress(
            first,
            BarColumn(width),
            *columns,
            console=stderr_console(),
            transient=True,
            refresh_per_second=4,
        )
        self._total = self._done = 0
        self._task: Any = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def warn(self, line: str) -> None:
        """Print a note above the line."""
        self._progress.console.print(f"note: {brief(line)}")


class StudyNotes(Notes, StudyListener):
    """Notes of a study."""


class StudyProgress(ProgressLine, StudyListener):
    """Finished replications of all, simulated time, requests a second of real time, time left."""

    def __init__(self, horizon: float) -> None:
        super().__init__("runs", ("time", "pace"), 20, left_last=True)
        self._horizon, self._began, self._requests = horizon, time.monotonic(), 0
        self._open: dict[Job, tuple[float, int]] = {}

    def started(self, total: int, finished: int) -> None:
        self._total, self._done, self._began = total, finished, time.monotonic()
        if self._task is None:
            self._task = self._progress.add_task(
                "", total=total * self._horizon, runs="", time="", pace=""
            )
        self._progress.update(self._task, total=total * self._horizon)
        self._show()

    def progress(self, job: Job, seconds: float) -> None:
        _, requests = self._open.get(job, (0.0, 0))
        self._open[job] = min(seconds, self._horizon), requests + BLOCK
        self._show()

    def finished(self, job: Job, figures: Figures) -> None:
        self._open.pop(job, None)
        self._done += 1
        self._requests += int(figures.metrics["requests"] or 0)
        self._show()

    def _show(self) -> None:
        simulated = self._done * self._horizon + sum(seconds for seconds, _ in self._open.values())
        requests = self._requests + sum(requests for _, requests in self._open.values())
        pace = requests / max(time.monotonic() - self._began, 1e-3)
        self._progress.update(
            self._task,
            completed=simulated,
            runs=f"{self._done}/{self._total} runs",
            time=f"{simulated / 3600:,.1f} h simulated",
            pace=f"{pace:,.0f} requests/s",
        )
