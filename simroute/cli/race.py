"""How far a search is: one line on stderr that is gone when it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from simroute.cli.terminal import brief, clean
from simroute.metrics import METRICS
from simroute.studies.tuning.search.progress import Round, SearchListener
from simroute.studies.tuning.search.ranking import Ranking
from simroute.text import setting_text, span

if TYPE_CHECKING:
    from simroute.studies.tuning import SearchPlan
    from simroute.studies.tuning.problem.goals import Goals
    from simroute.studies.tuning.search.evaluations import Evaluations, Run, RunTask


BESIDE = 62
"""Columns for what runs, the bar and the time left; the best so far has the rest."""


class Notes(SearchListener):
    """Only says what is not as it should be, and what was read back."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def warn(self, line: str) -> None:
        if self._wanted:
            click.echo(f"note: {brief(line)}", err=True)


class Line(SearchListener):
    """Runs done of all, what is running, the best so far, time left."""

    def __init__(self, plan: SearchPlan) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self._plan = plan
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
            for name in ("at", "best")
        ]
        left = TextColumn("left", style="none", table_column=whole)
        self._progress = Progress(
            texts[0],
            BarColumn(16),
            TimeRemainingColumn(table_column=whole),
            left,
            texts[1],
            console=console,
            transient=True,
            refresh_per_second=4,
        )
        self._total = self._done = 0
        self._best = ""

    def __enter__(self) -> Line:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def warn(self, line: str) -> None:
        self._progress.console.print(f"note: {brief(line)}")

    def started(self, total: int) -> None:
        self._total = total
        self._task = self._progress.add_task("", total=total, at=f"0/{total} runs", best="")

    def ran(self, task: RunTask, run: Run) -> None:
        self._done += 1
        self._total = max(self._total, self._done)  # more than one leader may have to be confirmed
        what = f"setting {task.candidate}" if task.stage == "search" else "confirming"
        self._progress.update(
            self._task,
            completed=self._done,
            total=self._total,
            at=f"{self._done}/{self._total} runs, {what}",
            best=self._best,
        )

    def ranked(self, round_: Round, evaluations: Evaluations, goals: Goals) -> None:
        leader = evaluations.candidates[round_.stayed[0]]
        wish = goals.objectives[0]
        found = Ranking([leader], goals, evaluations.scenarios, round_.replications).losses(
            leader, wish, 0
        )
        known = [value for value in found if value is not None]
        figure = (
            span(wish.sign * sum(known) / len(known), None, None, METRICS[wish.metric][0])
            if known
            else "n/a"
        )
        values = ", ".join(
            f"{name.split('.')[-1]}={setting_text(value)}"
            for name, value in evaluations.space.effective(leader.values).items()
        )
        room = self._progress.console.width - BESIDE
        self._best = clean(f"best so far {figure}: {values}", room) if room >= 20 else ""
