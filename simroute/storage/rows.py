"""Rows as data frames and Parquet files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simroute.ledger import CACHED, OUTCOMES, Chunk
from simroute.storage.disk import translate_errors
from simroute.traces.sql import identifier, text_literal

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from simroute.worlds.sim import SimWorld

TABLES = ("requests", "attempts", "events")
PART = 200_000
HIDDEN = {"forbidden", "ungraded", "failover_s", "streamed"}
WORDS = {
    "policy",
    "task",
    "user",
    "feature",
    "outcome",
    "error",
    "cause",
    "target",
    "provider",
    "cached",
    "event",
    "layer",
    "detail",
}


class Frames:
    """A sink that keeps chunks with words for codes, in memory for data frames or as Parquet parts
    in a folder."""

    def __init__(
        self, world: SimWorld, policy: str, replication: int, folder: Path | None = None
    ) -> None:
        self._world, self._policy, self._replication, self._folder = (
            world,
            policy,
            replication,
            folder,
        )
        self._chunks: dict[str, list[Chunk]] = {table: [] for table in TABLES}
        self._rows = dict.fromkeys(TABLES, 0)
        self._parts = 0

    def __call__(self, table: str, chunk: Chunk) -> None:
        columns = self._columns(table, chunk)
        self._chunks[table].append(columns)
        self._rows[table] += len(columns["policy"])
        if self._folder is not None and self._rows[table] >= PART:
            self.write(table)

    def frame(self, table: str) -> pd.DataFrame:
        """All rows of a table so far."""
        import pandas as pd

        return pd.DataFrame(self._joined(table), columns=COLUMNS[table])

    def _joined(self, table: str) -> Chunk:
        """All rows of a table so far; no columns without rows."""
        chunks = self._chunks[table]
        return (
            {name: np.concatenate([chunk[name] for chunk in chunks]) for name in COLUMNS[table]}
            if chunks
            else {}
        )

    def write(self, table: str) -> None:
        """Write the rows of a table so far as its next part file, and forget them."""
        if self._folder is None or not self._chunks[table]:
            return
        # a dictionary, so that nothing has to load pandas
        columns = self._joined(table)
        self._chunks[table], self._rows[table] = [], 0
        self._parts += 1
        path = self._folder / f"{table}-{self._parts:05d}.parquet"
        # a column of None alone has no type
        typed = ", ".join(
            f"{identifier(name)}::VARCHAR AS {identifier(name)}"
            for name in COLUMNS[table]
            if name in WORDS
        )
        with translate_errors(path), _in_memory_database().cursor() as base:
            base.register("part", columns)
            base.execute(
                f"COPY (SELECT * REPLACE ({typed}) FROM part) TO {text_literal(str(path))} "
                f"(FORMAT parquet)"
            )

    def _columns(self, table: str, chunk: Chunk) -> Chunk:
        """A chunk with words for codes and dollars for billionths."""
        world, ledger = self._world, self._world.ledger
        targets = [model.target.name for model in world.models]
        providers = [model.target.provider for model in world.models]
        weather = world.weather
        words = {
            "error": ledger.errors.words,
            "cause": ledger.causes.words,
            "task": weather.tasks,
            "user": weather.users,
            "feature": weather.features,
            "target": targets,
            "outcome": list(OUTCOMES),
            "cached": list(CACHED),
            "event": ledger.event_names.words,
            "layer": ledger.layers.words,
        }
        rows = len(next(iter(chunk.values())))
        columns: Chunk = {
            "policy": np.full(rows, self._policy, object),
            "replication": np.full(rows, self._replication, np.int64),
        }
        for name, column in chunk.items():
            if name in HIDDEN:
                continue
            if name in words:
                columns[name] = np.array([*words[name], None], object)[column]
                if name == "target" and table != "events":
                    columns["provider"] = np.array([*providers, None], object)[column]
            elif name.endswith("_nano"):
                columns[name.removesuffix("_nano") + "_usd"] = column / 1e9
            else:
                columns[name] = column
        return {name: columns[name] for name in COLUMNS[table]}


COLUMNS = {
    "requests": [
        "policy",
        "replication",
        "replica",
        "request_id",
        "arrival_s",
        "end_s",
        "task",
        "user",
        "feature",
        "session",
        "input_tokens",
        "output_tokens",
        "outcome",
        "error",
        "target",
        "provider",
        "attempts",
        "latency_s",
        "ttft_s",
        "cost_usd",
        "wasted_usd",
        "quality",
        "cached",
        "false_hit",
        "cause",
    ],
    "attempts": [
        "policy",
        "replication",
        "replica",
        "request_id",
        "attempt",
        "target_attempt",
        "target",
        "provider",
        "start_s",
        "end_s",
        "status",
        "error",
        "retry_after_s",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost_usd",
        "abandoned",
        "probe",
        "cause",
    ],
    "events": [
        "policy",
        "replication",
        "replica",
        "t_s",
        "event",
        "request_id",
        "layer",
        "target",
        "detail",
    ],
}


def join_parts(parts: list[Path], target: Path, table: str) -> None:
    """Part files, in order, into one Parquet file; without any, a file of no rows."""
    listed = ", ".join(text_literal(str(part)) for part in parts)
    none = ", ".join(f"NULL::VARCHAR AS {column}" for column in COLUMNS[table])
    source = f"SELECT * FROM read_parquet([{listed}])" if parts else f"SELECT {none} WHERE false"
    with translate_errors(target), _in_memory_database().cursor() as base:
        base.execute("SET preserve_insertion_order = true")
        base.execute(f"COPY ({source}) TO {text_literal(str(target))} (FORMAT parquet)")


@cache
def _in_memory_database() -> duckdb.DuckDBPyConnection:
    """One for the process: making it takes ten times as long as writing a replication's rows."""
    import duckdb

    return duckdb.connect()
