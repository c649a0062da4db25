"""A trace as DuckDB's table of requests in order of time, on disk when it is large."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simroute.traces.sql import MACROS

LARGE = 16 << 20
"""Bytes of files from which on the table is kept on disk."""


@dataclass
class RequestTable:
    """A trace: its rows are DuckDB's table `requests` with `COLUMNS`, in order of arrival.

    >>> table = read([Path("log.jsonl")])
    >>> table.rows("SELECT model, sum(cost_usd) FROM requests GROUP BY 1")

    requests: how many. relative: whether the clock counts from the trace's start.
    skipped: reason -> rows; examples: reason -> "file: row n". notes: what was assumed, in
        sentences. lost: that most rows were left out, or empty.
    tick_s: seconds of a coarse clock, over which arrivals were spread.
    unusable: column -> cells that hold something else, taken as empty.
    embeddings: calls that asked for embeddings, set apart in the table `embeddings`.
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
        """The rows of a query."""
        return list(self.connection.execute(query, list(parameters)).fetchall())

    def record(self, query: str) -> dict[str, Any]:
        """The only row of a query, by column."""
        result = self.connection.execute(query)
        return dict(
            zip((column[0] for column in result.description), result.fetchone(), strict=True)
        )

    def value(self, query: str, parameters: Iterable[Any] = ()) -> Any:
        """The first value of a query's only row."""
        return self.rows(query, parameters)[0][0]

    def arrays(self, *columns: str) -> list[np.ndarray]:
        """Expressions over `requests` as arrays in order of arrival; NULL is masked."""
        selected = ", ".join(f"{column} AS c{index}" for index, column in enumerate(columns))
        rows = self.connection.execute(f"SELECT {selected} FROM requests").fetchnumpy()
        return [rows[f"c{index}"] for index in range(len(columns))]


def open_database(size: int) -> Any:
    """An empty database for files of that many bytes. What it keeps on disk is removed with it."""
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
