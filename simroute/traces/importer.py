"""Files of any known format to one table: chunks of texts in, rows of `requests` out, and a count
of what is no request."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    Normalizer,
    count_skipped,
)
from simroute.traces.raw_text import TraceError, is_parquet
from simroute.traces.records import Chunk
from simroute.traces.sql import identifier, parquet_source
from simroute.traces.table import RequestTable, open_database


def read(
    paths: list[Path],
    wish: ReadOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> RequestTable:
    """Several files as one trace. `progress` is told the rows read so far. Raises TraceError."""
    wish = wish or ReadOptions()
    name = choose_format(paths, wish)
    form = (
        find_format(name)
        if wish.mapping is None
        else wish.mapping.resolve(sample_file(paths[0], wish.mapping.unfold))
    )
    if not form.COLUMNS:
        raise TraceError(
            f"{paths[0]}: {name} holds rates, not requests; `simroute trace inspect` describes them"
        )
    table = RequestTable(
        name, form.CLOCK != "utc", 0, open_database(sum(path.stat().st_size for path in paths))
    )
    if not table.value("SELECT count(*) FROM pg_timezone_names() WHERE name = ?", [wish.zone]):
        raise TraceError(
            f"--tz {wish.zone}: no time zone is called so; expected a name such as Europe/Berlin"
        )
    with _trace_errors(paths), _without_collector():
        _Importer(table, form, wish, progress).read(paths)
    if wish.format is not None and (without := missing_columns(paths[0], wish.format)):
        table.notes.append(
            f"{paths[0].name} has nothing that {wish.format} reads as {', '.join(without)}"
        )
    return table


@contextmanager
def _without_collector() -> Iterator[None]:
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
def _trace_errors(paths: list[Path]) -> Iterator[None]:
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


class _Importer:
    """Chunks of texts in, rows of `requests` out; what is no request is counted."""

    def __init__(
        self,
        table: RequestTable,
        form: Format,
        wish: ReadOptions,
        progress: Callable[[int], None] | None,
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
        odd = cells.unusable_tests(self._form) or ["NULL"]
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
            f" {_first_reason(getattr(self._form, 'SKIP', {}))} AS skip"
        )
        self._named = cells.columns_by_field(self._form)
        self._parts = ", ".join(
            ["*", *(f'{sql} AS "{name}"' for name, sql in getattr(self._form, "PARTS", {}).items())]
        )
        none = ", ".join(
            f"NULL::VARCHAR AS {identifier(name)}" for name in ("#odd", *self._form.FIELDS)
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
            for chunk in records.read_chunks(
                path,
                self._form.FIELDS,
                unfold_function(self._form),
                getattr(self._form, "SHEETS", False),
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
        own = getattr(self._form, "source", None)
        source = own(path, self._run) if own else parquet_source(path)
        kinds = {row[0]: row[1] for row in self._run(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        made = ", ".join(
            f"{_column_text(name, kinds.get(name))} AS {identifier(name)}" for name in names
        )
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
                made.append(f"NULL::VARCHAR AS {identifier(name)}")
                continue
            data[f"f{place}"] = np.array(texts, object)
            cell = f"CAST(f{place} AS VARCHAR)"
            if not untyped.any():
                cell = f"plain({cell})"
            else:
                cell = (
                    f'CASE WHEN "#untyped" AND {cell} IN ({cells.empty_words_sql()}) THEN NULL'
                    f" ELSE plain({cell}) END"
                )
                if name in self._named:
                    odd.append(
                        f'CASE WHEN "#untyped" AND f{place} IN ({cells.empty_words_sql()}) THEN '
                        f"'{self._named[name]}' END"
                    )
            made.append(f"{cell} AS {identifier(name)}")
        broken = [(number, line) for number, chunk in held for line in chunk.broken]
        wrong = f"nullif(concat_ws(',', {', '.join(odd)}), '')" if odd else "NULL::VARCHAR"
        return (
            f'SELECT "#file", "#line", {wrong} AS "#odd", {", ".join(made)} FROM chunk',
            data,
            broken,
        )

    def _add(self, query: str, chunk: dict[str, Any], broken: list[tuple[int, int]]) -> None:
        if broken:
            count_skipped(self._table, self._paths, BROKEN, broken[:MAX_EXAMPLES], len(broken))
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
        reason = f"coalesce(skip, {_first_reason(self._reasons())})"
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
        if isinstance(self._form, MappedFormat) and "output_tokens" not in self._form.COLUMNS:
            found["no token counts"] = found["no token counts"].replace(
                " OR output_tokens IS NULL", ""
            )
        return found

    # -- all rows are there ------------------------------------------------------------------------

    def _settle(self) -> None:
        if "inside" in self._given:
            nesting.resolve_nesting(
                self._run, self._given, next(iter(getattr(self._form, "SKIP", {})), "")
            )
        if "after_s" in self._given:
            self._table.notes += turns.place_turns(self._run, self._given)
        self._later = {nesting.WRAPPER}
        if self._wish.strict:
            self._first_bad([])
        args = (self._table, self._form, self._wish, self._paths, self._given, self._seen)
        Normalizer(*args).run()


def _first_reason(reasons: Mapping[str, str]) -> str:
    """The reason whose condition is the first that holds, or NULL."""
    return " ".join(
        [
            "CASE",
            *(f"WHEN {test} THEN '{reason}'" for reason, test in {**reasons, "": "false"}.items()),
            "END",
        ]
    )


def _column_text(name: str, kind: str | None) -> str:
    if kind is None:
        return "NULL::VARCHAR"
    nested = kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]") or kind == "JSON"
    return (
        f"CAST(to_json({identifier(name)}) AS VARCHAR)"
        if nested and kind != "JSON"
        else f"CAST({identifier(name)} AS VARCHAR)"
    )
