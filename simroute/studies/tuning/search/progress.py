"""The listener of a search, and what it hears of a round."""

from __future__ import annotations

from typing import NamedTuple

from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.search.evaluations import Evaluations, Run, RunTask


class Round(NamedTuple):
    """One round: the candidates with these replications, and those that stay in the race (numbers,
    the best first)."""

    generation: int
    replications: int
    came: list[int]
    stayed: list[int]


class SearchListener:
    """Hears how far a search is. This one shows nothing."""

    def warn(self, line: str) -> None:
        """Something is not as it should be, or was read back."""

    def started(self, total: int) -> None:
        """The search begins: runs in all, about, those of the confirmation included."""

    def ran(self, task: RunTask, run: Run) -> None:
        """One more run is finished."""

    def ranked(self, round_: Round, evaluations: Evaluations, goals: Goals) -> None:
        """A round is decided."""
