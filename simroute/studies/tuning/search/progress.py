"""Whoever watches a search; this one shows nothing."""

from __future__ import annotations

from typing import NamedTuple

from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.search.evaluations import Evaluations, Run, RunTask


class Round(NamedTuple):
    """What happened at a rung: who came, who stayed (by number, the best first)."""

    generation: int
    replications: int
    came: list[int]
    stayed: list[int]


class SearchListener:
    """Is told what a search is at."""

    def warn(self, line: str) -> None:
        """Something is not as it should be, or was read back."""

    def started(self, total: int) -> None:
        """About so many runs in all, those that confirm included."""

    def ran(self, task: RunTask, run: Run) -> None:
        """One more run is finished."""

    def ranked(self, round_: Round, evaluations: Evaluations, goals: Goals) -> None:
        """A rung is decided."""
