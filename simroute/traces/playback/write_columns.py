"""A trace on disk as plain columns, for replay: read a block at a time, so that its length costs no
memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simroute.models.questions import UNIQUE
from simroute.traces.analysis.aggregates import (
    READ,
    WRITTEN,
    answering_models,
    call_counts,
    cost_equations,
    fallback_chains,
    repeat_spend,
    spend_by_work,
)
from simroute.traces.analysis.prefixes import shared_prefix_share
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import count_failures
from simroute.traces.playback.columns import NOBODY, OTHERS, TYPES, PlaybackColumns
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.sends import INVALID, sends
from simroute.traces.table import RequestTable

NAMED = ("user", "feature", "task", "team")
MOST_NAMES = 200
"""Users, features and tasks told apart, the busiest first; the others are one."""
MOST_REPEATED = 1_000_000
MOST_SEEN = 1_000_000
"""Observations that are kept: of a log with more, the busiest hours of the busiest deployments are
thinned, all to about as many calls."""
WAYS = (
    "LEFT JOIN ways ON ways.whose = r.rowid LEFT JOIN code_route AS routes ON routes.targets = "
    "ways.targets LEFT JOIN code_target AS lone"
    " ON ways.whose IS NULL AND coalesce(r.cached, 'no') = 'no' AND lone.word = "
    "coalesce(r.tries[1].provider, r.provider, '?') || '/' ||"
    " CASE WHEN len(r.tries) > 0 THEN r.tries[1].model ELSE r.requested_model END"
)
"""The route of each request of `r`: `routes.code` of those that were sent several times, else
`lone.code`."""
WINDOW = 300.0
"""Seconds for which errors are counted together."""
FORGOTTEN = 300.0
"""Seconds for which providers keep the beginning of a prompt after its last use."""


def write_columns(table: RequestTable, folder: Path) -> PlaybackColumns:
    """Write a trace's columns into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    separate_embeddings(table)
    names = {kind: _named(table, kind) for kind in NAMED}
    _sent(table)
    _repeats(table)
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    files = {name: (folder / name).open("wb") for name in TYPES}
    try:
        for columns in _columns(table, first, names):
            for name, column in columns.items():
                files[name].write(np.ascontiguousarray(column, TYPES[name]).tobytes())
    finally:
        for file in files.values():
            file.close()
    targets = [row[0] for row in table.rows("SELECT word FROM code_target ORDER BY code")]
    # before the notes, which tell what it left out
    np.savez_compressed(folder / "observed.npz", allow_pickle=False, **_observed(table, first))
    held = {
        "requests": table.requests,
        "span": (last - first) / 1e9,
        "first_ns": first,
        "relative": table.relative,
        "format": table.format,
        "names": names,
        "targets": targets,
        "routes": [row[0] for row in table.rows("SELECT targets FROM code_route ORDER BY code")],
        "repeated_questions": table.value("SELECT count(*) FROM code_question"),
        "known_columns": _said(table),
        "fallback_chains": fallback_chains(table),
        "answering_models": answering_models(table),
        "call_counts": call_counts(table),
        "cost_equations": cost_equations(table),
        "spend_by_work": spend_by_work(table),
        "repeat_spend": repeat_spend(table),
        "shared_prefixes": [shared_prefix_share(table), shared_prefix_share(table, FORGOTTEN)],
        "max_output_tokens": table.value("SELECT coalesce(max(output_tokens), 0) FROM requests"),
        "notes": [
            *reading_notes(table),
            *_nameless(table),
            *_blamed(table),
            *_unsized(table),
            *_ours(table),
            *_left_out(table),
        ],
    }
    (folder / "trace.json").write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")
    return PlaybackColumns(folder)


def _said(table: RequestTable) -> list[str]:
    from simroute.traces.columns import COLUMNS

    counts = table.rows(
        "SELECT " + ", ".join(f'count("{name}")' for name in COLUMNS) + " FROM requests"
    )[0]
    return [name for name, count in zip(COLUMNS, counts, strict=True) if count]


