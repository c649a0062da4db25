"""A log when all of its rows are there: clocks, overlaps, ids, sessions; then the table."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

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
"""At most this share of requests may end before they begin."""


MAX_EXAMPLES = 5


MAX_LINES = 1_000_000_000_000
"""More lines than a file has: (file, line) as one number."""


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
"""Why a row is no request, the first that holds, and what was expected; `failed` ones may lack
tokens."""


EXPECTED = {reason: expected for reason, (_, expected) in REASONS.items()} | {
    BROKEN: "as many fields as the header has, or one JSON object",
}


def count_skipped(
    table: RequestTable, paths: list[Path], reason: str, rows: list[tuple[int, int]], count: int
) -> None:
    """Count rows that are no requests, and keep the first (file, line)."""
    table.skipped[reason] = table.skipped.get(reason, 0) + count
    shown = table.examples.setdefault(reason, [])
    shown += [f"{paths[file]}: row {line}" for file, line in rows[: MAX_EXAMPLES - len(shown)]]


class Normalizer:
    """The rows of `raw`, in whatever order they came, to the table `requests`.

    given: the columns that the format tells; seen: rows read, with those that cannot be used.
    """

    def __init__(
        self,
        table: RequestTable,
        form: Format,
        wish: ReadOptions,
        paths: list[Path],
        given: list[str],
        seen: int,
    ) -> None:
        self._table, self._form, self._wish, self._paths = table, form, wish, paths
        self._given, self._seen = given, seen
        self._run = table.connection.execute

    def run(self) -> None:
        """Raises TraceError where the log as a whole cannot be what it seems."""
        self._count()
        cells.count_unusable(self._table, self._run, self._paths)
        if isinstance(self._form, MappedFormat):
            self._table.notes += log_checks.check_mapped_columns(
                self._run, self._form, self._paths[0], self._seen
            )
        log_checks.note_rows_left_out(self._table, self._seen, EXPECTED)
        self._clocks()
        self._overlaps()
        self._run("DELETE FROM raw WHERE reason IS NOT NULL")
        self._unique()
        self._sessions()
        self._finished()
        table = self._table
        table.requests, last = table.rows("SELECT count(*), max(arrival_ns) FROM requests")[0]
        table.relative = table.requests > 0 and (
            self._form.CLOCK.startswith("relative") or last < EPOCH
        )
        if table.requests == 0:
            why = "; ".join(
                f"{count:,} skipped: {reason}" for reason, count in table.skipped.items()
            )
            why = f"{f' ({why})' if why else ''}{explain_missing_time(self._paths[0], self._wish)}"
            raise TraceError(f"{self._paths[0]}: no rows; a trace needs at least one request{why}")

    def _count(self) -> None:
        for reason, number in self._run(
            "SELECT reason, count(*) FROM raw WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 2 "
            "DESC, 1"
        ).fetchall():
            rows = self._run(
                "SELECT DISTINCT file, line FROM raw WHERE reason = ? ORDER BY file, line LIMIT ?",
                [reason, MAX_EXAMPLES],
            ).fetchall()
            count_skipped(self._table, self._paths, reason, rows, number)
        examples, skipped = self._table.examples, self._table.skipped
        if "negative tokens" in skipped:
            raise TraceError(
                f"{examples['negative tokens'][0]}: token counts must not be negative; is it the "
                f"right column?"
            )
        skewed = skipped.get("ends before it begins", 0)
        if skewed > MAX_SKEWED * max(1, self._seen):
            where = examples["ends before it begins"][0]
            raise TraceError(
                f"{where}: {skewed:,} of {self._seen:,} rows end before they begin (at most 1 % "
                f"may); are the times swapped?"
            )

    def _clocks(self) -> None:
        """One column, one clock."""
        found = dict(
            self._run(
                f"SELECT clock, min(file * {MAX_LINES} + line) FROM raw"
                " WHERE t IS NOT NULL GROUP BY 1"
            ).fetchall()
        )
        if len(found) > 1:
            file, line = divmod(sorted(found.values())[1], MAX_LINES)
            where = f"{self._paths[file]}: row {line}"
            if set(found) <= {"zone", "none"}:
                if self._wish.zone == "UTC":
                    raise TraceError(
                        f"{where}: some times have a zone and others none; say which with --tz, "
                        f"for those without"
                    )
            elif set(found) <= set(UNITS):
                raise TraceError(
                    f"{where}: times in {' and '.join(sorted(found))} are mixed; one unit for "
                    f"all, given with --time-unit"
                )
            else:
                raise TraceError(
                    f"{where}: dates and numbers are mixed in the column of times; write them in "
                    f"one way"
                )
        elif set(found) <= set(UNITS):
            early, late = self._run(
                f"SELECT min(place) FILTER (t < {EPOCH}), min(place) FILTER (t >= {EPOCH})"
                f" FROM (SELECT t, file * {MAX_LINES} + line AS place FROM raw"
                " WHERE reason IS NULL)"
            ).fetchall()[0]
            if early is not None and late is not None:
                file, line = divmod(max(early, late), MAX_LINES)
                where = f"{self._paths[file]}: row {line}"
                raise TraceError(
                    f"{where}: in {next(iter(found))} some times lie before 1973, others after; "
                    f"write all in one unit"
                )
        if "none" in found and self._wish.zone != "UTC":
            begun, ended, first = (
                f"epoch_ns(timezone($tz, make_timestamp_ns({c}))::TIMESTAMP) + {c} % 1000"
                for c in ("t", "ends", "firsts")
            )
            self._table.notes += log_checks.doubtful_times(self._run, self._wish.zone)
            # a call that lasts over a change of clocks is no hour longer
            later = "{0} + least({1} - t, CASE WHEN {2} >= {0} THEN {2} - {0} END)"
            self._run(
                f"UPDATE raw SET t = {begun}, ends = {later.format(begun, 'ends', ended)}, "
                f"firsts = {later.format(begun, 'firsts', first)}"
                " WHERE clock = 'none'",
                {"tz": self._wish.zone},
            )
        elif "none" in found and self._wish.mapping is not None:
            self._table.notes.append("times have no zone: taken as UTC (--tz for another)")

    def _overlaps(self) -> None:
        spans = self._run(
            "SELECT file, min(t), max(t) FROM raw WHERE reason IS NULL GROUP BY 1 ORDER BY 2, 3"
        ).fetchall()
        found = [
            (one, other) for (one, _, stop), (other, start, _) in pairwise(spans) if start < stop
        ]
        for one, other in found[:MAX_EXAMPLES]:
            self._table.notes.append(
                f"{self._paths[one].name} and {self._paths[other].name} overlap in time"
            )
        if len(found) > MAX_EXAMPLES:
            self._table.notes.append(
                f"{len(found) - MAX_EXAMPLES:,} more pairs of files overlap in time"
            )

    def _unique(self) -> None:
        """Of rows with one id the first is kept; attempts at one request may have one id, but not
        begin at one time."""
        if "request_id" not in self._given:
            return
        # those name nothing
        place, key = (
            f"file * {MAX_LINES} + line",
            f"CASE WHEN request_id NOT IN ({cells.empty_words_sql()}) THEN request_id END",
        )
        if "trace" in self._given:
            key = (
                f"CASE WHEN trace IS NULL OR {key} IS NULL THEN {key} ELSE concat_ws(' ', "
                f"request_id, trace, t) END"
            )
        self._run(
            f"CREATE TEMP TABLE firsts AS SELECT {key} AS id, min({place}) AS kept FROM raw "
            f"GROUP BY 1 HAVING count(*) > 1"
        )
        again = f"FROM raw JOIN firsts ON {key} = id WHERE {place} > kept"
        count = self._run(f"SELECT count(*) {again}").fetchone()[0]
        if count:
            count_skipped(
                self._table,
                self._paths,
                "request id seen before",
                self._run(
                    f"SELECT file, line {again} ORDER BY 1, 2 LIMIT {MAX_EXAMPLES}"
                ).fetchall(),
                count,
            )
            self._run(f"DELETE FROM raw USING firsts WHERE {key} = id AND {place} > kept")
        self._run("DROP TABLE firsts")

    def _sessions(self) -> None:
        """Where turns name the one before, a session is called by its first."""
        if "parent" not in self._given:
            return
        self._given.append("session")
        self._run('ALTER TABLE raw ADD COLUMN "session" VARCHAR')
        self._run(
            "CREATE TEMP TABLE roots AS WITH RECURSIVE roots(id, root) AS (SELECT request_id, "
            "request_id FROM raw WHERE parent IS NULL"
            " OR parent NOT IN (SELECT request_id FROM raw WHERE request_id IS NOT NULL)"
            " UNION ALL SELECT request_id, root FROM raw JOIN roots ON parent = id) SELECT * "
            "FROM roots"
        )
        self._run(
            'UPDATE raw SET "session" = root FROM roots WHERE request_id = id; DROP TABLE roots'
        )

    def _spread(self) -> tuple[str, int]:
        """SQL for the arrival, and the tick of the log's clock in nanoseconds: requests of one tick
        are spread evenly over it."""
        tick = getattr(self._form, "TICK_S", 0) * UNITS["s"]
        if not tick:
            return "arrival_ns", 0
        near = f"CAST(round(arrival_ns / {tick}) AS BIGINT) * {tick}"
        if self._run(
            f"SELECT count(*) FROM (SELECT t AS arrival_ns FROM raw) WHERE abs(arrival_ns - "
            f"{near}) > {TICK_TOLERANCE}"
        ).fetchone()[0]:
            return "arrival_ns", 0
        self._table.tick_s = tick // UNITS["s"]
        self._table.notes.append(
            f"times stand on ticks of {tick // UNITS['s']} s: requests spread evenly over each"
        )
        place = f"row_number() OVER (PARTITION BY {near} ORDER BY file, line) - 1"
        return (
            f"{near} + CAST(floor({tick} * ({place}) / count(*) OVER (PARTITION BY {near})) AS "
            f"BIGINT) AS arrival_ns",
            tick,
        )

    def _finished(self) -> None:
        unordered = self._run(
            "SELECT count(*) FROM (SELECT lag(t) OVER () > t AS back FROM raw) WHERE back"
        ).fetchone()[0]
        if unordered:
            self._table.notes.append("rows were not in order of time: sorted")
        kinds = {name: column.kind for name, column in COLUMNS.items() if name != "arrival_ns"}
        kinds |= {"trace": "VARCHAR", "sends": "BIGINT", "nth": "BIGINT"}
        missing = {name: f"NULL::{kind}" for name, kind in kinds.items() if name not in self._given}
        latency, ttft = missing.get("latency_s", "latency_s"), missing.get("ttft_s", "ttft_s")
        first = f"coalesce((firsts - t) / 1e9, {ttft})"  # some logs write -1 where there is none
        made = missing | {
            "latency_s": f"coalesce((ends - t) / 1e9, {latency})",
            "ttft_s": f"CASE WHEN {first} >= 0 THEN {first} END",
        }
        whole = ", ".join(f'{made.get(name, identifier(name))} AS "{name}"' for name in kinds)
        self._run(f"CREATE VIEW told AS SELECT t AS arrival_ns, {whole}, file, line FROM raw")
        assign_deployments(self._table, self._given)
        source = "whole"
        if "trace" in self._given:
            self._table.notes += join_attempts(self._run, "end" in self._form.COLUMNS)
            source = "joined"
        arrival, tick = self._spread()
        others = ", ".join(f'"{name}"' for name in COLUMNS if name != "arrival_ns")
        order = "ORDER BY arrival_ns, file, line" if unordered or tick or source != "whole" else ""
        self._run(f"CREATE TABLE requests AS SELECT {arrival}, {others} FROM {source} {order}")
        self._run("DROP VIEW whole; DROP VIEW told; DROP TABLE raw; DROP TABLE IF EXISTS joined")
