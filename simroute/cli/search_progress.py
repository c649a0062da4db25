"""Progress of a search on stderr. A file of its own, as it loads the search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simroute.cli.options import RunOptions
from simroute.cli.progress import Notes, ProgressLine
from simroute.cli.terminal import clean
from simroute.metrics import METRICS
from simroute.studies.tuning.search.progress import Round, SearchListener
from simroute.studies.tuning.search.ranking import Ranking
from simroute.units import setting_text, span

if TYPE_CHECKING:
    from simroute.studies.tuning.problem.goals import Goals
    from simroute.studies.tuning.search.evaluations import Evaluations, Run, RunTask

BESIDE = 62
"""Columns for the runs, the bar and the time left; the best setting so far has the rest."""

MOST = 100
"""Characters of it in a log."""


@contextmanager
def watch_search(options: RunOptions) -> Iterator[SearchListener]:
    """The listener of a search: progress and notes, unless only errors are wanted."""
    if not options.is_talkative:
        yield SearchNotes(options)
        return
    with SearchProgress("at", ("best",), 16, left_last=False) as line:
        yield line


class SearchNotes(Notes, SearchListener):
    """Notes of a search."""


class SearchProgress(ProgressLine, SearchListener):
    """Finished runs of all, what runs, time left, the best setting so far."""

    _best = ""

    def started(self, total: int) -> None:
        self._total = total
        self.show(0, total, at=f"0/{total} runs", best="")

    def ran(self, task: RunTask, run: Run) -> None:
        self._done += 1
        self._total = max(self._total, self._done)  # more than one leader may have to be confirmed
        what = f"setting {task.candidate}" if task.stage == "search" else "confirming"
        self.show(
            self._done,
            self._total,
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
        room = MOST if self.width is None else self.width - BESIDE
        self._best = clean(f"best so far {figure}: {values}", room) if room >= 20 else ""