def _named(table: RequestTable, kind: str) -> list[str]:
    """Codes for the busiest words of a column; NULL is nobody, the rest are the others."""
    said = _said_of(kind)
    table.connection.execute(
        f"CREATE TABLE code_{kind} AS SELECT word, CAST(row_number() OVER (ORDER BY n DESC, "
        f"word) - 1 AS INTEGER) AS code FROM"
        f" (SELECT {said} AS word, count(*) AS n FROM requests WHERE {said} IS NOT NULL GROUP BY "
        f"1 ORDER BY n DESC, word LIMIT {MOST_NAMES})"
    )
    words = [row[0] for row in table.rows(f"SELECT word FROM code_{kind} ORDER BY code")]
    missing, more = table.rows(
        f"SELECT count(*) FILTER ({said} IS NULL), count(DISTINCT {said}) > {MOST_NAMES} FROM "
        f"requests"
    )[0]
    return [*words, *([OTHERS] if more else []), *([NOBODY] if missing else [])]


def _said_of(kind: str, row: str = "") -> str:
    """A column in which a word that we have for nobody or for the others names nobody."""
    return f"nullif(nullif({row}\"{kind}\", '{NOBODY}'), '{OTHERS}')"


def _sent(table: RequestTable) -> None:
    """Every attempt as a row of `sends`, and codes of targets and of the ways that requests
    took."""
    run = table.connection.execute
    run(f"CREATE VIEW sends AS {sends('(SELECT rowid AS whose, * FROM requests)')}")
    run(
        "CREATE TABLE code_target AS SELECT target AS word, CAST(row_number() OVER (ORDER BY "
        "count(*) DESC, target) - 1 AS INTEGER) AS code"
        " FROM sends WHERE target IS NOT NULL GROUP BY target"
    )
    run(
        "CREATE TABLE ways AS SELECT whose, list(code ORDER BY nth) AS targets FROM"
        " (SELECT whose, nth, code FROM sends JOIN code_target ON target = word WHERE sent > 1) "
        "GROUP BY whose"
    )
    run(
        "CREATE TABLE code_route AS SELECT [code] AS targets, code FROM code_target UNION ALL "
        "SELECT targets, CAST((SELECT count(*) FROM code_target)"
        " + row_number() OVER (ORDER BY n DESC, targets) - 1 AS INTEGER) FROM (SELECT targets, "
        "count(*) AS n FROM ways GROUP BY targets)"
    )
    run(
        "CREATE VIEW routed AS SELECT r.rowid AS whose, coalesce(routes.code, lone.code) AS "
        "route, r.failed FROM (SELECT rowid, * FROM requests) AS r"
        f" {WAYS}"
    )


def _repeats(table: RequestTable) -> None:
    """Codes of prompts that came more than once, the most frequent first."""
    table.connection.execute(
        "CREATE TABLE code_question AS SELECT word, row_number() OVER (ORDER BY n DESC, word) - "
        "1 AS code FROM (SELECT"
        " coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR)) AS word, count(*) AS n "
        "FROM requests"
        f" WHERE question IS NOT NULL OR blocks IS NOT NULL GROUP BY 1 HAVING n > 1 ORDER BY n "
        f"DESC, word LIMIT {MOST_REPEATED})"
    )


