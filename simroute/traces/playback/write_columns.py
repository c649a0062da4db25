"""A trace written to disk as plain columns for playback, so that its length costs no memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simroute.models.questions import UNIQUE
from simroute.traces.analysis.aggregates import (
    CACHE_READ,
    CACHE_WRITTEN,
    answering_models,
    call_counts,
    cost_equations,
    fallback_chains,
    repeat_spend,
    spend_by_work,
)
from simroute.traces.analysis.prefixes import shared_prefix_share
from simroute.traces.columns import COLUMNS
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import count_failures
from simroute.traces.playback.columns import NOBODY, OTHERS, PROMPT_PARTS, TYPES, PlaybackColumns
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.playback.prompt_parts import prompt_parts
from simroute.traces.sends import INVALID, sends_query
from simroute.traces.table import RequestTable

NAME_COLUMNS = ("user", "feature", "task", "team")
MAX_NAMES = 200
"""Names of a column that are told apart, the most frequent first; the others are one."""
MAX_REPEATED = 1_000_000
MAX_OBSERVED = 1_000_000
"""Observed calls that are kept. Of a log with more, the busiest hours of the busiest deployments
are thinned, all to about as many calls."""
ROUTE_JOINS = """
    LEFT JOIN ways ON ways.whose = r.rowid
    LEFT JOIN code_route AS routes ON routes.targets = ways.targets
    LEFT JOIN code_target AS lone ON ways.whose IS NULL AND coalesce(r.cached, 'no') = 'no'
        AND lone.word = coalesce(r.tries[1].provider, r.provider, '?') || '/' ||
            CASE WHEN len(r.tries) > 0 THEN r.tries[1].model ELSE r.requested_model END"""
"""SQL: the route of each request of `r`, `routes.code` of those that were sent several times, else
`lone.code`."""
WINDOW_S = 300.0
"""Seconds in which errors are counted together."""
PREFIX_LIFETIME_S = 300.0
"""Seconds for which providers remember the beginning of a prompt after its last use."""
BLOCK = 1 << 18
"""Rows that are written at a time."""

_PROMPT = "coalesce({0}question, CAST(hash({0}blocks, {0}input_tokens) AS VARCHAR))"
"""SQL: what is equal for equal prompts."""


def write_columns(table: RequestTable, folder: Path) -> PlaybackColumns:
    """Write a trace's columns into an empty folder: a file for each, `observed.npz`,
    `trace.json`, and `prompts.npz` where it has blocks of prompts."""
    folder.mkdir(parents=True, exist_ok=True)
    separate_embeddings(table)
    names = {kind: _code_names(table, kind) for kind in NAME_COLUMNS}
    _code_routes(table)
    _code_questions(table)
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    files = {name: (folder / name).open("wb") for name in TYPES}
    try:
        for columns in _column_blocks(table, first, names):
            for name, column in columns.items():
                files[name].write(np.ascontiguousarray(column, TYPES[name]).tobytes())
    finally:
        for file in files.values():
            file.close()
    # before the notes, which say what it left out
    np.savez_compressed(folder / "observed.npz", allow_pickle=False, **_observations(table, first))
    parts = prompt_parts(table)
    if parts is not None:
        np.savez(folder / PROMPT_PARTS, allow_pickle=False, **parts)
    contents = {
        "requests": table.requests,
        "span": (last - first) / 1e9,
        "first_ns": first,
        "relative": table.relative,
        "format": table.format,
        "names": names,
        "targets": [row[0] for row in table.rows("SELECT word FROM code_target ORDER BY code")],
        "routes": [row[0] for row in table.rows("SELECT targets FROM code_route ORDER BY code")],
        "repeated_questions": table.value("SELECT count(*) FROM code_question"),
        "known_columns": _known_columns(table),
        "fallback_chains": fallback_chains(table),
        "answering_models": answering_models(table),
        "call_counts": call_counts(table),
        "cost_equations": cost_equations(table),
        "spend_by_work": spend_by_work(table),
        "repeat_spend": repeat_spend(table),
        "shared_prefixes": [
            shared_prefix_share(table),
            shared_prefix_share(table, PREFIX_LIFETIME_S),
        ],
        "max_output_tokens": table.value("SELECT coalesce(max(output_tokens), 0) FROM requests"),
        "notes": _notes(table),
    }
    (folder / "trace.json").write_text(json.dumps(contents, ensure_ascii=False), encoding="utf-8")
    return PlaybackColumns(folder)


def _known_columns(table: RequestTable) -> list[str]:
    counts = table.rows(
        "SELECT " + ", ".join(f'count("{name}")' for name in COLUMNS) + " FROM requests"
    )[0]
    return [name for name, count in zip(COLUMNS, counts, strict=True) if count]


# -- codes -----------------------------------------------------------------------------------------


def _code_names(table: RequestTable, kind: str) -> list[str]:
    """Make the table `code_{kind}` (word, code) of the most frequent names. Returns the names by
    code: those, then OTHERS where there are more, then NOBODY where the column is NULL."""
    name = _name_sql(kind)
    table.connection.execute(f"""
        CREATE TABLE code_{kind} AS
        SELECT word, CAST(row_number() OVER (ORDER BY n DESC, word) - 1 AS INTEGER) AS code
        FROM (
            SELECT {name} AS word, count(*) AS n FROM requests WHERE {name} IS NOT NULL
            GROUP BY 1 ORDER BY n DESC, word LIMIT {MAX_NAMES})""")
    words = [row[0] for row in table.rows(f"SELECT word FROM code_{kind} ORDER BY code")]
    nobody, others = table.rows(f"""
        SELECT count(*) FILTER ({name} IS NULL), count(DISTINCT {name}) > {MAX_NAMES}
        FROM requests""")[0]
    return [*words, *([OTHERS] if others else []), *([NOBODY] if nobody else [])]


def _name_sql(kind: str, row: str = "") -> str:
    """SQL: a column of names, NULL for the words that stand for nobody or the others here."""
    return f"nullif(nullif({row}\"{kind}\", '{NOBODY}'), '{OTHERS}')"


def _code_routes(table: RequestTable) -> None:
    """Make the table `sends`, which is read for several purposes, and tables of codes.

    code_target: word ("provider/model"), code. ways: whose (a request that was sent several times),
    targets (codes). code_route: targets, code. View routed: whose, route, failed.
    """
    run = table.connection.execute
    requests = "(SELECT rowid AS whose, * FROM requests)"
    run(f"CREATE TABLE sends AS {sends_query(run, requests)}")
    run("""
        CREATE TABLE code_target AS
        SELECT target AS word,
            CAST(row_number() OVER (ORDER BY count(*) DESC, target) - 1 AS INTEGER) AS code
        FROM sends WHERE target IS NOT NULL GROUP BY target""")
    run("""
        CREATE TABLE ways AS
        SELECT whose, list(code ORDER BY nth) AS targets
        FROM (SELECT whose, nth, code FROM sends JOIN code_target ON target = word WHERE sent > 1)
        GROUP BY whose""")
    run("""
        CREATE TABLE code_route AS
        SELECT [code] AS targets, code FROM code_target
        UNION ALL
        SELECT targets, CAST((SELECT count(*) FROM code_target)
            + row_number() OVER (ORDER BY n DESC, targets) - 1 AS INTEGER)
        FROM (SELECT targets, count(*) AS n FROM ways GROUP BY targets)""")
    run(f"""
        CREATE VIEW routed AS
        SELECT r.rowid AS whose, coalesce(routes.code, lone.code) AS route, r.failed
        FROM (SELECT rowid, * FROM requests) AS r {ROUTE_JOINS}""")


def _code_questions(table: RequestTable) -> None:
    """Make the table `code_question` (word, code) of the prompts that came more than once, the most
    frequent first."""
    table.connection.execute(f"""
        CREATE TABLE code_question AS
        SELECT word, row_number() OVER (ORDER BY n DESC, word) - 1 AS code
        FROM (
            SELECT {_PROMPT.format("")} AS word, count(*) AS n FROM requests
            WHERE question IS NOT NULL OR blocks IS NOT NULL
            GROUP BY 1 HAVING n > 1 ORDER BY n DESC, word LIMIT {MAX_REPEATED})""")


# -- columns ---------------------------------------------------------------------------------------


def _column_blocks(
    table: RequestTable, first: int, names: dict[str, list[str]]
) -> Iterator[dict[str, np.ndarray]]:
    """The columns of `TYPES`, some rows at a time. first: arrival of the first request, ns."""
    columns = ", ".join(f"{sql} AS {name}_" for name, sql in _column_sql(first, names).items())
    joins = " ".join(
        f"LEFT JOIN code_{kind} AS {kind}s ON {_name_sql(kind, 'r.')} = {kind}s.word"
        for kind in NAME_COLUMNS
    )
    query = f"""
        SELECT {columns}
        FROM (SELECT rowid, * FROM requests WHERE rowid >= ? AND rowid < ?) AS r
        {joins}
        LEFT JOIN code_question AS questions ON {_PROMPT.format("r.")} = questions.word
            AND (r.question IS NOT NULL OR r.blocks IS NOT NULL)
        {ROUTE_JOINS}
        ORDER BY r.rowid"""
    for start in range(0, table.requests, BLOCK):
        rows = table.connection.execute(query, [start, start + BLOCK]).fetchnumpy()
        yield {name: np.ma.getdata(rows[f"{name}_"]) for name in TYPES}


def _column_sql(first: int, names: dict[str, list[str]]) -> dict[str, str]:
    """Column -> SQL over a request `r` and the tables of codes that are joined to it."""
    return {
        "arrival": f"(r.arrival_ns - {first}) / 1e9",
        "input_tokens": _tokens_sql("input_tokens", 1),
        "output_tokens": _tokens_sql("output_tokens", 0),
        "cached_tokens": CACHE_READ,
        "written_tokens": CACHE_WRITTEN,
        "streamed": "CASE WHEN r.streamed THEN 1 WHEN NOT r.streamed THEN 0 "
        "WHEN r.ttft_s IS NOT NULL THEN 1 ELSE -1 END",
        **{kind: _code_sql(kind, names[kind]) for kind in NAME_COLUMNS},
        "session": "CASE WHEN r.session IS NULL THEN r.rowid "
        "ELSE CAST(hash(r.session) >> 2 AS BIGINT) END",
        "question": f"coalesce(questions.code, {UNIQUE} + r.rowid)",
        "invalid": f"coalesce({INVALID}, 0)",
        "failed": "CASE WHEN r.failed THEN 1 WHEN NOT r.failed THEN 0 ELSE -1 END",
        "latency_s": "coalesce(r.latency_s, CAST('nan' AS DOUBLE))",
        "cost_usd": "coalesce(r.cost_usd, CAST('nan' AS DOUBLE))",
        "route": "CASE WHEN coalesce(r.cached, 'no') <> 'no' THEN -2 "
        "ELSE coalesce(routes.code, lone.code, -1) END",
    }


def _code_sql(kind: str, names: list[str]) -> str:
    others = names.index(OTHERS) if OTHERS in names else -1
    return (
        f"CASE WHEN {_name_sql(kind, 'r.')} IS NULL THEN {len(names) - 1} "
        f"ELSE coalesce({kind}s.code, {others}) END"
    )


def _tokens_sql(column: str, minimum: int) -> str:
    """SQL: tokens of a request. One that failed has none in the log and gets those of the last
    request before it that did not."""
    own = f"CASE WHEN r.failed AND coalesce(r.output_tokens, 0) = 0 THEN NULL ELSE r.{column} END"
    return f"""greatest(coalesce({own}, last_value({own} IGNORE NULLS) OVER (
        ORDER BY r.rowid ROWS UNBOUNDED PRECEDING), {minimum}), {minimum})"""


# -- observed calls --------------------------------------------------------------------------------


def _observations(table: RequestTable, first: int) -> dict[str, np.ndarray]:
    """Arrays of the calls that the log describes, thinned to about MAX_OBSERVED.

    t (s from the first request), target (code), hour, input_tokens, output_tokens, latency_s,
    ttft_s (NaN where unknown), failed; then counts by window and target: `calls_…` of all calls,
    `failures_…` of failures by status. Makes the table `often` (code, hour, failed, n, spread,
    each): one call of `each` is kept.
    """
    run = table.connection.execute
    hour = f"CAST(floor((t - {first}) / 3.6e12) AS INTEGER)"
    run(f"""
        CREATE TABLE often AS
        SELECT code, {hour} AS hour, failed, count(*) AS n,
            stddev_pop(least(latency_s, 1e6)) / nullif(avg(least(latency_s, 1e6)), 0) AS spread
        FROM sends JOIN code_target ON target = word WHERE latency_s IS NOT NULL GROUP BY ALL""")
    limit = _group_limit([row[0] for row in table.rows("SELECT n FROM often")], MAX_OBSERVED)
    run(f"""
        ALTER TABLE often ADD COLUMN each BIGINT DEFAULT 1;
        UPDATE often SET each = CAST(ceil(n / {limit}) AS BIGINT)""")
    calls = f"""
        SELECT code AS target, often.hour, (t - {first}) / 1e9 AS t,
            coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens,
            CAST(latency_s AS DOUBLE) AS latency_s,
            coalesce(CAST(ttft_s AS DOUBLE), CAST('nan' AS DOUBLE)) AS ttft_s, sends.failed
        FROM sends JOIN code_target ON target = word JOIN often USING (code)
        WHERE latency_s IS NOT NULL AND often.hour = {hour} AND often.failed = sends.failed
            AND hash(whose, nth) % often.each = 0
        ORDER BY 1, 2, 3, whose, nth"""
    window = f"CAST(floor((t - {first}) / {WINDOW_S * 1e9}) AS INTEGER)"
    counts = f"""
        SELECT code AS target, {window} AS w, count(*) AS calls
        FROM sends JOIN code_target ON target = word WHERE NOT own GROUP BY ALL ORDER BY 1, 2"""
    failures = f"""
        SELECT code AS target, {window} AS w,
            CASE WHEN status >= 400 THEN status ELSE 500 END AS status, count(*) AS calls
        FROM sends JOIN code_target ON target = word
        WHERE failed AND NOT own GROUP BY ALL ORDER BY 1, 2, 3"""
    return {
        f"{prefix}{name}": np.ma.getdata(column)
        for prefix, query in (("", calls), ("calls_", counts), ("failures_", failures))
        for name, column in run(query).fetchnumpy().items()
    }


def _group_limit(counts: list[int], total: int) -> int:
    """The largest number of calls to keep of a group (deployment, hour, failed or not), so that
    about `total` are kept in all. counts: calls of each group."""
    ordered, limit, left = sorted(counts), max(counts, default=1), total
    # small groups are kept whole, and what they leave is shared
    for index, count in enumerate(ordered):
        if count * (len(ordered) - index) > left:
            return max(1, left // (len(ordered) - index))
        left -= count
    return limit


# -- notes -----------------------------------------------------------------------------------------


def _notes(table: RequestTable) -> list[str]:
    """What was skipped, assumed or left out, in sentences."""
    hits = table.value("SELECT count(*) FROM requests WHERE coalesce(cached, 'no') <> 'no'")
    unsized = table.value(
        "SELECT count(*) FROM requests WHERE failed AND coalesce(output_tokens, 0) = 0"
    )
    notes = [*reading_notes(table), *_note_nameless(table), *_note_failures(table)]
    if unsized:
        notes.append(
            f"{unsized:,} failed requests have no token counts: each is taken to be as long as the "
            f"one before"
        )
    if hits:
        notes.append(
            f"{hits:,} requests were answered by the gateway's own cache: a policy without a "
            f"cache sends them, and pays for them"
        )
    return [*notes, *_note_thinning(table)]


def _note_nameless(table: RequestTable) -> list[str]:
    """Requests without a model, in a log that names models."""
    count, failed = table.rows("""
        SELECT count(*), count(*) FILTER (failed) FROM requests
        WHERE model IS NULL AND requested_model IS NULL AND coalesce(len(tries), 0) = 0
            AND coalesce(cached, 'no') = 'no'""")[0]
    if not count or not table.value("SELECT count(model) FROM requests"):
        return []
    return [
        f"{count:,} requests name no model ({failed:,} of them failed): no deployment's, so that a "
        f"replay cannot tell how they would end"
    ]


def _note_failures(table: RequestTable) -> list[str]:
    """Failures that are no weather, abandoned requests, and failures without a status."""
    failures, notes = count_failures(table), list[str]()
    if failures.by_request:
        codes = ", ".join(f"{count:,} of {code}" for code, count in failures.by_request.items())
        notes.append(
            f"{sum(failures.by_request.values()):,} requests failed by their own fault or their "
            f"account's ({codes}): they fail wherever they are sent"
        )
    if failures.abandoned:
        notes.append(
            f"{failures.abandoned:,} requests were given up by who asked (499): no log says what "
            f"would have come, so they fail wherever they are sent"
        )
    if failures.without_status:
        notes.append(
            f"{failures.without_status:,} failed requests have no status: they are taken as the "
            f"deployment's failures"
        )
    return notes


def _note_thinning(table: RequestTable) -> list[str]:
    """What thinning of observed calls costs."""
    hours, largest, kept, spread = table.rows("""
        SELECT count(*), max(n), max(n // each), max(coalesce(spread, 0) * sqrt((each - 1) / n))
        FROM often WHERE each > 1 AND NOT failed""")[0]
    if not hours:
        return []
    return [
        f"in {hours:,} hours of a deployment the log has up to {largest:,} calls, of which about "
        f"{kept:,} are kept for resampling: their mean times are off by {100 * spread:.2g} % at "
        f"most (one standard error)"
    ]
