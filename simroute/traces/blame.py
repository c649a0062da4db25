"""Whose fault the failed requests of a trace were: their own or their account's, nobody's who still
waited, or the deployments'."""

from __future__ import annotations

from typing import NamedTuple

from simroute.traces.sends import INVALID
from simroute.traces.table import Table

GIVEN_UP = 499
"""Nobody waited for the answer: neither an error nor a time of a deployment."""


class Blame(NamedTuple):
    """`invalid`: status -> requests that fail wherever they are sent, the most frequent first, with
    those that were given up; `weather`: those that a deployment failed; `untold`: of these, those
    without a status, which are taken as such."""

    invalid: dict[int, int]
    weather: int
    untold: int

    @property
    def own(self) -> dict[int, int]:
        """Those of the request itself or its account."""
        return {status: count for status, count in self.invalid.items() if status != GIVEN_UP}

    @property
    def given_up(self) -> int:
        """By who asked."""
        return self.invalid.get(GIVEN_UP, 0)


def blame(table: Table, source: str = "requests") -> Blame:
    """Of the rows of `source` that failed."""
    counts = table.rows(
        f"SELECT {INVALID} AS code, count(*), count(*) FILTER (status IS NULL) FROM {source} "
        f"WHERE failed GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    weather, untold = next(
        ((count, silent) for code, count, silent in counts if code is None), (0, 0)
    )
    return Blame({code: count for code, count, _ in counts if code is not None}, weather, untold)
