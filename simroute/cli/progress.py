"""How far a study is: one line on stderr, on a terminal only, that is gone when it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.terminal import brief
from simroute.execution.progress import StudyListener
from simroute.models.questions import BLOCK

if TYPE_CHECKING:
    from simroute.metrics import Figures

Job = tuple[str, int]


@contextmanager
def watching(horizon: float, talk: bool, notes: bool) -> Iterator[StudyListener]:
    """What a study may tell: its progress if `talk` and somebody watches, what is not as it should
    be if `notes`."""
    if talk and sys.stderr.isatty():
        with Bar(horizon) as bar:
            yield bar
    else:
        yield Notes(notes)


class Notes(StudyListener):
    """Only says what is not as it should be."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def warn(self, line: str) -> None:
        if self._wanted:
            click.echo(f"note: {brief(line)}", err=True)


class Bar(StudyListener):
    """Runs done of all, simulated time, requests a second of real time, time left."""

    def __init__(self, horizon: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        console = Console(
            stderr=True,
            no_color=bool(os.environ.get("NO_COLOR")),
            highlight=False,
            markup=False,
            emoji=False,
        )
        whole = Column(no_wrap=True)
        texts = [
            TextColumn(f"{{task.fields[{name}]}}", style="none", markup=False, table_column=whole)
            for name in ("runs", "time", "pace")
        ]
        left = TextColumn("left", style="none", table_column=whole)
        self._progress = Progress(
            texts[0],
            BarColumn(20),
            *texts[1:],
            TimeRemainingColumn(table_column=whole),
            left,
            console=console,
            transient=True,
            refresh_per_second=4,
        )
        self._horizon, self._began = horizon, time.monotonic()
        self._total = self._done = self._requests = 0
        self._open: dict[Job, tuple[float, int]] = {}
        self._task: Any = None

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

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

    def warn(self, line: str) -> None:
        self._progress.console.print(f"note: {brief(line)}")

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
