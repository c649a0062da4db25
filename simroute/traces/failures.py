"""Why the failed requests of a trace failed: by their own fault or their account's, abandoned by
their caller, or by a deployment."""

from __future__ import annotations

from typing import NamedTuple

from simroute.traces.sends import INVALID
from simroute.traces.table import RequestTable

ABANDONED = 499
"""Status of a call whose caller no longer waited: neither an error nor a time of a deployment."""


class FailureCounts(NamedTuple):
    """Failed requests by cause.

    invalid: status -> requests that fail wherever they are sent, the most frequent first, abandoned
        ones included.
    by_deployment: requests that a deployment failed. without_status: those of them without a
        status, which are taken as such.
    """

    invalid: dict[int, int]
    by_deployment: int
    without_status: int

    @property
    def by_request(self) -> dict[int, int]:
        """Status -> failures of the request itself or of its account."""
        return {status: count for status, count in self.invalid.items() if status != ABANDONED}

    @property
    def abandoned(self) -> int:
        """Requests that their caller abandoned."""
        return self.invalid.get(ABANDONED, 0)


def count_failures(table: RequestTable, source: str = "requests") -> FailureCounts:
    """Count the failed rows of `source` by cause."""
    rows = table.rows(f"""
        SELECT {INVALID} AS code, count(*), count(*) FILTER (status IS NULL) FROM {source}
        WHERE failed GROUP BY 1 ORDER BY 2 DESC, 1""")
    by_deployment, without_status = next(
        ((count, silent) for code, count, silent in rows if code is None), (0, 0)
    )
    invalid = {code: count for code, count, _ in rows if code is not None}
    return FailureCounts(invalid, by_deployment, without_status)