def _columns(
    table: RequestTable, first: int, names: dict[str, list[str]]
) -> Iterator[dict[str, np.ndarray]]:
    def code(kind: str) -> str:
        own = names[kind]
        others = own.index(OTHERS) if OTHERS in own else -1
        return (
            f"CASE WHEN {_said_of(kind, 'r.')} IS NULL THEN {len(own) - 1} ELSE "
            f"coalesce({kind}s.code, {others}) END"
        )

    made = {
        "arrival": f"(r.arrival_ns - {first}) / 1e9",
        "input_tokens": _sized("input_tokens", 1),
        "output_tokens": _sized("output_tokens", 0),
        "cached_tokens": READ,
        "written_tokens": WRITTEN,
        "streamed": "CASE WHEN r.streamed THEN 1 WHEN NOT r.streamed THEN 0 WHEN r.ttft_s IS NOT "
        "NULL THEN 1 ELSE -1 END",
        "user": code("user"),
        "feature": code("feature"),
        "task": code("task"),
        "team": code("team"),
        "session": "CASE WHEN r.session IS NULL THEN r.rowid ELSE CAST(hash(r.session) >> 2 AS "
        "BIGINT) END",
        "question": f"coalesce(questions.code, {UNIQUE} + r.rowid)",
        "invalid": f"coalesce({INVALID}, 0)",
        "failed": "CASE WHEN r.failed THEN 1 WHEN NOT r.failed THEN 0 ELSE -1 END",
        "latency_s": "coalesce(r.latency_s, CAST('nan' AS DOUBLE))",
        "cost_usd": "coalesce(r.cost_usd, CAST('nan' AS DOUBLE))",
        "route": "CASE WHEN coalesce(r.cached, 'no') <> 'no' THEN -2 ELSE coalesce(routes.code, "
        "lone.code, -1) END",
    }
    joins = " ".join(
        f"LEFT JOIN code_{kind} AS {kind}s ON {_said_of(kind, 'r.')} = {kind}s.word"
        for kind in NAMED
    )
    joins += (
        " LEFT JOIN code_question AS questions ON coalesce(r.question, CAST(hash(r.blocks, "
        "r.input_tokens) AS VARCHAR)) = questions.word"
        f" AND (r.question IS NOT NULL OR r.blocks IS NOT NULL) {WAYS}"
    )
    columns = ", ".join(f"{text} AS {name}_" for name, text in made.items())
    query = (
        f"SELECT {columns} FROM (SELECT rowid, * FROM requests WHERE rowid >= ? AND rowid < "
        f"?) AS r {joins} ORDER BY r.rowid"
    )
    for start in range(0, table.requests, 1 << 18):
        found = table.connection.execute(query, [start, start + (1 << 18)]).fetchnumpy()
        yield {name: np.ma.getdata(found[f"{name}_"]) for name in TYPES}


def _unsized(table: RequestTable) -> list[str]:
    count = table.value(
        "SELECT count(*) FROM requests WHERE failed AND coalesce(output_tokens, 0) = 0"
    )
    return (
        [
            f"{count:,} failed requests have no token counts: each is taken to be as long as the "
            f"one before"
        ]
        if count
        else []
    )


def _nameless(table: RequestTable) -> list[str]:
    """Calls of a log that names models, which themselves name none."""
    none = (
        "model IS NULL AND requested_model IS NULL AND coalesce(len(tries), 0) = 0 AND "
        "coalesce(cached, 'no') = 'no'"
    )
    count, lost = table.rows(
        f"SELECT count(*), count(*) FILTER (failed) FROM requests WHERE {none}"
    )[0]
    if not count or not table.value("SELECT count(model) FROM requests"):
        return []
    return [
        f"{count:,} requests name no model ({lost:,} of them failed): no deployment's, so that a "
        f"replay cannot tell how they would end"
    ]


def _blamed(table: RequestTable) -> list[str]:
    """Failures that are no weather, those that nobody waited for, and those of which the log does
    not say."""
    found, made = count_failures(table), list[str]()
    if found.by_request:
        codes = ", ".join(f"{count:,} of {code}" for code, count in found.by_request.items())
        many = sum(found.by_request.values())
        made.append(
            f"{many:,} requests failed by their own fault or their account's ({codes}): they "
            f"fail wherever they are sent"
        )
    if found.abandoned:
        told = f"{found.abandoned:,} requests were given up by who asked (499)"
        made.append(
            f"{told}: no log says what would have come, so they fail wherever they are sent"
        )
    return made + (
        [
            f"{found.without_status:,} failed requests have no status: they are taken as the "
            f"deployment's failures"
        ]
        if found.without_status
        else []
    )


def _ours(table: RequestTable) -> list[str]:
    count = table.value("SELECT count(*) FROM requests WHERE coalesce(cached, 'no') <> 'no'")
    return (
        [
            f"{count:,} requests were answered by the gateway's own cache: a policy without a "
            f"cache sends them, and pays for them"
        ]
        if count
        else []
    )


def _sized(column: str, least: int) -> str:
    """Tokens of a request; of one that failed, and so has none in the log, those of the last before
    it that did not."""
    own = f"CASE WHEN r.failed AND coalesce(r.output_tokens, 0) = 0 THEN NULL ELSE r.{column} END"
    return (
        f"greatest(coalesce({own}, last_value({own} IGNORE NULLS) OVER (ORDER BY r.rowid ROWS "
        f"UNBOUNDED PRECEDING), {least}), {least})"
    )


