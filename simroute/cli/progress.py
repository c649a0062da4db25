"""Progress on stderr: on a terminal one line that is gone when the work ends, elsewhere a line now
and then."""

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
from simroute.cli.work_log import Remaining, WorkLog, time_left
from simroute.execution.progress import StudyListener
from simroute.models.questions import BLOCK
from simroute.units import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from simroute.experiment.job import Job
    from simroute.metrics import Figures


@contextmanager
def watch_study(horizon: float, options: RunOptions) -> Iterator[StudyListener]:
    """The listener of a study of replications of `horizon` seconds: progress and notes, unless only
    errors are wanted."""
    if not options.is_talkative:
        yield StudyNotes(options)
        return
    with StudyProgress(horizon) as line:
        yield line


@contextmanager
def watch_runs(
    options: RunOptions,
) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """Two functions for a study of assumptions: one is told how many runs of how many are done, the
    other prints a note."""
    if not options.is_talkative:
        yield lambda done, total: None, Notes(options).warn
        return
    with ProgressLine("runs", (), 20, left_last=True) as line:
        yield lambda done, total: line.show(done, total, runs=f"{done}/{total} runs"), line.warn


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
    """A line with a bar and the time left; off a terminal, lines of a log. `before`, `after`: names
    of the texts on both sides; `width`: columns of the bar."""

    def __init__(self, before: str, after: tuple[str, ...], width: int, left_last: bool) -> None:
        self._names = (before, *after)
        self._total = self._done = 0
        self._remaining, self._log = Remaining(), WorkLog()
        self._progress = _bar(before, after, width, left_last) if sys.stderr.isatty() else None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    @property
    def width(self) -> int | None:
        """Columns of the terminal, None off one."""
        return None if self._progress is None else self._progress.console.width

    def restart(self) -> None:
        """Another stage of the work begins."""
        self._remaining.restart()
        self._log.restart()

    def show(self, done: float, total: float, **texts: str) -> None:
        """So much of the work is done. `texts`: by name."""
        share = min(1.0, done / total) if total else 1.0
        if self._progress is None:
            self._log.update(share, ", ".join(filter(None, (texts.get(n) for n in self._names))))
            return
        fields: dict[str, Any] = {**texts, "left": time_left(self._remaining.seconds(share))}
        if self._task is None:
            self._task = self._progress.add_task("", total=total, **fields)
        self._progress.update(self._task, completed=done, total=total, **fields)

    def warn(self, line: str) -> None:
        """Print a note above the line."""
        if self._progress is None:
            click.echo(f"note: {brief(line)}", err=True)
        else:
            self._progress.console.print(f"note: {brief(line)}")


def _bar(before: str, after: tuple[str, ...], width: int, left_last: bool) -> Progress:
    """The line on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    whole = Column(no_wrap=True)
    first, *texts, left = (
        TextColumn(f"{{task.fields[{name}]}}", style="none", markup=False, table_column=whole)
        for name in (before, *after, "left")
    )
    columns = [*texts, left] if left_last else [left, *texts]
    return Progress(
        first,
        BarColumn(width),
        *columns,
        console=stderr_console(),
        transient=True,
        refresh_per_second=4,
    )


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
        self._requests = 0
        self._open.clear()
        self.restart()
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
        self.show(
            simulated,
            self._total * self._horizon,
            runs=f"{self._done}/{self._total} runs",
            time=f"{duration(simulated)} simulated",
            pace=f"{pace:,.0f} requests/s",
        )
