"""Rows that are attempts at one request, as one row with all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

WAIT_S = 10.0
"""Seconds after the end of an attempt that failed within which the next one follows: routers try
again at once, people ask again later."""

TOLD_S = 60.0
"""The same, of a row that itself says that others came before: routers wait no longer for a
Retry-After."""

ALIKE = 0.05
"""Share by which two counts of one prompt's tokens may differ: providers, and what gateways
estimate for a failed call, count differently."""

_LAST = (
    "provider",
    "model",
    "requested_model",
    "model_group",
    "streamed",
    "failed",
    "status",
    "error",
    "cached",
)
_ANY = ("request_id", "user", "team", "session", "feature", "task", "question", "blocks")
_ORDER = "arrival_ns, coalesce(failed, false) DESC, nth, file, line"
_SAME = (
    "coalesce(question = lag(question) OVER w,"
    f" abs(input_tokens - lag(input_tokens) OVER w) <= {ALIKE} * greatest(input_tokens, "
    f"lag(input_tokens) OVER w)"
    " OR least(input_tokens, lag(input_tokens) OVER w) = 0, true)"
)


MOST_OPEN = 100
"""Failures of one trace that may be gone on with at a time, the latest."""


BATCH = 100_000
"""Rows that are joined at a time: what is known of so many requests is held in memory."""


def join(run: Callable[..., Any], begins: bool) -> list[str]:
    """The table `joined`: rows of `whole` with equal `trace` as one request, with the last
    attempt's outcome and all attempts' cost. Returns notes.

    A client may give one trace to a whole conversation. So a row goes on with the request of the
    row before only if that one failed, it follows soon after its end (`begins`: the log's time is
    that of a call's beginning; else it may be that of the end), and nothing says that it asks
    something else (`question`, else the tokens sent, where both are known). `nth` is the row's
    place among the attempts, where the log tells it: a first one, 0, begins a request, and places
    rise within one. Answers at the first attempt are requests of their own and stand between no
    others. Where another row came between, as requests failed side by side or ask different things,
    each goes on with the failure that fits it (`_apart`). `sends` is what a row says that its
    request had, earlier rows included: those without a row are added. What the gateway's cache
    answered was sent nowhere, and is none of `tries`.
    """
    batches, unsure = run("SELECT count(*) FROM whole").fetchone()[0] // BATCH + 1, 0
    for batch in range(batches):
        run(
            f"CREATE OR REPLACE TEMP TABLE rows AS SELECT * FROM whole WHERE "
            f"coalesce(hash(trace), line) % {batches} = {batch}"
        )
        unsure += _cross(run, begins)
        run(
            f"INSERT INTO joined {_joined(begins)}"
            if batch
            else f"CREATE TEMP TABLE joined AS {_joined(begins)}"
        )
    run("DROP TABLE rows; DROP TABLE crossed")
    told = (
        f"attempts that may be of any of several requests of their trace that failed side by "
        f"side, taken in their order: {unsure:,}"
    )
    return [told] if unsure else []


def _joined(begins: bool) -> str:
    """SQL: of the table `rows`."""
    hit = "coalesce(cached, 'no') <> 'no'"
    part = (
        f"coalesce(own, sum(opens) OVER (PARTITION BY one ORDER BY {_ORDER} ROWS UNBOUNDED "
        f"PRECEDING))"
    )
    parted = (
        f"SELECT *, {part} AS part FROM ({_opened(begins)}) LEFT JOIN crossed USING (file, line)"
    )
    return (
        "SELECT min(arrival_ns) AS arrival_ns, max(input_tokens) AS input_tokens, "
        "max(cached_tokens) AS cached_tokens,"
        " max(written_tokens) AS written_tokens,"
        " max(output_tokens) AS output_tokens,"
        + ", ".join(f'arg_max_null("{name}", place) AS "{name}"' for name in _LAST)
        + ", "
        + ", ".join(f'arg_max("{name}", place) AS "{name}"' for name in _ANY)
        + ", max((arrival_ns - began) / 1e9 + latency_s) AS latency_s, sum(cost_usd) AS cost_usd,"
        " arg_max_null((arrival_ns - began) / 1e9 + ttft_s, place) AS ttft_s,"
        f" CASE WHEN count(attempts) > 0 OR count(*) > 1 THEN CAST(sum(coalesce(attempts, CASE "
        f"WHEN {hit} THEN 0 ELSE 1 END))"
        " + greatest(0, coalesce(max(sends), 0) - count(*)) AS INTEGER) END AS attempts,"
        f" bool_or(coalesce(attempts_at_least, attempts IS NULL AND NOT {hit})) AS "
        f"attempts_at_least,"
        " list({'offset_s': (arrival_ns - began) / 1e9, 'latency_s': latency_s, 'provider': "
        "provider, 'model': requested_model,"
        f" 'status': status, 'error': error}} ORDER BY place) FILTER (NOT {hit}) AS tries,"
        " min(file) AS file, min(line) AS line FROM"
        " (SELECT *, min(arrival_ns) OVER (PARTITION BY one, part) AS began,"
        f" row_number() OVER (PARTITION BY one, part ORDER BY {_ORDER}) AS place FROM ({parted}))"
        " GROUP BY one, part"
    )


def _opened(begins: bool, source: str = "rows") -> str:
    """SQL: rows with the trace that they are taken for (`one`), whether they open a request, and
    whether one that still might go on is so left."""
    took = (
        "coalesce(lag(latency_s) OVER w, 0)"
        if begins
        else "greatest(coalesce(latency_s, 0), coalesce(lag(latency_s) OVER w, 0))"
    )
    wait = f"CASE WHEN sends > 1 THEN {TOLD_S} ELSE {WAIT_S} END"
    soon = (
        "coalesce(lag(failed) OVER w, false) AND coalesce(lag(cached) OVER w, 'no') = 'no'"
        f" AND arrival_ns - lag(arrival_ns) OVER w <= 1e9 * ({took} + {wait})"
    )
    follows = f"coalesce(nth > 0, true) AND coalesce(nth > lag(nth) OVER w, true) AND {_SAME}"
    alone = "trace IS NULL OR nth = 0 AND NOT coalesce(failed, false)"
    return (
        f"SELECT *, CASE WHEN {soon} AND {follows} THEN 0 ELSE 1 END AS opens, {soon} AND NOT "
        f"({follows}) AS leaves FROM"
        f" (SELECT *, CASE WHEN {alone} THEN concat(file, ':', line) ELSE trace END AS one FROM "
        f"{source})"
        f" WINDOW w AS (PARTITION BY one ORDER BY {_ORDER})"
    )


# -- requests of one trace side by side ------------------------------------------------------------


class _Row(NamedTuple):
    one: str
    file: int
    line: int
    arrival_ns: int
    latency_s: float
    goes_on: bool
    nth: int | None
    sends: int
    question: str | None
    input_tokens: int


def _cross(run: Callable[..., Any], begins: bool) -> int:
    """The table `crossed`: the request (`own`) of each row of such traces. Returns of how many only
    the order tells it."""
    several = (
        "SELECT trace FROM rows WHERE trace IS NOT NULL GROUP BY 1 HAVING count(*) > 2 AND "
        "bool_or(coalesce(failed, false))"
    )
    left = (
        f"SELECT one FROM "
        f"({_opened(begins, f'(SELECT * FROM rows WHERE trace IN ({several}))')}) WHERE leaves"
    )
    found = run(
        "SELECT trace, file, line, arrival_ns, coalesce(latency_s, 0), coalesce(failed, false) "
        "AND coalesce(cached, 'no') = 'no', nth,"
        " coalesce(sends, 0), question, coalesce(input_tokens, 0) FROM rows"
        f" WHERE trace IN ({left}) AND (coalesce(failed, false) OR coalesce(nth, 1) <> 0) ORDER "
        f"BY trace, {_ORDER}"
    ).fetchall()
    owns, unsure = list[int](), 0
    for _, mine in groupby(map(_Row._make, found), itemgetter(0)):
        made, doubtful = _apart(list(mine), begins)
        owns += made
        unsure += doubtful
    _keep(
        run,
        {
            "file": _whole(row[1] for row in found),
            "line": _whole(row[2] for row in found),
            "own": _whole(owns),
        },
    )
    return unsure


def _keep(run: Callable[..., Any], columns: dict[str, np.ndarray]) -> None:
    """DuckDB reads the variable of that name."""
    run("CREATE OR REPLACE TEMP TABLE crossed AS SELECT * FROM columns")


def _whole(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, np.int64)


def _apart(rows: list[_Row], begins: bool) -> tuple[list[int], int]:
    """The request of each row of one trace, in order, and for how many only the order of failures
    tells it.

    Of failures that it may go on with, a row takes the one whose place in its request is next
    before its own, that had ended when it began, that asks for exactly the same, and of equal ones
    the first that ended.
    """
    waiting: deque[tuple[_Row, int]] = deque(maxlen=MOST_OPEN)
    owns, unsure, many = list[int](), 0, 0
    longest = 1e9 * (max(row.latency_s for row in rows) + TOLD_S)
    for row in rows:
        while waiting and row.arrival_ns - waiting[0][0].arrival_ns > longest:
            waiting.popleft()
        fits = sorted(
            (_fit(row, last, begins), place)
            for place, (last, _) in enumerate(waiting)
            if _may(row, last, begins)
        )
        if fits:
            unsure += len(fits) > 1 and fits[0][0][:-1] == fits[1][0][:-1]
            own = waiting[fits[0][1]][1]
            del waiting[fits[0][1]]
        else:
            own, many = many, many + 1
        owns.append(own)
        if row.goes_on:
            waiting.append((row, own))
    return owns, unsure


def _may(row: _Row, last: _Row, begins: bool) -> bool:
    """Whether it may go on with that failure: as `_opened` has it of the row before."""
    if row.nth == 0 or (row.nth is not None and last.nth is not None and row.nth <= last.nth):
        return False
    took = last.latency_s if begins else max(row.latency_s, last.latency_s)
    if row.arrival_ns - last.arrival_ns > 1e9 * (took + (TOLD_S if row.sends > 1 else WAIT_S)):
        return False
    if row.question is not None and last.question is not None:
        return row.question == last.question
    sizes = row.input_tokens, last.input_tokens
    return min(sizes) == 0 or abs(sizes[0] - sizes[1]) <= ALIKE * max(sizes)


def _fit(row: _Row, last: _Row, begins: bool) -> tuple[int, bool, int, int]:
    """Less is better."""
    before = 0 if row.nth is None or last.nth is None else row.nth - last.nth
    ended = last.arrival_ns + (round(last.latency_s * 1e9) if begins else 0)
    return (
        before,
        ended > row.arrival_ns,
        abs(row.input_tokens - last.input_tokens) if last.input_tokens else 0,
        ended,
    )