def _thinned(counts: list[int], most_seen: int) -> int:
    """How many calls of one deployment, hour and fate are kept at most, so that `most_seen` are
    kept in all."""
    left, most, rest = sorted(counts), max(counts, default=1), most_seen
    # the smallest are kept whole, and what they leave is shared
    for place, count in enumerate(left):
        if count * (len(left) - place) > rest:
            return max(1, rest // (len(left) - place))
        rest -= count
    return most


def _left_out(table: RequestTable) -> list[str]:
    """What thinning costs."""
    hours, most, kept, spread = table.rows(
        "SELECT count(*), max(n), max(n // each), max(coalesce(spread, 0) * sqrt((each - 1) / "
        "n)) FROM often WHERE each > 1 AND NOT failed"
    )[0]
    if not hours:
        return []
    told = (
        f"in {hours:,} hours of a deployment the log has up to {most:,} calls, of which about "
        f"{kept:,} are kept for resampling"
    )
    return [
        f"{told}: their mean times are off by {100 * spread:.2g} % at most (one standard error)"
    ]


def _observed(table: RequestTable, first: int) -> dict[str, np.ndarray]:
    """t (s), target, hour, tokens, latency_s, ttft_s (NaN where unknown), failed; `w_…`: window,
    target, status, calls of failures, and all calls."""
    hour = f"CAST(floor((t - {first}) / 3.6e12) AS INTEGER)"
    run = table.connection.execute
    run(
        f"CREATE TABLE often AS SELECT code, {hour} AS hour, failed, count(*) AS n,"
        " stddev_pop(least(latency_s, 1e6)) / nullif(avg(least(latency_s, 1e6)), 0) AS spread"
        " FROM sends JOIN code_target ON target = word WHERE latency_s IS NOT NULL GROUP BY ALL"
    )
    most = _thinned([row[0] for row in table.rows("SELECT n FROM often")], MOST_SEEN)
    run(
        f"ALTER TABLE often ADD COLUMN each BIGINT DEFAULT 1; UPDATE often SET each = "
        f"CAST(ceil(n / {most}) AS BIGINT)"
    )
    kept = (
        f"SELECT code AS target, often.hour, (t - {first}) / 1e9 AS t, coalesce(input_tokens, 0) "
        f"AS input_tokens, coalesce(output_tokens, 0) AS"
        f" output_tokens, CAST(latency_s AS DOUBLE) AS latency_s, coalesce(CAST(ttft_s AS "
        f"DOUBLE), CAST('nan' AS DOUBLE)) AS ttft_s, sends.failed"
        f" FROM sends JOIN code_target ON target = word JOIN often USING (code) WHERE latency_s "
        f"IS NOT NULL AND often.hour = {hour}"
        " AND often.failed = sends.failed AND hash(whose, nth) % often.each = 0 ORDER BY 1, 2, "
        "3, whose, nth"
    )
    rows = run(kept).fetchnumpy()
    window = f"CAST(floor((t - {first}) / {WINDOW * 1e9}) AS INTEGER)"
    counted = (
        "FROM sends JOIN code_target ON target = word WHERE NOT own GROUP BY ALL ORDER BY 1, 2"
    )
    calls = table.connection.execute(
        f"SELECT code AS target, {window} AS w, count(*) AS calls {counted}"
    ).fetchnumpy()
    failures = table.connection.execute(
        f"SELECT code AS target, {window} AS w, CASE WHEN status >= 400 THEN status ELSE 500 END "
        f"AS status, count(*) AS calls"
        " FROM sends JOIN code_target ON target = word WHERE failed AND NOT own GROUP BY ALL "
        "ORDER BY 1, 2, 3"
    ).fetchnumpy()
    found = {name: np.ma.getdata(column) for name, column in rows.items()}
    found |= {f"calls_{name}": np.ma.getdata(column) for name, column in calls.items()}
    return found | {f"failures_{name}": np.ma.getdata(column) for name, column in failures.items()}
