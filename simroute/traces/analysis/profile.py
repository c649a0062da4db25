"""What a trace holds: its flat summary, and the same and more as rows of words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from simroute.text import duration, percent, seconds, usd
from simroute.traces.analysis.prefixes import MAX_REQUESTS, shared_prefix_share
from simroute.traces.analysis.spend import explain_difference, recompute_spend
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import FailureCounts, count_failures
from simroute.traces.table import RequestTable

Line = tuple[str, str]
"""What it is, and the figure in words."""

WINDOWS = (1, 10, 60)
"""Seconds over which arrivals are counted for the index of dispersion."""
MAX_NAMES = 6
"""Models, providers … named, the most frequent first."""
CACHE_HIT = "coalesce(cached, 'no') <> 'no'"
SENDS = f"coalesce(attempts, CASE WHEN {CACHE_HIT} THEN 0 ELSE 1 END)"
MAY_BE_MORE = f"coalesce(attempts_at_least, attempts IS NULL AND NOT {CACHE_HIT})"
"""Sends of a request, and whether there may have been more."""


def summarize(table: RequestTable) -> dict[str, Any]:
    """The flat figures of `trace inspect --json`; None where the log does not say. Embeddings are
    counted apart."""
    separate_embeddings(table)
    tokens = table.value("SELECT sum(input_tokens) FROM embeddings") if table.embeddings else None
    found = table.record(
        "SELECT min(arrival_ns) AS first, max(arrival_ns) AS last, sum(input_tokens) AS "
        "input_tokens, sum(cached_tokens) AS cached_tokens,"
        " sum(written_tokens) AS written_tokens,"
        " sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd,"
        f" CASE WHEN count(attempts) > 0 THEN sum({SENDS}) END AS attempts, CASE WHEN "
        f"count(attempts) > 0 THEN bool_or({MAY_BE_MORE}) END AS at_least,"
        " CASE WHEN count(failed) > 0 THEN count(*) FILTER (failed) END AS failed,"
        " CASE WHEN count(streamed) > 0 THEN count(*) FILTER (streamed) END AS streamed,"
        ' nullif(count(DISTINCT "user"), 0) AS users, nullif(count(DISTINCT "session"), 0) AS '
        "sessions,"
        " nullif(count(DISTINCT model), 0) AS models, avg(latency_s) AS latency_mean_s, "
        "avg(ttft_s) AS ttft_mean_s FROM requests"
    )
    known = table.record(
        f"SELECT {', '.join(f'count({name}) AS {name}' for name in COUNTED)} FROM requests"
    )
    first, last, at_least = found.pop("first"), found.pop("last"), found.pop("at_least")
    faults = count_failures(table) if found["failed"] is not None else None
    whole = {
        name: None if value is None else int(value)
        for name, value in found.items()
        if name not in FRACTIONAL
    }
    return {
        "format": table.format,
        "requests": table.requests,
        "skipped": table.skipped,
        "unusable": table.unusable,
        "first_arrival_utc": utc_text(table, first),
        "last_arrival_utc": utc_text(table, last),
        "span_s": (last - first) / 1e9,
        **found,
        **whole,
        "attempts_at_least": at_least,
        "known": known,
        "failed_by_request": faults and sum(faults.by_request.values()),
        "failed_given_up": faults and faults.abandoned,
        "failed_by_deployment": faults and faults.by_deployment,
        "failed_without_status": faults and faults.without_status,
        "embeddings": table.embeddings or None,
        "embedding_tokens": None if tokens is None else int(tokens),
    }


COUNTED = (
    "streamed",
    "failed",
    "cached",
    "cached_tokens",
    "written_tokens",
    "cost_usd",
    '"user"',
    '"session"',
    "model",
    "latency_s",
    "ttft_s",
    "attempts",
)
"""Columns of which it is said how many rows tell them."""
FRACTIONAL = ("cost_usd", "latency_mean_s", "ttft_mean_s")


def utc_text(table: RequestTable, ns: int) -> str | None:
    """An arrival as a date in UTC, to the microsecond; None on a clock that counts from the trace's
    own start."""
    if table.relative:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )


def dispersion(table: RequestTable, window: int) -> float | None:
    """Variance over mean of arrivals in so many seconds, over the whole windows of the trace; 1 is
    a Poisson process.

    None under ten windows, and for windows shorter than ten ticks of a coarse clock, within which
    nothing is known.
    """
    size = window * 1_000_000_000
    query = (
        f"SELECT (SELECT (max(arrival_ns) - min(arrival_ns)) // {size} FROM requests) AS "
        f"windows, sum(n) AS n, sum(n * n) AS squares FROM"
        f" (SELECT (arrival_ns - (SELECT min(arrival_ns) FROM requests)) // {size} AS w, "
        f"count(*)::DOUBLE AS n FROM requests GROUP BY 1)"
        f" WHERE w < (SELECT (max(arrival_ns) - min(arrival_ns)) // {size} FROM requests)"
    )
    windows, number, squares = table.rows(query)[0]
    if windows < 10 or window < 10 * table.tick_s:
        return None
    mean = number / windows
    return float((squares / windows - mean * mean) / mean)


def profile_lines(table: RequestTable) -> Iterator[Line]:
    """Everything there is to say, in the order in which one asks."""
    said = summarize(table)
    if table.lost:
        yield "left out", table.lost
    yield from _span_lines(table, said)
    yield from _token_lines(table, said)
    yield from _name_lines(table)
    yield from _outcome_lines(table, said)
    yield from _time_lines(table)
    yield from _repeat_lines(table)
    yield from _spend_lines(table, said)
    yield from _skipped_lines(table)


def _span_lines(table: RequestTable, said: dict[str, Any]) -> Iterator[Line]:
    yield "requests", f"{table.requests:,}"
    span = said["span_s"]
    clock = (
        "on a clock of its own"
        if table.relative
        else f"{_short_date(said['first_arrival_utc'])} to "
        f"{_short_date(said['last_arrival_utc'])} UTC"
    )
    yield "span", f"{duration(span)}, {clock}"
    if span == 0:
        return
    yield "rate", f"{(table.requests - 1) / span:.4g} requests/s"
    found = [(window, dispersion(table, window)) for window in WINDOWS]
    shown = ", ".join(
        f"{value:.3g} over {window} s" for window, value in found if value is not None
    )
    if shown:
        yield "burstiness", f"variance / mean of arrivals {shown} (1: Poisson)"
    silences = table.rows(
        "SELECT gap, began FROM (SELECT arrival_ns - lag(arrival_ns) OVER (ORDER BY arrival_ns) "
        "AS gap, lag(arrival_ns) OVER (ORDER BY arrival_ns)"
        " AS began FROM requests) ORDER BY gap DESC NULLS LAST LIMIT 3"
    )
    first = table.value("SELECT min(arrival_ns) FROM requests")
    yield (
        "longest gaps",
        ", ".join(
            f"{seconds(gap / 1e9)} from {_moment(table, began, first)}"
            for gap, began in silences
            if gap is not None
        ),
    )


def _short_date(text: str) -> str:
    return text[:19].replace("T", " ")


def _moment(table: RequestTable, ns: int, first: int) -> str:
    date = utc_text(table, ns)
    return _short_date(date) if date else f"second {(ns - first) / 1e9:,.0f}"


def _token_lines(table: RequestTable, said: dict[str, Any]) -> Iterator[Line]:
    for name in ("input_tokens", "output_tokens"):
        if said[name] is not None:
            yield (
                name.replace("_", " "),
                f"{said[name]:,} in all; {_quantiles(table, name, lambda value: f'{value:,.0f}')}",
            )
    if said["embeddings"]:
        yield (
            "embeddings",
            f"{said['embeddings']:,}, with {said['embedding_tokens'] or 0:,} input tokens, "
            f"beside these",
        )
    for name, words, count in (
        ("cached_tokens", "cached tokens", said["cached_tokens"]),
        ("written_tokens", "written to a cache", said["written_tokens"] or None),
    ):
        if count is not None:
            known, sent = table.rows(
                f"SELECT count({name}), sum(input_tokens) FILTER ({name} IS NOT NULL) FROM requests"
            )[0]
            yield (
                words,
                f"{count:,} ({percent(count / max(1, int(sent or 0)))} of "
                f"input){_unknown(table.requests - known)}",
            )


def _quantiles(table: RequestTable, column: str, told: Any) -> str:
    found = table.value(
        f"SELECT quantile_cont({column}, [0.5, 0.9, 0.99]) FROM requests WHERE {column} IS NOT NULL"
    )
    return ", ".join(
        f"p{name} {told(value)}" for name, value in zip((50, 90, 99), found, strict=True)
    )


def _name_lines(table: RequestTable) -> Iterator[Line]:
    for column in ("model", "provider", "user", "team", "feature", "task"):
        total, known = table.rows(
            f'SELECT count(DISTINCT "{column}"), count("{column}") FROM requests'
        )[0]
        if total:
            most = table.rows(
                f'SELECT "{column}", count(*) FROM requests WHERE "{column}" IS NOT NULL GROUP '
                f"BY 1 ORDER BY 2 DESC, 1 LIMIT {MAX_NAMES}"
            )
            shown = ", ".join(f"{name[:60]} {percent(count / known)}" for name, count in most)
            yield (
                f"{column}s",
                f"{total:,}: {shown}{', …' if total > MAX_NAMES else ''}"
                f"{_unknown(table.requests - known)}",
            )
    turns = table.rows(
        "SELECT count(*), avg(n), max(n) FROM (SELECT count(*) AS n FROM requests WHERE session "
        "IS NOT NULL GROUP BY session)"
    )[0]
    if turns[0]:
        yield (
            "sessions",
            f"{turns[0]:,}, of {turns[1]:.2f} requests on average, {turns[2]:,} at most",
        )


def _unknown(count: int) -> str:
    """How many rows do not say."""
    return f" ({count:,} do not say)" if count else ""


def _outcome_lines(table: RequestTable, said: dict[str, Any]) -> Iterator[Line]:
    if said["failed"] is not None:
        known = table.value("SELECT count(failed) FROM requests")
        yield (
            "failed",
            f"{said['failed']:,} "
            f"({percent(said['failed'] / known)}){_unknown(table.requests - known)}",
        )
    found = table.rows(
        "SELECT status, error, count(*) FROM requests WHERE failed OR status >= 400 GROUP BY 1, "
        "2 ORDER BY 3 DESC, 1, 2 LIMIT 8"
    )
    told = [
        (" ".join(str(part) for part in (status, error) if part is not None), count)
        for status, error, count in found
    ]
    if any(name for name, _ in told):
        yield "errors", ", ".join(f"{name or 'not told'} {count:,}" for name, count in told)
    if said["failed"]:
        yield "whose fault", ", ".join(_failure_causes(count_failures(table)))
    if said["attempts"]:  # a gateway's cache alone makes none, and says nothing of the others
        least = "at least " if said["attempts_at_least"] else ""
        yield (
            "attempts",
            f"{least}{said['attempts']:,}, {least}{said['attempts'] / table.requests:.3f} a "
            f"request",
        )
    cached = table.rows(
        "SELECT cached, count(*) FROM requests WHERE cached <> 'no' GROUP BY 1 ORDER BY 2 DESC"
    )
    if cached:
        known = table.value("SELECT count(cached) FROM requests")
        yield (
            "gateway's cache",
            ", ".join(f"{kind} {count:,} ({percent(count / known)})" for kind, count in cached)
            + _unknown(table.requests - known),
        )
    streamed, known = table.rows(
        "SELECT count(*) FILTER (streamed), count(streamed) FROM requests"
    )[0]
    if known:
        yield (
            "streamed",
            f"{streamed:,} ({percent(streamed / known)}){_unknown(table.requests - known)}",
        )


def _failure_causes(found: FailureCounts) -> Iterator[str]:
    if found.by_request:
        codes = ", ".join(f"{status}: {count:,}" for status, count in found.by_request.items())
        yield f"{sum(found.by_request.values()):,} of the request itself or its account ({codes})"
    if found.abandoned:
        yield f"{found.abandoned:,} given up by who asked (499)"
    if found.by_deployment:
        yield f"{found.by_deployment:,} of the deployments" + (
            f" ({found.without_status:,} without a status are taken as such)"
            if found.without_status
            else ""
        )


def _time_lines(table: RequestTable) -> Iterator[Line]:
    for column, name in (("latency_s", "latency"), ("ttft_s", "first token")):
        known = table.value(f"SELECT count({column}) FROM requests")
        if known:
            yield name, f"{_quantiles(table, column, seconds)}{_unknown(table.requests - known)}"


def _repeat_lines(table: RequestTable) -> Iterator[Line]:
    known, distinct = table.rows(
        "SELECT count(*), count(DISTINCT coalesce(question, hash(blocks, "
        "input_tokens)::VARCHAR)) FROM requests"
        " WHERE question IS NOT NULL OR len(blocks) > 0"
    )[0]
    if known:
        yield (
            "exact repeats",
            f"{percent((known - distinct) / known)} of requests ask what was asked before",
        )
    found = shared_prefix_share(table)
    if found is not None:
        looked = (
            f" (of the first {MAX_REQUESTS:,} requests)" if table.requests > MAX_REQUESTS else ""
        )
        yield (
            "shared prefixes",
            f"{percent(found)} of input tokens{looked}, with a cache that forgets nothing",
        )


def _spend_lines(table: RequestTable, said: dict[str, Any]) -> Iterator[Line]:
    if said["cost_usd"] is not None:
        yield "spend as logged", usd(said["cost_usd"])
    found = recompute_spend(table)
    if found is None:
        return
    yield "spend by catalogue", f"{usd(found.usd)}, at prices of {found.date}"
    for text in explain_difference(found, said["cost_usd"]):
        yield "", text


def _skipped_lines(table: RequestTable) -> Iterator[Line]:
    named, same = table.rows(
        "SELECT count(request_id), count(*) - count(DISTINCT (arrival_ns, input_tokens, "
        'output_tokens, model, "user", session)) FROM requests'
    )[0]
    if not named and same:
        yield (
            "alike",
            f"{same:,} rows are like another one in time, tokens and names; without ids they may "
            f"be duplicates",
        )
    for reason, count in table.skipped.items():
        shown = ", ".join(table.examples.get(reason, ()))
        yield (
            "skipped",
            f"{count:,}: {reason} "
            f"({shown}{', …' if count > len(table.examples.get(reason, ())) else ''})",
        )
    for note in table.notes:
        yield "note", note
