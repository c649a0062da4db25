"""A trace described: its flat summary, and the same and more as lines of words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from simroute.traces.analysis.prefixes import MAX_REQUESTS, shared_prefix_share
from simroute.traces.analysis.spend import explain_difference, recompute_spend
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import FailureCounts, count_failures
from simroute.traces.table import RequestTable
from simroute.units import duration, percent, seconds, usd

Line = tuple[str, str]
"""What it is, and the figure in words."""

WINDOWS = (1, 10, 60)
"""Seconds in which arrivals are counted for the index of dispersion."""
MAX_NAMES = 6
"""Models, providers … that are named, the most frequent first."""
CACHE_HIT = "coalesce(cached, 'no') <> 'no'"
SENDS = f"coalesce(attempts, CASE WHEN {CACHE_HIT} THEN 0 ELSE 1 END)"
MAY_BE_MORE = f"coalesce(attempts_at_least, attempts IS NULL AND NOT {CACHE_HIT})"
"""SQL over `requests`: sends of a request, and whether there may have been more."""


def summarize(table: RequestTable) -> dict[str, Any]:
    """The flat figures of `trace inspect --json`; None where the log does not say. Embeddings are
    counted apart."""
    separate_embeddings(table)
    tokens = table.value("SELECT sum(input_tokens) FROM embeddings") if table.embeddings else None
    figures = table.record(f"""
        SELECT min(arrival_ns) AS first, max(arrival_ns) AS last,
            sum(input_tokens) AS input_tokens, sum(cached_tokens) AS cached_tokens,
            sum(written_tokens) AS written_tokens, sum(output_tokens) AS output_tokens,
            sum(cost_usd) AS cost_usd,
            CASE WHEN count(attempts) > 0 THEN sum({SENDS}) END AS attempts,
            CASE WHEN count(attempts) > 0 THEN bool_or({MAY_BE_MORE}) END AS at_least,
            CASE WHEN count(failed) > 0 THEN count(*) FILTER (failed) END AS failed,
            CASE WHEN count(streamed) > 0 THEN count(*) FILTER (streamed) END AS streamed,
            nullif(count(DISTINCT "user"), 0) AS users,
            nullif(count(DISTINCT "session"), 0) AS sessions,
            nullif(count(DISTINCT model), 0) AS models,
            avg(latency_s) AS latency_mean_s, avg(ttft_s) AS ttft_mean_s
        FROM requests""")
    counts = ", ".join(f"count({name}) AS {name}" for name in COUNTED)
    first, last, at_least = (figures.pop(name) for name in ("first", "last", "at_least"))
    failures = count_failures(table) if figures["failed"] is not None else None
    return {
        "format": table.format,
        "requests": table.requests,
        "skipped": table.skipped,
        "unusable": table.unusable,
        "first_arrival_utc": utc_text(table, first),
        "last_arrival_utc": utc_text(table, last),
        "span_s": (last - first) / 1e9,
        **{
            name: value if name in FRACTIONAL or value is None else int(value)
            for name, value in figures.items()
        },
        "attempts_at_least": at_least,
        "known": table.record(f"SELECT {counts} FROM requests"),
        "failed_by_request": failures and sum(failures.by_request.values()),
        "failed_given_up": failures and failures.abandoned,
        "failed_by_deployment": failures and failures.by_deployment,
        "failed_without_status": failures and failures.without_status,
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
"""Columns with a count of the rows that fill them."""
FRACTIONAL = ("cost_usd", "latency_mean_s", "ttft_mean_s")


def utc_text(table: RequestTable, ns: int) -> str | None:
    """An arrival as a date in UTC, to the microsecond; None on a relative clock."""
    if table.relative:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )


def dispersion(table: RequestTable, window: int) -> float | None:
    """Variance over mean of arrivals in windows of that many seconds, over the trace's whole
    windows; 1 for a Poisson process.

    None with fewer than ten windows, and for windows shorter than ten ticks of a coarse clock,
    within which nothing is known.
    """
    size = window * 1_000_000_000
    first = "(SELECT min(arrival_ns) FROM requests)"
    whole = f"(SELECT (max(arrival_ns) - min(arrival_ns)) // {size} FROM requests)"
    windows, number, squares = table.rows(f"""
        SELECT {whole}, sum(n), sum(n * n)
        FROM (
            SELECT (arrival_ns - {first}) // {size} AS w, count(*)::DOUBLE AS n
            FROM requests GROUP BY 1)
        WHERE w < {whole}""")[0]
    if windows < 10 or window < 10 * table.tick_s:
        return None
    mean = number / windows
    return float((squares / windows - mean * mean) / mean)


def profile_lines(table: RequestTable) -> Iterator[Line]:
    """All that can be said of a trace, in the order in which one asks."""
    summary = summarize(table)
    if table.lost:
        yield "left out", table.lost
    yield from _span_lines(table, summary)
    yield from _token_lines(table, summary)
    yield from _name_lines(table)
    yield from _outcome_lines(table, summary)
    yield from _time_lines(table)
    yield from _repeat_lines(table)
    yield from _spend_lines(table, summary)
    yield from _skipped_lines(table)


def _span_lines(table: RequestTable, summary: dict[str, Any]) -> Iterator[Line]:
    yield "requests", f"{table.requests:,}"
    span = summary["span_s"]
    clock = (
        "on a clock of its own"
        if table.relative
        else f"{_short_date(summary['first_arrival_utc'])} to "
        f"{_short_date(summary['last_arrival_utc'])} UTC"
    )
    yield "span", f"{duration(span)}, {clock}"
    if span == 0:
        return
    yield "rate", f"{(table.requests - 1) / span:.4g} requests/s"
    dispersions = [(window, dispersion(table, window)) for window in WINDOWS]
    texts = ", ".join(
        f"{value:.3g} over {window} s" for window, value in dispersions if value is not None
    )
    if texts:
        yield "burstiness", f"variance / mean of arrivals {texts} (1: Poisson)"
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


def _token_lines(table: RequestTable, summary: dict[str, Any]) -> Iterator[Line]:
    for name in ("input_tokens", "output_tokens"):
        if summary[name] is not None:
            quantiles = _quantiles(table, name, lambda value: f"{value:,.0f}")
            yield name.replace("_", " "), f"{summary[name]:,} in all; {quantiles}"
    if summary["embeddings"]:
        yield (
            "embeddings",
            f"{summary['embeddings']:,}, with {summary['embedding_tokens'] or 0:,} input tokens, "
            f"beside these",
        )
    for name, words, count in (
        ("cached_tokens", "cached tokens", summary["cached_tokens"]),
        ("written_tokens", "written to a cache", summary["written_tokens"] or None),
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


def _quantiles(table: RequestTable, column: str, format_value: Any) -> str:
    values = table.value(
        f"SELECT quantile_cont({column}, [0.5, 0.9, 0.99]) FROM requests WHERE {column} IS NOT NULL"
    )
    return ", ".join(
        f"p{name} {format_value(value)}" for name, value in zip((50, 90, 99), values, strict=True)
    )


def _name_lines(table: RequestTable) -> Iterator[Line]:
    for column in ("model", "provider", "user", "team", "feature", "task"):
        total, known = table.rows(
            f'SELECT count(DISTINCT "{column}"), count("{column}") FROM requests'
        )[0]
        if total:
            frequent = table.rows(
                f'SELECT "{column}", count(*) FROM requests WHERE "{column}" IS NOT NULL GROUP '
                f"BY 1 ORDER BY 2 DESC, 1 LIMIT {MAX_NAMES}"
            )
            texts = ", ".join(f"{name[:60]} {percent(count / known)}" for name, count in frequent)
            yield (
                f"{column}s",
                f"{total:,}: {texts}{', …' if total > MAX_NAMES else ''}"
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
    """In brackets, how many rows do not say."""
    return f" ({count:,} do not say)" if count else ""


def _outcome_lines(table: RequestTable, summary: dict[str, Any]) -> Iterator[Line]:
    failed, sends = summary["failed"], summary["attempts"]
    if failed is not None:
        known = table.value("SELECT count(failed) FROM requests")
        yield (
            "failed",
            f"{failed:,} ({percent(failed / known)}){_unknown(table.requests - known)}",
        )
    errors = [
        (" ".join(str(part) for part in (status, error) if part is not None), count)
        for status, error, count in table.rows("""
            SELECT status, error, count(*) FROM requests WHERE failed OR status >= 400
            GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 8""")
    ]
    if any(name for name, _ in errors):
        yield "errors", ", ".join(f"{name or 'not told'} {count:,}" for name, count in errors)
    if failed:
        yield "whose fault", ", ".join(_failure_causes(count_failures(table)))
    if sends:  # a gateway's cache alone makes none, and says nothing of the others
        least = "at least " if summary["attempts_at_least"] else ""
        yield "attempts", f"{least}{sends:,}, {least}{sends / table.requests:.3f} a request"
    hits = table.rows(
        "SELECT cached, count(*) FROM requests WHERE cached <> 'no' GROUP BY 1 ORDER BY 2 DESC"
    )
    if hits:
        known = table.value("SELECT count(cached) FROM requests")
        kinds = ", ".join(f"{kind} {count:,} ({percent(count / known)})" for kind, count in hits)
        yield "gateway's cache", f"{kinds}{_unknown(table.requests - known)}"
    streamed, known = table.rows(
        "SELECT count(*) FILTER (streamed), count(streamed) FROM requests"
    )[0]
    if known:
        yield (
            "streamed",
            f"{streamed:,} ({percent(streamed / known)}){_unknown(table.requests - known)}",
        )


def _failure_causes(failures: FailureCounts) -> Iterator[str]:
    if failures.by_request:
        codes = ", ".join(f"{status}: {count:,}" for status, count in failures.by_request.items())
        count = sum(failures.by_request.values())
        yield f"{count:,} of the request itself or its account ({codes})"
    if failures.abandoned:
        yield f"{failures.abandoned:,} given up by who asked (499)"
    if failures.by_deployment:
        yield f"{failures.by_deployment:,} of the deployments" + (
            f" ({failures.without_status:,} without a status are taken as such)"
            if failures.without_status
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
    share = shared_prefix_share(table)
    if share is not None:
        scope = (
            f" (of the first {MAX_REQUESTS:,} requests)" if table.requests > MAX_REQUESTS else ""
        )
        yield (
            "shared prefixes",
            f"{percent(share)} of input tokens{scope}, with a cache that forgets nothing",
        )


def _spend_lines(table: RequestTable, summary: dict[str, Any]) -> Iterator[Line]:
    if summary["cost_usd"] is not None:
        yield "spend as logged", usd(summary["cost_usd"])
    spend = recompute_spend(table)
    if spend is None:
        return
    yield "spend by catalogue", f"{usd(spend.usd)}, at prices of {spend.date}"
    for text in explain_difference(spend, summary["cost_usd"]):
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
        places = ", ".join(table.examples.get(reason, ()))
        yield (
            "skipped",
            f"{count:,}: {reason} "
            f"({places}{', …' if count > len(table.examples.get(reason, ())) else ''})",
        )
    for note in table.notes:
        yield "note", note
