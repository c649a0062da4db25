"""A trace as DuckDB's table of requests in order of time, on disk when it is large."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simroute.traces.sql import MACROS

LARGE = 16 << 20
"""Bytes of files from which on the table is kept on disk."""


@dataclass
class RequestTable:
    """`requests`: how many; `skipped`: reason -> rows; `examples`: reason -> "file: row n";
    `relative`: the clock counts from the trace's start; `tick_s`: seconds of a coarse clock over
    which arrivals were spread; `lost`: that most rows were left out, or nothing; `unusable`: column
    -> cells that hold something else than it does, taken as empty; `embeddings`: calls that asked
    for embeddings, set apart.

    The rows are DuckDB's table `requests` with `COLUMNS`, in order of arrival; those of embeddings
    are its table `embeddings`, if there are any.
    """

    format: str
    relative: bool
    requests: int
    connection: Any
    skipped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tick_s: int = 0
    lost: str = ""
    unusable: dict[str, int] = field(default_factory=dict)
    embeddings: int = 0

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query over `requests`."""
        return list(self.connection.execute(query, list(parameters)).fetchall())

    def record(self, query: str) -> dict[str, Any]:
        """The only row of a query, by column."""
        found = self.connection.execute(query)
        return dict(zip((column[0] for column in found.description), found.fetchone(), strict=True))

    def value(self, query: str, parameters: Iterable[Any] = ()) -> Any:
        """The first value of a query's only row."""
        return self.rows(query, parameters)[0][0]

    def arrays(self, *columns: str) -> list[np.ndarray]:
        """Expressions over `requests` as arrays in order of arrival; what is NULL is masked."""
        made = ", ".join(f"{column} AS c{place}" for place, column in enumerate(columns))
        found = self.connection.execute(f"SELECT {made} FROM requests").fetchnumpy()
        return [found[f"c{place}"] for place in range(len(columns))]

    def array_blocks(self, *columns: str, size: int = 1 << 16) -> Iterator[list[np.ndarray]]:
        """The same, so many rows at once."""
        for start in range(0, self.requests, size):
            made = ", ".join(f"{column} AS c{place}" for place, column in enumerate(columns))
            found = self.connection.execute(
                f"SELECT {made} FROM requests WHERE rowid >= ? AND rowid < ?", [start, start + size]
            ).fetchnumpy()
            yield [found[f"c{place}"] for place in range(len(columns))]


def open_database(size: int) -> Any:
    """An empty one, for files of so many bytes; what it keeps on disk goes with it."""
    import duckdb

    folder = tempfile.mkdtemp(prefix="simroute-trace-") if size > LARGE else None
    connection = duckdb.connect(f"{folder}/trace.duckdb" if folder else ":memory:")
    if folder is not None:
        connection.execute(f"SET memory_limit='400MB'; SET temp_directory='{folder}/spill'")
        weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    connection.execute("SET TimeZone='UTC'; SET preserve_insertion_order=true; SET threads=2")
    for macro in MACROS:
        connection.execute(f"CREATE MACRO {macro}")
    return connection
