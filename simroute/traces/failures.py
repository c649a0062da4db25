"""Whose fault the failed requests of a trace were: their own or their account's, nobody's who still
waited, or the deployments'."""

from __future__ import annotations

from typing import NamedTuple

from simroute.traces.sends import INVALID
from simroute.traces.table import RequestTable

ABANDONED = 499
"""Nobody waited for the answer: neither an error nor a time of a deployment."""


class FailureCounts(NamedTuple):
    """`invalid`: status -> requests that fail wherever they are sent, the most frequent first, with
    those that were given up; `weather`: those that a deployment failed; `untold`: of these, those
    without a status, which are taken as such."""

    invalid: dict[int, int]
    by_deployment: int
    without_status: int

    @property
    def by_request(self) -> dict[int, int]:
        """Those of the request itself or its account."""
        return {status: count for status, count in self.invalid.items() if status != ABANDONED}

    @property
    def abandoned(self) -> int:
        """By who asked."""
        return self.invalid.get(ABANDONED, 0)


def count_failures(table: RequestTable, source: str = "requests") -> FailureCounts:
    """Of the rows of `source` that failed."""
    counts = table.rows(
        f"SELECT {INVALID} AS code, count(*), count(*) FILTER (status IS NULL) FROM {source} "
        f"WHERE failed GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    weather, untold = next(
        ((count, silent) for code, count, silent in counts if code is None), (0, 0)
    )
    return FailureCounts(
        {code: count for code, count, _ in counts if code is not None}, weather, untold
    )
