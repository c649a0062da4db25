"""Rows of a log, when all of them are there, to the table `requests`: clocks, overlaps, ids,
sessions, deployments, attempts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from simroute.traces import cells, log_checks
from simroute.traces.attempts import join_attempts
from simroute.traces.columns import COLUMNS
from simroute.traces.detection import ReadOptions, explain_missing_time
from simroute.traces.formats import Format
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.identity import assign_deployments
from simroute.traces.raw_text import TraceError
from simroute.traces.sql import identifier
from simroute.traces.table import RequestTable

MAX_TOKENS = 10_000_000
"""More in one request is no count of tokens."""

MAX_SKEWED = 0.01
"""Share of requests that may end before they begin."""

MAX_EXAMPLES = 5

MAX_LINES = 1_000_000_000_000
"""More lines than a file has: (file, line) as one number."""

PLACE = f"file * {MAX_LINES} + line"
"""SQL over `raw`: that number."""

EPOCH = 10**17
"""Nanoseconds: a trace that ends before 1973 counts from a start of its own."""

TICK_TOLERANCE = 10_000_000
"""Nanoseconds by which a time may miss a tick of its log's clock."""

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}

BROKEN = "broken line"

REASONS = {
    "no readable time": (
        "t IS NULL AND after_s IS NULL",
        "a date such as 2024-05-10 00:00:01Z, or a finite number",
    ),
    "negative tokens": (
        "least(input_tokens, output_tokens, cached_tokens, written_tokens) < 0",
        "counts from 0",
    ),
    "more than 10,000,000 tokens": (
        f"greatest(input_tokens, output_tokens) > {MAX_TOKENS}",
        "tokens of one request",
    ),
    "no token counts": (
        "NOT coalesce(failed, false) AND (input_tokens IS NULL OR output_tokens IS NULL)",
        "whole numbers from 0",
    ),
    "negative cost": ("cost_usd < 0", "USD from 0"),
    "nothing asked": (
        "NOT coalesce(failed, false) AND input_tokens = 0",
        "at least one input token",
    ),
    "ends before it begins": ("ends < t OR latency_s < 0", "times on one clock"),
}
"""Reason why a row is no request -> (SQL that tells it, what was expected); the first that holds
counts. Failed requests may lack tokens."""

EXPECTED = {reason: expected for reason, (_, expected) in REASONS.items()} | {
    BROKEN: "as many fields as the header has, or one JSON object",
}


@dataclass
class LogImport:
    """A log while its rows are read into the table `raw`.

    columns: those that the format fills. rows: read so far, unusable ones included. raw has the
    canonical columns of the format; file, line; t, ends, firsts (ns); clock (unit, zone or none);
    odd (columns with unusable cells); skip and reason (why it is no request).
    """

    table: RequestTable
    form: Format
    options: ReadOptions
    paths: list[Path]
    columns: list[str]
    rows: int = 0

    @property
    def run(self) -> Callable[..., Any]:
        """Executes a query."""
        run: Callable[..., Any] = self.table.connection.execute
        return run

    def where(self, place: int) -> str:
        """The file and row of a PLACE, for messages."""
        file, line = divmod(place, MAX_LINES)
        return f"{self.paths[file]}: row {line}"

    def count_skipped(self, reason: str, rows: list[tuple[int, int]], count: int) -> None:
        """Count rows that are no requests, and keep the first (file, line) as examples."""
        self.table.skipped[reason] = self.table.skipped.get(reason, 0) + count
        examples = self.table.examples.setdefault(reason, [])
        examples += [
            f"{self.paths[file]}: row {line}" for file, line in rows[: MAX_EXAMPLES - len(examples)]
        ]


def normalize(log: LogImport) -> None:
    """Make the table `requests` of `raw`. Raises TraceError where the log as a whole cannot be what
    it seems."""
    table = log.table
    _count_reasons(log)
    cells.count_unusable(table, log.paths)
    if isinstance(log.form, MappedFormat):
        table.notes += log_checks.check_mapped_columns(log.run, log.form, log.paths[0], log.rows)
    log_checks.note_rows_left_out(table, log.rows, EXPECTED)
    clocks = _check_clocks(log)
    if "none" in clocks and log.options.zone != "UTC":
        _apply_zone(log)
    elif "none" in clocks and log.options.mapping is not None:
        table.notes.append("times have no zone: taken as UTC (--tz for another)")
    _note_overlaps(log)
    log.run("DELETE FROM raw WHERE reason IS NOT NULL")
    _remove_duplicates(log)
    _name_sessions(log)
    _make_requests(log)
    table.requests, last = table.rows("SELECT count(*), max(arrival_ns) FROM requests")[0]
    relative = log.form.CLOCK.startswith("relative")
    table.relative = table.requests > 0 and (relative or last < EPOCH)
    if table.requests == 0:
        reasons = (f"{count:,} skipped: {reason}" for reason, count in table.skipped.items())
        counts = f" ({'; '.join(reasons)})" if table.skipped else ""
        why = f"{counts}{explain_missing_time(log.paths[0], log.options)}"
        raise TraceError(f"{log.paths[0]}: no rows; a trace needs at least one request{why}")


