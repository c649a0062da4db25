"""Files of any known format to one table: chunks of texts in, rows of `requests` out, and a count
of what is no request."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from simroute.traces import cells, faults, nesting, records, turns
from simroute.traces.attempts import join
from simroute.traces.choosing import Wish, format_of, lacking, sample, untimed
from simroute.traces.columns import COLUMNS
from simroute.traces.formats import Format, named, unfolding
from simroute.traces.formats.mapping import Mapped
from simroute.traces.identity import settle
from simroute.traces.raw_text import TraceError, is_parquet
from simroute.traces.records import Chunk
from simroute.traces.table import Table, database

__all__ = ["Wish", "read"]

MOST_TOKENS = 10_000_000
"""More in one request is no count of tokens."""

SKEWED = 0.01
"""At most this share of requests may end before they begin."""

EXAMPLES = 5
FILE = 1_000_000_000_000
"""More lines than a file has: (file, line) as one number."""

EPOCH = 10**17
"""Nanoseconds: a trace that ends before 1973 counts from a start of its own."""

OFF_TICK = 10_000_000
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
        f"greatest(input_tokens, output_tokens) > {MOST_TOKENS}",
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


def read(
    paths: list[Path], wish: Wish | None = None, progress: Callable[[int], None] | None = None
) -> Table:
    """Several files as one trace. `progress` is told the rows read so far. Raises TraceError."""
    wish = wish or Wish()
    name = format_of(paths, wish)
    form = (
        named(name)
        if wish.mapping is None
        else wish.mapping.settled(sample(paths[0], wish.mapping.unfold))
    )
    if not form.COLUMNS:
        raise TraceError(
            f"{paths[0]}: {name} holds rates, not requests; `simroute trace inspect` describes them"
        )
    table = Table(
        name, form.CLOCK != "utc", 0, database(sum(path.stat().st_size for path in paths))
    )
    if not table.one("SELECT count(*) FROM pg_timezone_names() WHERE name = ?", [wish.tz]):
        raise TraceError(
            f"--tz {wish.tz}: no time zone is called so; expected a name such as Europe/Berlin"
        )
    with _said(paths), _uncollected():
        _Reader(table, form, wish, progress).read(paths)
    if wish.format is not None and (without := lacking(paths[0], wish.format)):
        table.notes.append(
            f"{paths[0].name} has nothing that {wish.format} reads as {', '.join(without)}"
        )
    return table


@contextmanager
def _uncollected() -> Iterator[None]:
    """The collector of cycles rests: there are none in rows of texts, and looking for them takes a
    third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _said(paths: list[Path]) -> Iterator[None]:
    """What DuckDB has against a file, in one line."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise TraceError(
            f"{paths[0]}: cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
    except RuntimeError as error:
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from error


class _Reader:
    """Chunks of texts in, rows of `requests` out; what is no request is counted."""

    def __init__(
        self, table: Table, form: Format, wish: Wish, progress: Callable[[int], None] | None
    ) -> None:
        self._table, self._form, self._wish = table, form, wish
        self._progress = progress
        self._run = table.connection.execute
        self._seen = 0

    def read(self, paths: list[Path]) -> None:
        self._paths = paths
        more = ("trace", "sends", "nth", "parent", "inside", "after_s", "looked")
        self._given = [name for name in (*COLUMNS, *more) if name in self._form.COLUMNS]
        # reasons of which all rows must be known first
        self._later = {"no token counts"} if "inside" in self._given else set[str]()
        mapped = (
            dict.fromkeys((*COLUMNS, "time", "end", "first_token", *more), "NULL")
            | self._form.COLUMNS
        )
        typed = ", ".join(
            f'TRY_CAST({mapped[name]} AS {column.kind}) AS "{name}"'
            for name, column in COLUMNS.items()
            if name != "arrival_ns"
        )
        odd = cells.numbers(self._form) or ["NULL"]
        self._select = (
            f'SELECT "#file" AS file, "#line" AS line, {typed},'
            f" CAST({mapped['time']} AS VARCHAR) AS time_text, CAST({mapped['end']} AS VARCHAR) "
            f"AS end_text,"
            f" CAST({mapped['first_token']} AS VARCHAR) AS first_text, CAST({mapped['trace']} AS "
            f"VARCHAR) AS trace,"
            f" CAST({mapped['sends']} AS BIGINT) AS sends, CAST({mapped['nth']} AS BIGINT) AS "
            f"nth, CAST({mapped['parent']} AS VARCHAR) AS parent,"
            f" CAST({mapped['inside']} AS VARCHAR) AS inside, TRY_CAST({mapped['after_s']} AS "
            f"DOUBLE) AS after_s,"
            f" CAST({mapped['looked']} AS BIGINT) AS looked,"
            f" nullif(concat_ws(',', \"#odd\", {', '.join(odd)}), '') AS odd,"
            f" {_first(getattr(self._form, 'SKIP', {}))} AS skip"
        )
        self._named = cells.named(self._form)
        self._parts = ", ".join(
            ["*", *(f'{sql} AS "{name}"' for name, sql in getattr(self._form, "PARTS", {}).items())]
        )
        none = ", ".join(
            f"NULL::VARCHAR AS {_quoted(name)}" for name in ("#odd", *self._form.FIELDS)
        )
        self._run(
            "CREATE TABLE raw AS "
            + self._checked(f'SELECT 0::INTEGER AS "#file", 0 AS "#line", {none}')
            + " LIMIT 0"
        )
        # one transaction: what is committed at once is not written to the log first
        self._run("BEGIN")
        for source in self._sources(paths):
            self._add(*source)
        self._run("COMMIT")
        self._settle()

    def _sources(
        self, paths: list[Path]
    ) -> Iterator[tuple[str, dict[str, Any], list[tuple[int, int]]]]:
        """(a query for rows with #file, #line and the format's fields as texts, its data, (file,
        line) of broken lines): small files together."""
        held, size = list[tuple[int, Chunk]](), 0
        for number, path in enumerate(paths):
            if is_parquet(path):
                yield from self._parquet(number, path)
                continue
            for chunk in records.chunks(
                path, self._form.FIELDS, unfolding(self._form), getattr(self._form, "SHEETS", False)
            ):
                if held and size + len(chunk.lines) > records.CHUNK:
                    yield self._texts(held)
                    held, size = [], 0
                held.append((number, chunk))
                size += len(chunk.lines)
        if held:
            yield self._texts(held)

    def _parquet(
        self, number: int, path: Path
    ) -> Iterator[tuple[str, dict[str, Any], list[tuple[int, int]]]]:
        names = self._form.FIELDS
        literal = str(path).replace("'", "''")
        own = getattr(self._form, "source", None)
        source = (
            own(literal, self._run) if own else f"read_parquet('{literal}', file_row_number=true)"
        )
        kinds = {row[0]: row[1] for row in self._run(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        made = ", ".join(f"{_text(name, kinds.get(name))} AS {_quoted(name)}" for name in names)
        total = self._run("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()[0]
        for start in range(0, total, 1_000_000):
            where = f"WHERE file_row_number >= {start} AND file_row_number < {start + 1_000_000}"
            yield (
                f'SELECT {number}::INTEGER AS "#file", file_row_number + 1 AS "#line", NULL AS '
                f'"#odd", {made} FROM {source} {where}',
                {},
                [],
            )

    def _texts(
        self, held: list[tuple[int, Chunk]]
    ) -> tuple[str, dict[str, Any], list[tuple[int, int]]]:
        sizes = [len(chunk.lines) for _, chunk in held]
        data = {
            "#file": np.repeat(np.array([number for number, _ in held], np.int32), sizes),
            "#line": np.concatenate([np.array(chunk.lines, np.int64) for _, chunk in held]),
        }
        untyped = np.repeat(np.array([not chunk.typed for _, chunk in held]), sizes)
        if untyped.any():
            data["#untyped"] = untyped
        made, odd = list[str](), list[str]()
        for place, name in enumerate(self._form.FIELDS):
            found = [
                chunk.columns.get(name) or [None] * size
                for size, (_, chunk) in zip(sizes, held, strict=True)
            ]
            texts = found[0] if len(found) == 1 else [text for column in found for text in column]
            if not any(text is not None for text in texts):
                made.append(f"NULL::VARCHAR AS {_quoted(name)}")
                continue
            data[f"f{place}"] = np.array(texts, object)
            cell = f"CAST(f{place} AS VARCHAR)"
            if not untyped.any():
                cell = f"plain({cell})"
            else:
                cell = (
                    f'CASE WHEN "#untyped" AND {cell} IN ({cells.listed()}) THEN NULL ELSE '
                    f"plain({cell}) END"
                )
                if name in self._named:
                    odd.append(
                        f'CASE WHEN "#untyped" AND f{place} IN ({cells.listed()}) THEN '
                        f"'{self._named[name]}' END"
                    )
            made.append(f"{cell} AS {_quoted(name)}")
        broken = [(number, line) for number, chunk in held for line in chunk.broken]
        wrong = f"nullif(concat_ws(',', {', '.join(odd)}), '')" if odd else "NULL::VARCHAR"
        return (
            f'SELECT "#file", "#line", {wrong} AS "#odd", {", ".join(made)} FROM chunk',
            data,
            broken,
        )

    def _add(self, query: str, chunk: dict[str, Any], broken: list[tuple[int, int]]) -> None:
        if broken:
            self._skip(BROKEN, broken[:EXAMPLES], len(broken))
        self._seen += self._run(f"INSERT INTO raw {self._checked(query)}").fetchone()[0] + len(
            broken
        )
        if self._wish.strict:
            self._first_bad(broken)
        if self._progress is not None:
            self._progress(self._seen)

    def _first_bad(self, broken: list[tuple[int, int]]) -> None:
        bad = (
            "SELECT file, line, reason FROM raw WHERE reason IS NOT NULL AND NOT "
            "list_contains(?, reason) ORDER BY file, line LIMIT 1"
        )
        found = self._run(bad, [[*getattr(self._form, "SKIP", {}), *self._later]]).fetchall()
        for number, line, reason in sorted([*((*place, BROKEN) for place in broken[:1]), *found]):
            raise TraceError(
                f"{self._paths[number]}: row {line}: {reason}; expected {EXPECTED[reason]}"
            )

    def _checked(self, query: str) -> str:
        relative = {"relative_s": "s", "relative_ms": "ms", "ns": "ns"}.get(self._form.CLOCK)
        unit = self._wish.unit or getattr(self._form, "UNIT", None) or relative
        size = (
            str(UNITS[unit])
            if unit
            else " ".join(
                [
                    "CASE clock(time_text)",
                    *(f"WHEN '{u}' THEN {n}" for u, n in UNITS.items()),
                    "END",
                ]
            )
        )
        moments = ", ".join(
            f"moment({name}_text, {size.replace('time_text', name + '_text')}) AS {short}"
            for name, short in (("time", "t"), ("end", "ends"), ("first", "firsts"))
        )
        reason = f"coalesce(skip, {_first(self._reasons())})"
        kind = f"'{unit}'" if unit else "clock(time_text)"
        given = ", ".join(
            [
                "file, line, t, ends, firsts, clock, odd, skip",
                *(f'"{name}"' for name in self._given),
            ]
        )
        texts = (
            f"SELECT *, {moments}, {kind} AS clock FROM ({self._select} FROM (SELECT "
            f"{self._parts} FROM ({query})))"
        )
        return f"SELECT {given}, {reason} AS reason FROM ({texts})"

    def _reasons(self) -> dict[str, str]:
        """Why a row is no request; of a mapping that names no output tokens, input alone is asked
        for."""
        found = {reason: test for reason, (test, _) in REASONS.items()}
        if isinstance(self._form, Mapped) and "output_tokens" not in self._form.COLUMNS:
            found["no token counts"] = found["no token counts"].replace(
                " OR output_tokens IS NULL", ""
            )
        return found

    def _skip(self, reason: str, rows: list[tuple[int, int]], count: int) -> None:
        """Count them, and keep the first (file, line)."""
        self._table.skipped[reason] = self._table.skipped.get(reason, 0) + count
        shown = self._table.examples.setdefault(reason, [])
        shown += [
            f"{self._paths[file]}: row {line}" for file, line in rows[: EXAMPLES - len(shown)]
        ]

    # -- all rows are there ------------------------------------------------------------------------

    def _settle(self) -> None:
        if "inside" in self._given:
            nesting.settle(self._run, self._given, next(iter(getattr(self._form, "SKIP", {})), ""))
        if "after_s" in self._given:
            self._table.notes += turns.settle(self._run, self._given)
        self._later = {nesting.WRAPPER}
        if self._wish.strict:
            self._first_bad([])
        self._count()
        cells.settle(self._table, self._run, self._paths)
        if isinstance(self._form, Mapped):
            self._table.notes += faults.unfilled(self._run, self._form, self._paths[0], self._seen)
        faults.lost(self._table, self._seen, EXPECTED)
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
            why = f"{f' ({why})' if why else ''}{untimed(self._paths[0], self._wish)}"
            raise TraceError(f"{self._paths[0]}: no rows; a trace needs at least one request{why}")

    def _count(self) -> None:
        for reason, number in self._run(
            "SELECT reason, count(*) FROM raw WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 2 "
            "DESC, 1"
        ).fetchall():
            rows = self._run(
                "SELECT DISTINCT file, line FROM raw WHERE reason = ? ORDER BY file, line LIMIT ?",
                [reason, EXAMPLES],
            ).fetchall()
            self._skip(reason, rows, number)
        examples, skipped = self._table.examples, self._table.skipped
        if "negative tokens" in skipped:
            raise TraceError(
                f"{examples['negative tokens'][0]}: token counts must not be negative; is it the "
                f"right column?"
            )
        skewed = skipped.get("ends before it begins", 0)
        if skewed > SKEWED * max(1, self._seen):
            where = examples["ends before it begins"][0]
            raise TraceError(
                f"{where}: {skewed:,} of {self._seen:,} rows end before they begin (at most 1 % "
                f"may); are the times swapped?"
            )

    def _clocks(self) -> None:
        """One column, one clock."""
        found = dict(
            self._run(
                f"SELECT clock, min(file * {FILE} + line) FROM raw WHERE t IS NOT NULL GROUP BY 1"
            ).fetchall()
        )
        if len(found) > 1:
            file, line = divmod(sorted(found.values())[1], FILE)
            where = f"{self._paths[file]}: row {line}"
            if set(found) <= {"zone", "none"}:
                if self._wish.tz == "UTC":
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
                f" FROM (SELECT t, file * {FILE} + line AS place FROM raw WHERE reason IS NULL)"
            ).fetchall()[0]
            if early is not None and late is not None:
                file, line = divmod(max(early, late), FILE)
                where = f"{self._paths[file]}: row {line}"
                raise TraceError(
                    f"{where}: in {next(iter(found))} some times lie before 1973, others after; "
                    f"write all in one unit"
                )
        if "none" in found and self._wish.tz != "UTC":
            begun, ended, first = (
                f"epoch_ns(timezone($tz, make_timestamp_ns({c}))::TIMESTAMP) + {c} % 1000"
                for c in ("t", "ends", "firsts")
            )
            self._table.notes += faults.doubtful(self._run, self._wish.tz)
            # a call that lasts over a change of clocks is no hour longer
            later = "{0} + least({1} - t, CASE WHEN {2} >= {0} THEN {2} - {0} END)"
            self._run(
                f"UPDATE raw SET t = {begun}, ends = {later.format(begun, 'ends', ended)}, "
                f"firsts = {later.format(begun, 'firsts', first)}"
                " WHERE clock = 'none'",
                {"tz": self._wish.tz},
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
        for one, other in found[:EXAMPLES]:
            self._table.notes.append(
                f"{self._paths[one].name} and {self._paths[other].name} overlap in time"
            )
        if len(found) > EXAMPLES:
            self._table.notes.append(
                f"{len(found) - EXAMPLES:,} more pairs of files overlap in time"
            )

    def _unique(self) -> None:
        """Of rows with one id the first is kept; attempts at one request may have one id, but not
        begin at one time."""
        if "request_id" not in self._given:
            return
        # those name nothing
        place, key = (
            f"file * {FILE} + line",
            f"CASE WHEN request_id NOT IN ({cells.listed()}) THEN request_id END",
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
            self._skip(
                "request id seen before",
                self._run(f"SELECT file, line {again} ORDER BY 1, 2 LIMIT {EXAMPLES}").fetchall(),
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
            f"{near}) > {OFF_TICK}"
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
        whole = ", ".join(f'{made.get(name, _quoted(name))} AS "{name}"' for name in kinds)
        self._run(f"CREATE VIEW told AS SELECT t AS arrival_ns, {whole}, file, line FROM raw")
        settle(self._table, self._given)
        source = "whole"
        if "trace" in self._given:
            self._table.notes += join(self._run, "end" in self._form.COLUMNS)
            source = "joined"
        arrival, tick = self._spread()
        others = ", ".join(f'"{name}"' for name in COLUMNS if name != "arrival_ns")
        order = "ORDER BY arrival_ns, file, line" if unordered or tick or source != "whole" else ""
        self._run(f"CREATE TABLE requests AS SELECT {arrival}, {others} FROM {source} {order}")
        self._run("DROP VIEW whole; DROP VIEW told; DROP TABLE raw; DROP TABLE IF EXISTS joined")


def _first(reasons: Mapping[str, str]) -> str:
    """The reason whose condition is the first that holds, or NULL."""
    return " ".join(
        [
            "CASE",
            *(f"WHEN {test} THEN '{reason}'" for reason, test in {**reasons, "": "false"}.items()),
            "END",
        ]
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str, kind: str | None) -> str:
    if kind is None:
        return "NULL::VARCHAR"
    nested = kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]") or kind == "JSON"
    return (
        f"CAST(to_json({_quoted(name)}) AS VARCHAR)"
        if nested and kind != "JSON"
        else f"CAST({_quoted(name)} AS VARCHAR)"
    )
