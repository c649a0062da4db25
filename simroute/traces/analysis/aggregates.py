"""Sums over a trace that questions about money need."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from simroute.traces.sends import TARGET
from simroute.traces.table import RequestTable

BILLED_ALONE = """len(list_filter(coalesce(tries, [])[:-2],
    lambda t: coalesce(t.status, 0) < 400 OR t.status = 499)) = 0"""
"""SQL over `requests`: no earlier attempt can be in the bill, since all of them were errors and
none was abandoned."""
CACHE_READ = "least(coalesce(cached_tokens, 0), coalesce(input_tokens, 0))"
CACHE_WRITTEN = f"least(coalesce(written_tokens, 0), coalesce(input_tokens, 0) - {CACHE_READ})"
"""SQL over `requests`: tokens read from and written to a provider's cache, at most those sent."""

HOUR_NS = 3_600_000_000_000
MAX_ROWS = 2000


def cost_equations(table: RequestTable, source: str = "requests") -> dict[str, list[list[float]]]:
    """Target -> normal equations of the calls with a cost, to fit its price.

    Four rows, for fresh input, output, cache-read and cache-written tokens: sums of their products
    with each of the four and with the cost (USD).
    """
    kinds = ("i", "o", "c", "w", "cost_usd")
    sums = ", ".join(f"sum({row} * {column})" for row in kinds[:-1] for column in kinds)
    rows = table.rows(f"""
        SELECT {TARGET}, {sums}
        FROM (
            SELECT *, CAST(output_tokens AS DOUBLE) AS o, CAST({CACHE_READ} AS DOUBLE) AS c,
                CAST({CACHE_WRITTEN} AS DOUBLE) AS w, CAST(input_tokens AS DOUBLE) - c - w AS i
            FROM {source})
        WHERE cost_usd > 0 AND i IS NOT NULL AND o IS NOT NULL AND requested_model IS NOT NULL
            AND {BILLED_ALONE}
        GROUP BY 1""")
    return {
        target: [[float(value) for value in values[k : k + 5]] for k in (0, 5, 10, 15)]
        for target, *values in rows
    }


def answering_models(table: RequestTable, source: str = "requests") -> dict[str, str]:
    """Target -> the model's name in most of its answers, where it is not the one asked for: the
    price catalogue may know only this name."""
    rows = table.rows(f"""
        SELECT {TARGET} AS target, model FROM {source}
        WHERE model <> requested_model AND NOT coalesce(failed, false)
        GROUP BY 1, 2 ORDER BY count(*), model DESC""")
    return dict(rows)


def call_counts(table: RequestTable) -> dict[str, list[int]]:
    """Target -> [calls, answered calls, most frequent status of the others (500 where none is
    told)], from the table `sends`."""
    rows = table.rows("""
        SELECT target, count(*), count(*) FILTER (NOT failed),
            mode(CASE WHEN status >= 400 THEN status ELSE 500 END ORDER BY status) FILTER (failed)
        FROM sends WHERE target IS NOT NULL GROUP BY 1""")
    return {target: [calls, answered, status or 500] for target, calls, answered, status in rows}


def fit_price(equations: list[list[float]]) -> dict[str, float]:
    """Solve `cost_equations` for prices in USD per million tokens, none below 0: `input`, `output`,
    and `cached` and `written` where there are such tokens."""
    sums, usd = np.array(equations), np.zeros(4)
    used = [kind for kind in range(4) if sums[kind, kind] > 0]
    while used:
        usd[:] = 0.0
        usd[used] = np.linalg.lstsq(sums[np.ix_(used, used)], sums[used, 4], rcond=None)[0]
        if usd.min() >= 0:
            break
        used.remove(int(usd.argmin()))
    kinds = ("input", "output", "cached", "written")
    return {
        kind: round(float(usd[k]) * 1e6, 6) for k, kind in enumerate(kinds) if k < 2 or sums[k, k]
    }


def spend_by_work(table: RequestTable) -> list[list[Any]]:
    """[kind of work (task, else feature), target, requests, input, cached and output tokens, cost
    in USD] of answered requests, the largest groups first."""
    rows = table.rows(f"""
        SELECT coalesce(task, feature, '-'), {TARGET}, count(*), sum(input_tokens),
            sum(coalesce(cached_tokens, 0)), sum(output_tokens), sum(cost_usd)
        FROM requests
        WHERE requested_model IS NOT NULL AND NOT coalesce(failed, false)
            AND coalesce(cached, 'no') = 'no'
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MAX_ROWS}""")
    return [
        [row[0], row[1], *(None if value is None else float(value) for value in row[2:])]
        for row in rows
    ]


def repeat_spend(table: RequestTable) -> dict[str, float] | None:
    """Requests whose prompt came before, and their cost (USD): at any time, and within an hour.
    None where prompts are not told apart."""
    known = "question IS NOT NULL OR blocks IS NOT NULL"
    if not table.value(f"SELECT count(*) FROM requests WHERE {known}"):
        return None
    row = table.rows(f"""
        SELECT count(*) FILTER (since IS NOT NULL), count(*) FILTER (since <= {HOUR_NS}),
            sum(cost_usd) FILTER (since IS NOT NULL), sum(cost_usd) FILTER (since <= {HOUR_NS})
        FROM (
            SELECT *, arrival_ns - lag(arrival_ns) OVER (
                PARTITION BY coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR))
                ORDER BY arrival_ns) AS since
            FROM requests WHERE {known})""")[0]
    names = ("requests", "within_hour", "cost_usd", "within_hour_cost_usd")
    return dict(zip(names, (float(value or 0) for value in row), strict=True))


def fallback_chains(table: RequestTable) -> list[list[int]]:
    """Each route of `code_route` (indices of targets), followed by the fallbacks most often seen
    after it had failed, as long as more of the failed requests went on than ended there."""
    rows = table.rows("""
        SELECT targets, count(whose), count(whose) FILTER (failed)
        FROM code_route LEFT JOIN routed ON route = code
        GROUP BY targets, code ORDER BY code""")
    ended = {tuple(route): failed for route, _, failed in rows}
    following: dict[tuple[int, ...], dict[int, int]] = {}
    for route, count, _ in rows:
        for length in range(1, len(route)):
            counts = following.setdefault(tuple(route[:length]), {})
            counts[route[length]] = counts.get(route[length], 0) + count
    chains = []
    for route, _, _ in rows:
        chain = tuple(route)
        while (after := following.get(chain)) and sum(after.values()) > ended.get(chain, 0):
            chain += (max(after.items(), key=itemgetter(1))[0],)
        chains.append(list(chain))
    return chains
