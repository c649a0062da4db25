"""Turns that a trace places after the end of the one before in their session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UNPLACED = "no readable time"
SAID = (
    "{0:,} requests come a delay after the end of their session's turn before; where the trace "
    "does not tell how long that took it is taken as 0 s,"
    " so they come too early by as much"
)


def settle(run: Callable[..., Any], given: list[str]) -> list[str]:
    """In the table `raw`, rows without a time get that of the row before in their session, its
    latency and their `after_s` later; what to note."""
    took = (
        "coalesce((ends - t) / 1e9, latency_s, 0)"
        if "latency_s" in given
        else "coalesce((ends - t) / 1e9, 0)"
    )
    order = "ORDER BY file, line"
    run(
        f"CREATE TEMP TABLE turns AS SELECT id, first_value(t) OVER part + CAST(round(1e9 * "
        f"sum(coalesce(lagged, 0)) OVER part) AS BIGINT) AS placed,"
        f" t IS NULL AS moved FROM (SELECT *, CASE WHEN t IS NULL THEN after_s + lag(took) OVER "
        f"(PARTITION BY session {order}) END AS lagged FROM"
        f" (SELECT rowid AS id, *, {took} AS took, count(t) OVER (PARTITION BY session {order}) "
        f"AS number FROM raw WHERE reason IS NULL))"
        f" WINDOW part AS (PARTITION BY session, number {order} ROWS BETWEEN UNBOUNDED PRECEDING "
        f"AND CURRENT ROW)"
    )
    run("UPDATE raw SET t = placed FROM turns WHERE raw.rowid = turns.id AND moved")
    count = run("SELECT count(*) FROM turns WHERE moved AND placed IS NOT NULL").fetchone()[0]
    run("UPDATE raw SET reason = $why WHERE t IS NULL AND reason IS NULL", {"why": UNPLACED})
    run("DROP TABLE turns")
    return [SAID.format(count)] if count else []
