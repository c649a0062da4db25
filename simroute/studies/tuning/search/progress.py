"""Whoever watches a search; this one shows nothing."""

from __future__ import annotations

from typing import NamedTuple

from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.search.evaluations import Archive, Run, Task


class Rung(NamedTuple):
    """What happened at a rung: who came, who stayed (by number, the best first)."""

    generation: int
    replications: int
    came: list[int]
    stayed: list[int]


class Spectator:
    """Is told what a search is at."""

    def noted(self, line: str) -> None:
        """Something is not as it should be, or was read back."""

    def started(self, total: int) -> None:
        """About so many runs in all, those that confirm included."""

    def ran(self, task: Task, run: Run) -> None:
        """One more run is finished."""

    def ranked(self, rung: Rung, archive: Archive, goals: Goals) -> None:
        """A rung is decided."""
