"""Rows that are attempts at one request, as one row with all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

WAIT_S = 10.0
"""Seconds after the end of a failed attempt within which the next one follows: routers try again at
once, people ask again later."""

COUNTED_WAIT_S = 60.0
"""The same for a row that says that others came before: routers wait no longer than this for a
Retry-After."""

TOKEN_TOLERANCE = 0.05
"""Share by which two counts of one prompt's tokens may differ: providers, and what gateways
estimate for a failed call, count differently."""

MAX_OPEN = 100
"""Failures of one trace that may be continued at a time, the latest."""

BATCH = 100_000
"""Rows that are joined at a time; the state of their requests is held in memory."""

_LAST_COLUMNS = (
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
"""Taken from the last attempt."""
_ANY_COLUMNS = ("request_id", "user", "team", "session", "feature", "task", "question", "blocks")
"""Taken from the last attempt that has a value."""
_ORDER = "arrival_ns, coalesce(failed, false) DESC, nth, file, line"
_SAME_REQUEST = f"""coalesce(
    question = lag(question) OVER w,
    abs(input_tokens - lag(input_tokens) OVER w)
        <= {TOKEN_TOLERANCE} * greatest(input_tokens, lag(input_tokens) OVER w)
        OR least(input_tokens, lag(input_tokens) OVER w) = 0,
    true)"""
_IS_HIT = "coalesce(cached, 'no') <> 'no'"


def join_attempts(run: Callable[..., Any], begins: bool) -> list[str]:
    """Make the table `joined` of the view `whole`: rows with equal `trace` that are attempts at one
    request become one row, with the outcome of the last and the cost of all. Returns notes.

    run: executes a query. begins: whether the log's time is that of a call's beginning; else it may
    be that of its end.

    A client may give one trace to a whole conversation. So a row continues the request of the row
    before only if that one failed, it follows soon after its end, and nothing says that it asks
    something else (`question`, else the tokens sent, where both are known). `nth` is the attempt's
    position where the log has it: 0 begins a request, and positions rise within one. A first
    attempt that was answered is a request of its own and stands between no others. Where other rows
    came between, since requests failed side by side or ask different things, each row continues the
    failure that fits it best (`_assign_requests`). `sends` is what a row says that its request had,
    earlier rows included: those without a row are added to `attempts`. What the gateway's cache
    answered was sent nowhere and is none of `tries`.
    """
    batches, unsure = run("SELECT count(*) FROM whole").fetchone()[0] // BATCH + 1, 0
    for batch in range(batches):
        run(f"""
            CREATE OR REPLACE TEMP TABLE rows AS
            SELECT * FROM whole WHERE coalesce(hash(trace), line) % {batches} = {batch}""")
        unsure += _separate_crossed(run, begins)
        target = "INSERT INTO joined" if batch else "CREATE TEMP TABLE joined AS"
        run(f"{target} {_joined_query(begins)}")
    run("DROP TABLE rows; DROP TABLE crossed")
    note = (
        f"attempts that may be of any of several requests of their trace that failed side by "
        f"side, taken in their order: {unsure:,}"
    )
    return [note] if unsure else []


def _joined_query(begins: bool) -> str:
    """SQL over `rows` and `crossed`: one row a request.

    Inner steps: rows with the number of their request within the trace (`part`), then with its
    beginning (`began`, ns) and their place in it.
    """
    last = ", ".join(f'arg_max_null("{name}", place) AS "{name}"' for name in _LAST_COLUMNS)
    known = ", ".join(f'arg_max("{name}", place) AS "{name}"' for name in _ANY_COLUMNS)
    return f"""
        SELECT min(arrival_ns) AS arrival_ns, max(input_tokens) AS input_tokens,
            max(cached_tokens) AS cached_tokens, max(written_tokens) AS written_tokens,
            max(output_tokens) AS output_tokens, {last}, {known},
            max((arrival_ns - began) / 1e9 + latency_s) AS latency_s, sum(cost_usd) AS cost_usd,
            arg_max_null((arrival_ns - began) / 1e9 + ttft_s, place) AS ttft_s,
            CASE WHEN count(attempts) > 0 OR count(*) > 1 THEN CAST(
                sum(coalesce(attempts, CASE WHEN {_IS_HIT} THEN 0 ELSE 1 END))
                + greatest(0, coalesce(max(sends), 0) - count(*)) AS INTEGER) END AS attempts,
            bool_or(coalesce(attempts_at_least, attempts IS NULL AND NOT {_IS_HIT}))
                AS attempts_at_least,
            list({{'offset_s': (arrival_ns - began) / 1e9, 'latency_s': latency_s,
                'provider': provider, 'model': requested_model, 'status': status, 'error': error}}
                ORDER BY place) FILTER (NOT {_IS_HIT}) AS tries,
            min(file) AS file, min(line) AS line
        FROM (
            SELECT *, min(arrival_ns) OVER (PARTITION BY one, part) AS began,
                row_number() OVER (PARTITION BY one, part ORDER BY {_ORDER}) AS place
            FROM (
                SELECT *, coalesce(own, sum(opens) OVER (
                    PARTITION BY one ORDER BY {_ORDER} ROWS UNBOUNDED PRECEDING)) AS part
                FROM ({_opened_query(begins)}) LEFT JOIN crossed USING (file, line)))
        GROUP BY one, part"""


def _opened_query(begins: bool, source: str = "rows") -> str:
    """SQL: the rows of `source` with three more columns.

    one: the trace that the row is taken for. opens: 1 where it begins a request, else 0. leaves:
    whether it follows soon after a failure but does not continue it.
    """
    took = (
        "coalesce(lag(latency_s) OVER w, 0)"
        if begins
        else "greatest(coalesce(latency_s, 0), coalesce(lag(latency_s) OVER w, 0))"
    )
    wait = f"CASE WHEN sends > 1 THEN {COUNTED_WAIT_S} ELSE {WAIT_S} END"
    soon = f"""coalesce(lag(failed) OVER w, false) AND coalesce(lag(cached) OVER w, 'no') = 'no'
        AND arrival_ns - lag(arrival_ns) OVER w <= 1e9 * ({took} + {wait})"""
    follows = f"""coalesce(nth > 0, true) AND coalesce(nth > lag(nth) OVER w, true)
        AND {_SAME_REQUEST}"""
    alone = "trace IS NULL OR nth = 0 AND NOT coalesce(failed, false)"
    return f"""
        SELECT *, CASE WHEN {soon} AND {follows} THEN 0 ELSE 1 END AS opens,
            {soon} AND NOT ({follows}) AS leaves
        FROM (
            SELECT *, CASE WHEN {alone} THEN concat(file, ':', line) ELSE trace END AS one
            FROM {source})
        WINDOW w AS (PARTITION BY one ORDER BY {_ORDER})"""


# -- requests of one trace side by side ------------------------------------------------------------


class _Attempt(NamedTuple):
    """A row of such a trace. goes_on: it failed at a provider, so that another may continue it."""

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


def _separate_crossed(run: Callable[..., Any], begins: bool) -> int:
    """Make the table `crossed` (file, line, own): the request of each row whose trace has several
    side by side. Returns the number of rows for which only their order decides."""
    several = """
        SELECT * FROM rows WHERE trace IN (
            SELECT trace FROM rows WHERE trace IS NOT NULL
            GROUP BY 1 HAVING count(*) > 2 AND bool_or(coalesce(failed, false)))"""
    rows = run(f"""
        SELECT trace, file, line, arrival_ns, coalesce(latency_s, 0),
            coalesce(failed, false) AND coalesce(cached, 'no') = 'no', nth, coalesce(sends, 0),
            question, coalesce(input_tokens, 0)
        FROM rows
        WHERE trace IN (SELECT one FROM ({_opened_query(begins, f"({several})")}) WHERE leaves)
            AND (coalesce(failed, false) OR coalesce(nth, 1) <> 0)
        ORDER BY trace, {_ORDER}""").fetchall()
    requests, unsure = list[int](), 0
    for _, attempts in groupby(map(_Attempt._make, rows), itemgetter(0)):
        numbers, doubtful = _assign_requests(list(attempts), begins)
        requests += numbers
        unsure += doubtful
    _write_crossed(
        run,
        {
            "file": _int_array(row[1] for row in rows),
            "line": _int_array(row[2] for row in rows),
            "own": _int_array(requests),
        },
    )
    return unsure


def _write_crossed(run: Callable[..., Any], columns: dict[str, np.ndarray]) -> None:
    """DuckDB reads the local variable of that name."""
    run("CREATE OR REPLACE TEMP TABLE crossed AS SELECT * FROM columns")


def _int_array(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, np.int64)


def _assign_requests(rows: list[_Attempt], begins: bool) -> tuple[list[int], int]:
    """The number of the request of each row of one trace, in order, and for how many rows only the
    order of failures decides it.

    Of the failures that it may continue, a row takes the one whose position is next before its own,
    then one that had ended when it began, then one with the most similar tokens, then the one that
    ended first.
    """
    waiting: deque[tuple[_Attempt, int]] = deque(maxlen=MAX_OPEN)
    requests, unsure, count = list[int](), 0, 0
    longest = 1e9 * (max(row.latency_s for row in rows) + COUNTED_WAIT_S)
    for row in rows:
        while waiting and row.arrival_ns - waiting[0][0].arrival_ns > longest:
            waiting.popleft()
        fits = sorted(
            (_mismatch(row, failure, begins), index)
            for index, (failure, _) in enumerate(waiting)
            if _may_continue(row, failure, begins)
        )
        if fits:
            unsure += len(fits) > 1 and fits[0][0][:-1] == fits[1][0][:-1]
            request = waiting[fits[0][1]][1]
            del waiting[fits[0][1]]
        else:
            request, count = count, count + 1
        requests.append(request)
        if row.goes_on:
            waiting.append((row, request))
    return requests, unsure


def _may_continue(row: _Attempt, failure: _Attempt, begins: bool) -> bool:
    """Whether the row may be the next attempt after that failure, by the rules of
    `_opened_query`."""
    if row.nth == 0 or (row.nth is not None and failure.nth is not None and row.nth <= failure.nth):
        return False
    took = failure.latency_s if begins else max(row.latency_s, failure.latency_s)
    wait = COUNTED_WAIT_S if row.sends > 1 else WAIT_S
    if row.arrival_ns - failure.arrival_ns > 1e9 * (took + wait):
        return False
    if row.question is not None and failure.question is not None:
        return row.question == failure.question
    sizes = row.input_tokens, failure.input_tokens
    return min(sizes) == 0 or abs(sizes[0] - sizes[1]) <= TOKEN_TOLERANCE * max(sizes)


def _mismatch(row: _Attempt, failure: _Attempt, begins: bool) -> tuple[int, bool, int, int]:
    """How badly the row fits as the next attempt after that failure; less is better."""
    skipped = 0 if row.nth is None or failure.nth is None else row.nth - failure.nth
    ended = failure.arrival_ns + (round(failure.latency_s * 1e9) if begins else 0)
    return (
        skipped,
        ended > row.arrival_ns,
        abs(row.input_tokens - failure.input_tokens) if failure.input_tokens else 0,
        ended,
    )
