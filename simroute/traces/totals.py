"""Sums over a trace that a replay's questions about money need."""

from __future__ import annotations

from typing import Any

from simroute.traces.table import Table

TARGET = "concat(coalesce(provider, '?'), '/', coalesce(model, '?'))"
"""A deployment of the log, as SQL over `requests`."""

HOUR_NS = 3_600_000_000_000
MOST_ROWS = 2000


def bills(table: Table) -> dict[str, list[list[float]]]:
    """Target -> of calls with a cost, sums of products of (fresh input, output, cached input) with them and cost: 3 rows of 4, for finding prices."""
    kinds = ("i", "o", "c", "cost_usd")
    sums = ", ".join(f"sum({one} * {other})" for one in kinds[:3] for other in kinds)
    rows = table.rows(
        f"SELECT {TARGET}, {sums} FROM (SELECT *, CAST(output_tokens AS DOUBLE) AS o, CAST(coalesce(cached_tokens, 0) AS DOUBLE) AS c,"
        " CAST(input_tokens AS DOUBLE) - c AS i FROM requests) WHERE cost_usd > 0 AND i IS NOT NULL AND o IS NOT NULL GROUP BY 1"
    )
    return {target: [[float(value) for value in found[k : k + 4]] for k in (0, 4, 8)] for target, *found in rows}


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
