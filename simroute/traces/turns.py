"""Turns that a trace places after the end of the one before in their session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UNPLACED = "no readable time"
NOTE = (
    "{0:,} requests come a delay after the end of their session's turn before; where the trace "
    "does not tell how long that took it is taken as 0 s,"
    " so they come too early by as much"
)


def place_turns(run: Callable[..., Any], columns: list[str]) -> list[str]:
    """Give rows of `raw` without a time the end of the turn before in their session, plus their
    `after_s`. Returns notes.

    run: executes a query. columns: those that the format fills. The SQL numbers the rows with a
    time in each session, sums delays and durations of the rows since the last of them (`lagged`),
    and adds the sum to its time; rows before the first are no requests.
    """
    took = (
        "coalesce((ends - t) / 1e9, latency_s, 0)"
        if "latency_s" in columns
        else "coalesce((ends - t) / 1e9, 0)"
    )
    order = "ORDER BY file, line"
    run(f"""
        CREATE TEMP TABLE turns AS
        SELECT id, t IS NULL AS moved, first_value(t) OVER part
            + CAST(round(1e9 * sum(coalesce(lagged, 0)) OVER part) AS BIGINT) AS placed
        FROM (
            SELECT *, CASE WHEN t IS NULL
                THEN after_s + lag(took) OVER (PARTITION BY session {order}) END AS lagged
            FROM (
                SELECT rowid AS id, *, {took} AS took,
                    count(t) OVER (PARTITION BY session {order}) AS number
                FROM raw WHERE reason IS NULL))
        WINDOW part AS (PARTITION BY session, number {order}
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)""")
    run("UPDATE raw SET t = placed FROM turns WHERE raw.rowid = turns.id AND moved")
    count = run("SELECT count(*) FROM turns WHERE moved AND placed IS NOT NULL").fetchone()[0]
    run("UPDATE raw SET reason = $why WHERE t IS NULL AND reason IS NULL", {"why": UNPLACED})
    run("DROP TABLE turns")
    return [NOTE.format(count)] if count else []
