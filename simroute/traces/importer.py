"""Files of any known format to one table: chunks of texts in, rows of `requests` out, and a count
of rows that are no requests."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simroute.traces import cells, nesting, records, turns
from simroute.traces.columns import COLUMNS
from simroute.traces.detection import ReadOptions, choose_format, missing_columns, sample_file
from simroute.traces.formats import Format, find_format, unfold_function
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.normalize import (
    BROKEN,
    EXPECTED,
    MAX_EXAMPLES,
    REASONS,
    UNITS,
    LogImport,
    normalize,
)
from simroute.traces.raw_text import TraceError, is_parquet
from simroute.traces.records import Chunk
from simroute.traces.sql import identifier, parquet_source
from simroute.traces.table import RequestTable, open_database

RAW_COLUMNS = {
    "trace": "VARCHAR",
    "sends": "BIGINT",
    "nth": "BIGINT",
    "parent": "VARCHAR",
    "inside": "VARCHAR",
    "after_s": "DOUBLE",
    "looked": "BIGINT",
}
"""Columns of a format beside the canonical ones and the times -> DuckDB's type."""
PARQUET_ROWS = 1_000_000


def read(
    paths: list[Path],
    options: ReadOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> RequestTable:
    """Read several files as one trace. Raises TraceError.

    progress: is called with the number of rows read so far.

    >>> read([Path("log.jsonl")]).rows("SELECT count(*), sum(cost_usd) FROM requests")
    """
    options = options or ReadOptions()
    name = choose_format(paths, options)
    form = (
        find_format(name)
        if options.mapping is None
        else options.mapping.resolve(sample_file(paths[0], options.mapping.unfold))
    )
    if not form.COLUMNS:
        raise TraceError(
            f"{paths[0]}: {name} holds rates, not requests; `simroute trace inspect` describes them"
        )
    database = open_database(sum(path.stat().st_size for path in paths))
    table = RequestTable(name, form.CLOCK != "utc", 0, database)
    if not table.value("SELECT count(*) FROM pg_timezone_names() WHERE name = ?", [options.zone]):
        raise TraceError(
            f"--tz {options.zone}: no time zone is called so; expected a name such as Europe/Berlin"
        )
    with _trace_errors(paths), _without_collector():
        columns = [name for name in (*COLUMNS, *RAW_COLUMNS) if name in form.COLUMNS]
        log = LogImport(table, form, options, paths, columns)
        _Importer(log, progress).read()
        normalize(log)
    if options.format is not None and (missing := missing_columns(paths[0], options.format)):
        table.notes.append(
            f"{paths[0].name} has nothing that {options.format} reads as {', '.join(missing)}"
        )
    return table


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the garbage collector: rows of texts have no cycles, and looking for them takes a third
    of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _trace_errors(paths: list[Path]) -> Iterator[None]:
    """Turn DuckDB's errors into a TraceError of one line."""
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


class _Source(NamedTuple):
    """Rows to be read. query: SQL for "#file", "#line", "#odd" and the format's fields as texts,
    over `chunk`, which are its columns `data`. broken: (file, line) of lines without a record."""

    query: str
    data: dict[str, np.ndarray]
    broken: list[tuple[int, int]]


class _Importer:
    """Reads files into the table `raw`, with a reason for each row that is no request."""

    def __init__(self, log: LogImport, progress: Callable[[int], None] | None) -> None:
        self._log, self._progress = log, progress
        self._unusable = cells.columns_by_field(log.form)
        self._skip: dict[str, str] = getattr(log.form, "SKIP", {})
        parts: dict[str, str] = getattr(log.form, "PARTS", {})
        self._parts = ", ".join(["*", *(f'{sql} AS "{name}"' for name, sql in parts.items())])
        self._typed = _typed_columns(log.form, self._skip)
        self._is_begun = False

    def read(self) -> None:
        """Read all files. Raises TraceError at the first bad row, if the options are strict."""
        log = self._log
        # reasons that are certain only when all rows are known
        undecided = {"no token counts"} if "inside" in log.columns else set[str]()
        # one transaction: what is committed at once is not written to the log first
        log.run("BEGIN")
        for source in self._sources():
            self._insert(source, undecided)
        if not self._is_begun:
            fields = ("#odd", *log.form.FIELDS)
            none = ", ".join(f"NULL::VARCHAR AS {identifier(name)}" for name in fields)
            self._insert_rows(f'SELECT 0::INTEGER AS "#file", 0 AS "#line", {none} WHERE false', {})
        log.run("COMMIT")
        if "inside" in log.columns:
            nesting.resolve_nesting(log.run, log.columns, next(iter(self._skip), ""))
        if "after_s" in log.columns:
            log.table.notes += turns.place_turns(log.run, log.columns)
        if log.options.strict:
            self._raise_first_bad([], {nesting.WRAPPER})

    # -- rows in -----------------------------------------------------------------------------------

    def _sources(self) -> Iterator[_Source]:
        """The rows of all files, small files together."""
        form, chunks, size = self._log.form, list[tuple[int, Chunk]](), 0
        for number, path in enumerate(self._log.paths):
            if is_parquet(path):
                yield from self._parquet_sources(number, path)
                continue
            sheets = getattr(form, "SHEETS", False)
            for chunk in records.read_chunks(path, form.FIELDS, unfold_function(form), sheets):
                if chunks and size + len(chunk.lines) > records.CHUNK:
                    yield self._text_source(chunks)
                    chunks, size = [], 0
                chunks.append((number, chunk))
                size += len(chunk.lines)
        if chunks:
            yield self._text_source(chunks)

    def _parquet_sources(self, number: int, path: Path) -> Iterator[_Source]:
        run, form = self._log.run, self._log.form
        own = getattr(form, "source", None)
        source = own(path, run) if own else parquet_source(path)
        kinds = {row[0]: row[1] for row in run(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        fields = ", ".join(
            f"{_field_text(name, kinds.get(name))} AS {identifier(name)}" for name in form.FIELDS
        )
        total = run("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()[0]
        for start in range(0, total, PARQUET_ROWS):
            query = f"""
                SELECT {number}::INTEGER AS "#file", (file_row_number + 1)::INTEGER AS "#line",
                    NULL::VARCHAR AS "#odd", {fields}
                FROM {source}
                WHERE file_row_number >= {start} AND file_row_number < {start + PARQUET_ROWS}"""
            yield _Source(query, {}, [])

    def _text_source(self, chunks: list[tuple[int, Chunk]]) -> _Source:
        """chunks: (number of the file, chunk)."""
        sizes = [len(chunk.lines) for _, chunk in chunks]
        data = {
            "#file": np.repeat(np.array([number for number, _ in chunks], np.int32), sizes),
            "#line": np.concatenate([np.array(chunk.lines, np.int64) for _, chunk in chunks]),
        }
        untyped = np.repeat(np.array([not chunk.typed for _, chunk in chunks]), sizes)
        if untyped.any():
            data["#untyped"] = untyped
        fields, odd = list[str](), list[str]()
        for index, name in enumerate(self._log.form.FIELDS):
            texts = _column_texts([chunk for _, chunk in chunks], name)
            if not any(text is not None for text in texts):
                fields.append(f"NULL::VARCHAR AS {identifier(name)}")
                continue
            data[f"f{index}"] = np.array(texts, object)
            cell = f"CAST(f{index} AS VARCHAR)"
            sql = f"plain({cell})"
            if untyped.any():
                is_empty = f'"#untyped" AND {cell} IN ({cells.empty_words_sql()})'
                sql = f"CASE WHEN {is_empty} THEN NULL ELSE {sql} END"
                if name in self._unusable:
                    odd.append(f"CASE WHEN {is_empty} THEN '{self._unusable[name]}' END")
            fields.append(f"{sql} AS {identifier(name)}")
        broken = [(number, line) for number, chunk in chunks for line in chunk.broken]
        names = f"nullif(concat_ws(',', {', '.join(odd)}), '')" if odd else "NULL::VARCHAR"
        head = f'"#file", "#line"::INTEGER AS "#line", {names} AS "#odd"'
        return _Source(f"SELECT {head}, {', '.join(fields)} FROM chunk", data, broken)

    def _insert(self, source: _Source, undecided: set[str]) -> None:
        log = self._log
        if source.broken:
            log.count_skipped(BROKEN, source.broken[:MAX_EXAMPLES], len(source.broken))
        log.rows += self._insert_rows(source.query, source.data) + len(source.broken)
        if log.options.strict:
            self._raise_first_bad(source.broken, undecided)
        if self._progress is not None:
            self._progress(log.rows)

    def _insert_rows(self, query: str, chunk: dict[str, np.ndarray]) -> int:
        """DuckDB reads the local variable of that name. The first rows make the table: to
        understand the query takes longer than to read a short log."""
        into = "INSERT INTO raw" if self._is_begun else "CREATE TABLE raw AS"
        self._is_begun = True
        count: int = self._log.run(f"{into} {self._raw_query(query)}").fetchone()[0]
        return count

    def _raise_first_bad(self, broken: list[tuple[int, int]], undecided: set[str]) -> None:
        """Raises TraceError for the first bad row. undecided: reasons that do not count yet."""
        rows = self._log.run(
            """
            SELECT file, line, reason FROM raw
            WHERE reason IS NOT NULL AND NOT list_contains(?, reason)
            ORDER BY file, line LIMIT 1""",
            [[*self._skip, *undecided]],
        ).fetchall()
        for number, line, reason in sorted([*((*place, BROKEN) for place in broken[:1]), *rows]):
            raise TraceError(
                f"{self._log.paths[number]}: row {line}: {reason}; expected {EXPECTED[reason]}"
            )

    # -- rows checked ------------------------------------------------------------------------------

    def _raw_query(self, query: str) -> str:
        """SQL for rows of `raw`.

        From the inside: the format's fields as texts (`query`), its PARTS, its columns with types
        and times as texts, times in ns with their clock, and the reason.
        """
        log = self._log
        relative = {"relative_s": "s", "relative_ms": "ms", "ns": "ns"}.get(log.form.CLOCK)
        unit = log.options.unit or getattr(log.form, "UNIT", None) or relative
        times = {"time": "t", "end": "ends", "first": "firsts"}
        moments = ", ".join(
            f"moment({name}_text, {_unit_size(name, unit)}) AS {short}"
            for name, short in times.items()
        )
        clock = f"'{unit}'" if unit else "clock(time_text)"
        columns = ", ".join(f'"{name}"' for name in log.columns)
        return f"""
            SELECT file, line, t, ends, firsts, clock, odd, skip, {columns},
                coalesce(skip, {_first_reason(self._reasons())}) AS reason
            FROM (
                SELECT *, {moments}, {clock} AS clock
                FROM (SELECT {self._typed} FROM (SELECT {self._parts} FROM ({query}))))"""

    def _reasons(self) -> dict[str, str]:
        """Reason -> SQL that tells why a row is no request. A mapping without output tokens needs
        input tokens alone."""
        tests = {reason: test for reason, (test, _) in REASONS.items()}
        form = self._log.form
        if isinstance(form, MappedFormat) and "output_tokens" not in form.COLUMNS:
            tests["no token counts"] = tests["no token counts"].replace(
                " OR output_tokens IS NULL", ""
            )
        return tests


def _typed_columns(form: Format, skip: dict[str, str]) -> str:
    """SQL: the format's columns with their types, its times as texts, columns with unusable cells
    (`odd`), and why a row is skipped (`skip`)."""

    def sql(name: str) -> str:
        return form.COLUMNS.get(name, "NULL")

    odd = ", ".join(cells.unusable_tests(form) or ["NULL"])
    return ", ".join(
        [
            '"#file" AS file, "#line" AS line',
            *(
                f'TRY_CAST({sql(name)} AS {column.kind}) AS "{name}"'
                for name, column in COLUMNS.items()
                if name != "arrival_ns"
            ),
            *(
                f"CAST({sql(name)} AS VARCHAR) AS {text}"
                for name, text in (
                    ("time", "time_text"),
                    ("end", "end_text"),
                    ("first_token", "first_text"),
                )
            ),
            *(
                f"{'TRY_CAST' if name == 'after_s' else 'CAST'}({sql(name)} AS {kind}) AS {name}"
                for name, kind in RAW_COLUMNS.items()
            ),
            f"nullif(concat_ws(',', \"#odd\", {odd}), '') AS odd",
            f"{_first_reason(skip)} AS skip",
        ]
    )


def _unit_size(name: str, unit: str | None) -> str:
    """SQL: nanoseconds of a unit; without one, of the unit that fits the size of the number."""
    if unit:
        return str(UNITS[unit])
    cases = " ".join(f"WHEN '{key}' THEN {size}" for key, size in UNITS.items())
    return f"CASE clock({name}_text) {cases} END"


def _first_reason(reasons: Mapping[str, str]) -> str:
    """SQL: the reason whose condition is the first that holds, or NULL."""
    cases = (f"WHEN {test} THEN '{reason}'" for reason, test in reasons.items())
    return f"CASE {' '.join(cases)} WHEN false THEN '' END"


def _column_texts(chunks: Iterable[Chunk], name: str) -> list[str | None]:
    texts = [chunk.columns.get(name) or [None] * len(chunk.lines) for chunk in chunks]
    return list(texts[0]) if len(texts) == 1 else [text for column in texts for text in column]


def _field_text(name: str, kind: str | None) -> str:
    """SQL: a field of Parquet as text; what is nested as JSON."""
    if kind is None:
        return "NULL::VARCHAR"
    nested = kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]")
    field = f"to_json({identifier(name)})" if nested else identifier(name)
    return f"CAST({field} AS VARCHAR)"
