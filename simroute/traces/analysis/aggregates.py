"""Sums over a trace that a replay's questions about money need."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from simroute.traces.sends import TARGET
from simroute.traces.table import RequestTable

ALONE = (
    "len(list_filter(coalesce(tries, [])[:-2], lambda t: coalesce(t.status, 0) < 400 OR "
    "t.status = 499)) = 0"
)
"""That no earlier attempt at a request can be in its bill: those were errors, and not given up."""
READ = "least(coalesce(cached_tokens, 0), coalesce(input_tokens, 0))"
WRITTEN = f"least(coalesce(written_tokens, 0), coalesce(input_tokens, 0) - {READ})"
"""Of the tokens sent, as SQL over `requests`: no more than were sent."""

HOUR_NS = 3_600_000_000_000
MOST_ROWS = 2000


def cost_equations(table: RequestTable, source: str = "requests") -> dict[str, list[list[float]]]:
    """Target -> of calls with a cost, sums of products of (fresh input, output, input read from a
    cache, and written to it) with them and cost.

    4 rows of 5, for finding prices.
    """
    kinds = ("i", "o", "c", "w", "cost_usd")
    sums = ", ".join(f"sum({one} * {other})" for one in kinds[:-1] for other in kinds)
    rows = table.rows(
        f"SELECT {TARGET}, {sums} FROM (SELECT *, CAST(output_tokens AS DOUBLE) AS o,"
        f" CAST({READ} AS DOUBLE) AS c, CAST({WRITTEN} AS DOUBLE) AS w, CAST(input_tokens AS "
        f"DOUBLE) - c - w AS i"
        f" FROM {source}) WHERE cost_usd > 0 AND i IS NOT NULL AND o IS NOT NULL AND "
        f"requested_model IS NOT NULL AND {ALONE} GROUP BY 1"
    )
    return {
        target: [[float(value) for value in found[k : k + 5]] for k in (0, 5, 10, 15)]
        for target, *found in rows
    }


def answering_models(table: RequestTable, source: str = "requests") -> dict[str, str]:
    """Target -> the name under which most of its calls were answered, where that is not the one
    asked for: a catalogue may know only this one."""
    rows = table.rows(
        f"SELECT {TARGET} AS target, model FROM {source} WHERE model <> requested_model AND NOT "
        f"coalesce(failed, false) GROUP BY 1, 2"
        " ORDER BY count(*), model DESC"
    )
    return dict(rows)


def call_counts(table: RequestTable) -> dict[str, list[int]]:
    """Target -> calls, those that were answered, and the most frequent status of the others (500
    where none is told); over the view `sends`."""
    rows = table.rows(
        "SELECT target, count(*), count(*) FILTER (NOT failed), mode(CASE WHEN status >= 400 "
        "THEN status ELSE 500 END ORDER BY status)"
        " FILTER (failed) FROM sends WHERE target IS NOT NULL GROUP BY 1"
    )
    return {target: [many, good, status or 500] for target, many, good, status in rows}


def fit_price(bill: list[list[float]]) -> dict[str, float]:
    """USD per million tokens (`input`, `output`; `cached` and `written` where there are such), none
    below 0, that fit its `bills` best: by least squares."""
    sums, found = np.array(bill), np.zeros(4)
    used = [kind for kind in range(4) if sums[kind, kind] > 0]
    while used:
        found[:] = 0.0
        found[used] = np.linalg.lstsq(sums[np.ix_(used, used)], sums[used, 4], rcond=None)[0]
        if found.min() >= 0:
            break
        used.remove(int(found.argmin()))
    price = {
        kind: round(float(usd) * 1e6, 6)
        for kind, usd in zip(("input", "output", "cached", "written"), found, strict=True)
    }
    return {
        kind: usd
        for place, (kind, usd) in enumerate(price.items())
        if place < 2 or sums[place, place]
    }


def spend_by_work(table: RequestTable) -> list[list[Any]]:
    """[kind of work (task, else feature), target, requests, input, cached and output tokens, cost
    in USD] of requests that were answered."""
    rows = table.rows(
        f"SELECT coalesce(task, feature, '-'), {TARGET}, count(*), sum(input_tokens), "
        f"sum(coalesce(cached_tokens, 0)), sum(output_tokens),"
        " sum(cost_usd) FROM requests WHERE requested_model IS NOT NULL AND NOT coalesce(failed, "
        "false) AND coalesce(cached, 'no') = 'no'"
        f" GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST_ROWS}"
    )
    return [
        [row[0], row[1], *(None if value is None else float(value) for value in row[2:])]
        for row in rows
    ]


def repeat_spend(table: RequestTable) -> dict[str, float] | None:
    """Of requests whose prompt came before: how many, their share of the cost, and the same within
    an hour; None where prompts are not told apart."""
    known = "question IS NOT NULL OR blocks IS NOT NULL"
    if not table.value(f"SELECT count(*) FROM requests WHERE {known}"):
        return None
    row = table.rows(
        f"SELECT count(*) FILTER (since IS NOT NULL), count(*) FILTER (since <= {HOUR_NS}), "
        f"sum(cost_usd) FILTER (since IS NOT NULL),"
        f" sum(cost_usd) FILTER (since <= {HOUR_NS}) FROM (SELECT *, arrival_ns - "
        f"lag(arrival_ns) OVER (PARTITION BY"
        f" coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR)) ORDER BY arrival_ns) "
        f"AS since FROM requests WHERE {known})"
    )[0]
    return dict(
        zip(
            ("requests", "within_hour", "cost_usd", "within_hour_cost_usd"),
            (float(value or 0) for value in row),
            strict=True,
        )
    )


def fallback_chains(table: RequestTable) -> list[list[int]]:
    """For each way that requests took (`code_route`, places of targets), that way and what was done
    after it where it failed: what most went on with, as far as more of those that had failed so far
    went on than ended there."""
    rows = table.rows(
        "SELECT targets, count(whose), count(whose) FILTER (failed) FROM code_route LEFT JOIN "
        "routed ON route = code"
        " GROUP BY targets, code ORDER BY code"
    )
    ended = {tuple(route): failed for route, _, failed in rows}
    further: dict[tuple[int, ...], dict[int, int]] = {}
    for route, many, _ in rows:
        for length in range(1, len(route)):
            counts = further.setdefault(tuple(route[:length]), {})
            counts[route[length]] = counts.get(route[length], 0) + many
    made = []
    for route, _, _ in rows:
        chain = tuple(route)
        while (after := further.get(chain)) and sum(after.values()) > ended.get(chain, 0):
            chain += (max(after.items(), key=itemgetter(1))[0],)
        made.append(list(chain))
    return made
