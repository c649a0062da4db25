"""Progress of a search on stderr. A file of its own, as it loads the search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simroute.cli.options import RunOptions
from simroute.cli.progress import Notes, ProgressLine
from simroute.cli.terminal import clean
from simroute.metrics import METRICS
from simroute.studies.tuning.search.progress import Round, SearchListener
from simroute.studies.tuning.search.ranking import Ranking
from simroute.text import setting_text, span

if TYPE_CHECKING:
    from simroute.studies.tuning.problem.goals import Goals
    from simroute.studies.tuning.search.evaluations import Evaluations, Run, RunTask

BESIDE = 62
"""Columns for the runs, the bar and the time left; the best setting so far has the rest."""


@contextmanager
def watch_search(options: RunOptions) -> Iterator[SearchListener]:
    """The listener of a search: a line of progress where somebody watches, and notes."""
    if options.is_talkative and sys.stderr.isatty():
        with SearchProgress("at", ("best",), 16, left_last=False) as line:
            yield line
    else:
        yield SearchNotes(options)


class SearchNotes(Notes, SearchListener):
    """Notes of a search."""


class SearchProgress(ProgressLine, SearchListener):
    """Finished runs of all, what runs, time left, the best setting so far."""

    _best = ""

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
        objective = goals.objectives[0]
        ranking = Ranking([leader], goals, evaluations.scenarios, round_.replications)
        losses = [loss for loss in ranking.losses(leader, objective, 0) if loss is not None]
        figure = "n/a"
        if losses:
            mean = objective.sign * sum(losses) / len(losses)
            figure = span(mean, None, None, METRICS[objective.metric][0])
        values = ", ".join(
            f"{name.split('.')[-1]}={setting_text(value)}"
            for name, value in evaluations.space.effective(leader.values).items()
        )
        room = self._progress.console.width - BESIDE
        self._best = clean(f"best so far {figure}: {values}", room) if room >= 20 else ""
