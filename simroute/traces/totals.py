"""Sums over a trace that a replay's questions about money need."""

from __future__ import annotations

from typing import Any

from simroute.traces.table import Table

TARGET = "concat(coalesce(provider, '?'), '/', coalesce(model, '?'))"
"""A deployment of the log, as SQL over `requests`."""

HOUR_NS = 3_600_000_000_000
MOST_ROWS = 2000


def bills(table: Table) -> dict[str, list[float]]:
    """Target -> calls with a cost, and sums over them from which prices can be found: cost, in², in x out, out², in x cost, out x cost."""
    rows = table.rows(
        f"SELECT {TARGET}, count(*), sum(cost_usd), sum(i * i), sum(i * o), sum(o * o), sum(i * cost_usd), sum(o * cost_usd) FROM (SELECT *,"
        " CAST(input_tokens - coalesce(cached_tokens, 0) AS DOUBLE) AS i, CAST(output_tokens AS DOUBLE) AS o FROM requests) WHERE cost_usd > 0"
        " AND i IS NOT NULL AND o IS NOT NULL GROUP BY 1"
    )
    return {row[0]: [float(value) for value in row[1:]] for row in rows}


def mix(table: Table) -> list[list[Any]]:
    """[kind of work (task, else feature), target, requests, input, cached and output tokens, cost in USD] of requests that were answered."""
    rows = table.rows(
        f"SELECT coalesce(task, feature, '-'), {TARGET}, count(*), sum(input_tokens), sum(coalesce(cached_tokens, 0)), sum(output_tokens),"
        " sum(cost_usd) FROM requests WHERE model IS NOT NULL AND NOT coalesce(failed, false) AND coalesce(cached, 'no') = 'no'"
        f" GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST_ROWS}"
    )
    return [[row[0], row[1], *(None if value is None else float(value) for value in row[2:])] for row in rows]


def repeats(table: Table) -> dict[str, float] | None:
    """Of requests whose prompt came before: how many, their share of the cost, and the same within an hour; None where prompts are not told apart."""
    known = "question IS NOT NULL OR blocks IS NOT NULL"
    if not table.one(f"SELECT count(*) FROM requests WHERE {known}"):
        return None
    row = table.rows(
        f"SELECT count(*) FILTER (since IS NOT NULL), count(*) FILTER (since <= {HOUR_NS}), sum(cost_usd) FILTER (since IS NOT NULL),"
        f" sum(cost_usd) FILTER (since <= {HOUR_NS}) FROM (SELECT *, arrival_ns - lag(arrival_ns) OVER (PARTITION BY"
        f" coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR)) ORDER BY arrival_ns) AS since FROM requests WHERE {known})"
    )[0]
    return dict(zip(("requests", "within_hour", "cost_usd", "within_hour_cost_usd"), (float(value or 0) for value in row), strict=True))