def _count_reasons(log: LogImport) -> None:
    """Count rows by reason. Raises TraceError where these are no accident."""
    for reason, count in log.run("""
            SELECT reason, count(*) FROM raw WHERE reason IS NOT NULL
            GROUP BY 1 ORDER BY 2 DESC, 1""").fetchall():
        rows = log.run(
            "SELECT DISTINCT file, line FROM raw WHERE reason = ? ORDER BY file, line LIMIT ?",
            [reason, MAX_EXAMPLES],
        ).fetchall()
        log.count_skipped(reason, rows, count)
    examples, skipped = log.table.examples, log.table.skipped
    if "negative tokens" in skipped:
        raise TraceError(
            f"{examples['negative tokens'][0]}: token counts must not be negative; is it the "
            f"right column?"
        )
    skewed = skipped.get("ends before it begins", 0)
    if skewed > MAX_SKEWED * max(1, log.rows):
        where = examples["ends before it begins"][0]
        raise TraceError(
            f"{where}: {skewed:,} of {log.rows:,} rows end before they begin (at most 1 % "
            f"may); are the times swapped?"
        )


# -- clocks ----------------------------------------------------------------------------------------


def _check_clocks(log: LogImport) -> dict[str, int]:
    """Clock -> place of the first row with it. Raises TraceError where several are mixed."""
    clocks = dict(
        log.run(f"SELECT clock, min({PLACE}) FROM raw WHERE t IS NOT NULL GROUP BY 1").fetchall()
    )
    if len(clocks) > 1:
        where = log.where(sorted(clocks.values())[1])
        if set(clocks) <= {"zone", "none"}:
            if log.options.zone == "UTC":
                raise TraceError(
                    f"{where}: some times have a zone and others none; say which with --tz, "
                    f"for those without"
                )
        elif set(clocks) <= set(UNITS):
            raise TraceError(
                f"{where}: times in {' and '.join(sorted(clocks))} are mixed; one unit for "
                f"all, given with --time-unit"
            )
        else:
            raise TraceError(
                f"{where}: dates and numbers are mixed in the column of times; write them in "
                f"one way"
            )
    elif set(clocks) <= set(UNITS):
        early, late = log.run(f"""
            SELECT min(place) FILTER (t < {EPOCH}), min(place) FILTER (t >= {EPOCH})
            FROM (SELECT t, {PLACE} AS place FROM raw WHERE reason IS NULL)""").fetchall()[0]
        if early is not None and late is not None:
            raise TraceError(
                f"{log.where(max(early, late))}: in {next(iter(clocks))} some times lie before "
                f"1973, others after; write all in one unit"
            )
    return clocks


def _apply_zone(log: LogImport) -> None:
    """Take times without a zone as local times of the zone that was given."""
    begun, ended, first = (
        f"epoch_ns(timezone($tz, make_timestamp_ns({column}))::TIMESTAMP) + {column} % 1000"
        for column in ("t", "ends", "firsts")
    )
    log.table.notes += log_checks.doubtful_times(log.run, log.options.zone)
    # a call that lasts over a change of clocks is no hour longer
    later = "{0} + least({1} - t, CASE WHEN {2} >= {0} THEN {2} - {0} END)"
    log.run(
        f"""
        UPDATE raw SET t = {begun}, ends = {later.format(begun, "ends", ended)},
            firsts = {later.format(begun, "firsts", first)}
        WHERE clock = 'none'""",
        {"tz": log.options.zone},
    )


def _note_overlaps(log: LogImport) -> None:
    """Note pairs of files that overlap in time."""
    spans = log.run("""
        SELECT file, min(t), max(t) FROM raw WHERE reason IS NULL
        GROUP BY 1 ORDER BY 2, 3""").fetchall()
    pairs = [(one, other) for (one, _, stop), (other, start, _) in pairwise(spans) if start < stop]
    for one, other in pairs[:MAX_EXAMPLES]:
        log.table.notes.append(f"{log.paths[one].name} and {log.paths[other].name} overlap in time")
    if len(pairs) > MAX_EXAMPLES:
        log.table.notes.append(f"{len(pairs) - MAX_EXAMPLES:,} more pairs of files overlap in time")


# -- ids and sessions ------------------------------------------------------------------------------


def _remove_duplicates(log: LogImport) -> None:
    """Keep the first of the rows with one id; words for nothing are no ids. Attempts at one request
    may have one id, but do not begin at one time.

    Makes and drops the table `originals` (id, kept: the place of the first).
    """
    if "request_id" not in log.columns:
        return
    key = f"CASE WHEN request_id NOT IN ({cells.empty_words_sql()}) THEN request_id END"
    if "trace" in log.columns:
        key = f"""CASE WHEN trace IS NULL OR {key} IS NULL THEN {key}
            ELSE concat_ws(' ', request_id, trace, t) END"""
    log.run(f"""
        CREATE TEMP TABLE originals AS
        SELECT {key} AS id, min({PLACE}) AS kept FROM raw GROUP BY 1 HAVING count(*) > 1""")
    again = f"FROM raw JOIN originals ON {key} = id WHERE {PLACE} > kept"
    count = log.run(f"SELECT count(*) {again}").fetchone()[0]
    if count:
        rows = log.run(f"SELECT file, line {again} ORDER BY 1, 2 LIMIT {MAX_EXAMPLES}").fetchall()
        log.count_skipped("request id seen before", rows, count)
        log.run(f"DELETE FROM raw USING originals WHERE {key} = id AND {PLACE} > kept")
    log.run("DROP TABLE originals")


def _name_sessions(log: LogImport) -> None:
    """Where turns name the one before (`parent`), fill `session` with the id of the first turn,
    from the recursive table `roots` (id, root)."""
    if "parent" not in log.columns:
        return
    log.columns.append("session")
    log.run('ALTER TABLE raw ADD COLUMN "session" VARCHAR')
    log.run("""
        CREATE TEMP TABLE roots AS
        WITH RECURSIVE roots(id, root) AS (
            SELECT request_id, request_id FROM raw WHERE parent IS NULL
                OR parent NOT IN (SELECT request_id FROM raw WHERE request_id IS NOT NULL)
            UNION ALL
            SELECT request_id, root FROM raw JOIN roots ON parent = id)
        SELECT * FROM roots""")
    log.run('UPDATE raw SET "session" = root FROM roots WHERE request_id = id; DROP TABLE roots')


# -- the table -------------------------------------------------------------------------------------


def _make_requests(log: LogImport) -> None:
    """Make `requests`, in order of time: the view `told` of `raw` with all canonical columns, then
    `whole` with deployments assigned, then `joined`, where rows are attempts."""
    unordered = log.run(
        "SELECT count(*) FROM (SELECT lag(t) OVER () > t AS back FROM raw) WHERE back"
    ).fetchone()[0]
    if unordered:
        log.table.notes.append("rows were not in order of time: sorted")
    columns = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in _told_columns(log).items())
    log.run(f"CREATE VIEW told AS SELECT t AS arrival_ns, {columns}, file, line FROM raw")
    assign_deployments(log.table, log.columns)
    source = "whole"
    if "trace" in log.columns:
        log.table.notes += join_attempts(log.run, "end" in log.form.COLUMNS)
        source = "joined"
    arrival, has_ticks = _spread_ticks(log)
    others = ", ".join(identifier(name) for name in COLUMNS if name != "arrival_ns")
    sort = unordered or has_ticks or source != "whole"
    order = "ORDER BY arrival_ns, file, line" if sort else ""
    log.run(f"CREATE TABLE requests AS SELECT {arrival}, {others} FROM {source} {order}")
    log.run("DROP VIEW whole; DROP VIEW told; DROP TABLE raw; DROP TABLE IF EXISTS joined")


def _told_columns(log: LogImport) -> dict[str, str]:
    """Column of `told` -> SQL over `raw`; NULL where the format does not fill it."""
    kinds = {name: column.kind for name, column in COLUMNS.items() if name != "arrival_ns"}
    kinds |= {"trace": "VARCHAR", "sends": "BIGINT", "nth": "BIGINT"}
    columns = {
        name: identifier(name) if name in log.columns else f"NULL::{kind}"
        for name, kind in kinds.items()
    }
    first = f"coalesce((firsts - t) / 1e9, {columns['ttft_s']})"
    columns["ttft_s"] = f"CASE WHEN {first} >= 0 THEN {first} END"  # some logs write -1 for none
    columns["latency_s"] = f"coalesce((ends - t) / 1e9, {columns['latency_s']})"
    return columns


def _spread_ticks(log: LogImport) -> tuple[str, bool]:
    """SQL for the arrival, and whether the log's clock has ticks: then requests are spread evenly
    over each."""
    seconds = getattr(log.form, "TICK_S", 0)
    tick = seconds * UNITS["s"]
    if not tick:
        return "arrival_ns", False
    near = f"CAST(round(arrival_ns / {tick}) AS BIGINT) * {tick}"
    if log.run(f"""
            SELECT count(*) FROM (SELECT t AS arrival_ns FROM raw)
            WHERE abs(arrival_ns - {near}) > {TICK_TOLERANCE}""").fetchone()[0]:
        return "arrival_ns", False
    log.table.tick_s = seconds
    log.table.notes.append(f"times stand on ticks of {seconds} s: requests spread evenly over each")
    index = f"row_number() OVER (PARTITION BY {near} ORDER BY file, line) - 1"
    spread = f"CAST(floor({tick} * ({index}) / count(*) OVER (PARTITION BY {near})) AS BIGINT)"
    return f"{near} + {spread} AS arrival_ns", True
