"""Append-only tables of a run: rows in, columns out, a chunk at a time. Chunks that were handed on
are not kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

import numpy as np

OUTCOMES = ("ok", "failed", "rejected", "truncated", "abandoned")
CACHED = {"no": 0, "exact": 1, "semantic": 2, "stale": 3, "static": 4}
"""Where an answer came from, if not from a model now."""
CHUNK = 8192

Chunk = dict[str, np.ndarray]
Sink = Callable[[str, Chunk], None]
"""Called with a table's name ("requests", "attempts", "events") and a chunk of it."""

CODES = {"i1": "b", "i4": "i", "i8": "q", "f8": "d", "b1": "?"}
"""NumPy's name of a number's type -> that of `struct`."""


def from_cache(cached: np.ndarray) -> np.ndarray:
    """Which answers a cache gave, of a column of `CACHED`."""
    return np.asarray((cached != CACHED["no"]) & (cached != CACHED["static"]))


class RowFormat:
    """Rows of numbers as bytes: `pack(*row)` makes one of them, `columns` arrays of many.

    A packed row costs a third of a tuple of numbers in memory, and no time at the end of a chunk.
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._type = np.dtype(list(columns.items()))
        kinds = (np.dtype(kind).str[1:] for kind in columns.values())
        self.pack = Struct("=" + "".join(CODES[kind] for kind in kinds)).pack

    def columns(self, rows: list[bytes]) -> Chunk:
        """Returns the columns of these rows by name, each an array of its own."""
        records = np.frombuffer(b"".join(rows), self._type)
        return {name: records[name].copy() for name in self._type.names or ()}


class SparseFormat:
    """Rows of which most are usual in some columns: those are packed by themselves, and only for
    rows that differ.

    usual: the value of such a column, or the name of another that it is equal to.
    pack(*row): all other columns; pack_detail(*row): these; both in the order of `columns`.
    """

    def __init__(self, columns: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
        self._kinds, self._usual = columns, usual
        self._rows = RowFormat({name: columns[name] for name in columns if name not in usual})
        self._details = RowFormat({name: columns[name] for name in columns if name in usual})
        self.pack, self.pack_detail = self._rows.pack, self._details.pack

    def columns(self, rows: list[bytes], details: Mapping[int, bytes]) -> Chunk:
        """Returns all columns, each an array of its own. details: by place among the rows."""
        known = self._rows.columns(rows)
        for name, value in self._usual.items():
            known[name] = np.full(len(rows), known.get(value, value), self._kinds[name])
        if details:
            places = np.fromiter(details, np.int64)
            for name, column in self._details.columns(list(details.values())).items():
                known[name][places] = column
        return {name: known[name] for name in self._kinds}


ATTEMPTS: dict[str, Any] = {
    "request_id": np.int64,
    "replica": np.int32,
    "attempt": np.int32,
    "target_attempt": np.int32,
    "target": np.int32,
    "start_s": np.float64,
    "end_s": np.float64,
    "left_s": np.float64,
    "status": np.int32,
    "error": np.int32,
    "retry_after_s": np.float64,
    "input_tokens": np.int64,
    "output_tokens": np.int64,
    "cached_tokens": np.int64,
    "cost_nano": np.int64,
    "abandoned": np.bool_,
    "probe": np.bool_,
    "cause": np.int32,
}
ATTEMPT_ROW = SparseFormat(
    ATTEMPTS,
    {
        "left_s": "end_s",
        "status": 200,
        "error": 0,
        "retry_after_s": np.nan,
        "abandoned": False,
        "cause": 0,
    },
)
"""Usual is a whole answer that somebody waited for."""
EVENTS: dict[str, Any] = {
    "t_s": np.float64,
    "replica": np.int32,
    "event": np.int32,
    "request_id": np.int64,
    "layer": np.int32,
    "target": np.int32,
    "detail": object,
}


class Names(dict[str, int]):
    """Codes of words: small integers in order of first use. code(word): the code of a word; a new
    word gets the next one."""

    code = dict.__getitem__

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        super().__init__((word, code) for code, word in enumerate(words))

    def __missing__(self, word: str) -> int:
        code = self[word] = len(self)
        return code

    @property
    def words(self) -> list[str]:
        return list(self)


class Ledger:
    """The rows of one run. Every chunk is given to each of `sinks` once, in order.

    attempts: rows packed by `ATTEMPT_ROW`; details: of the unusual ones, by place among them.
    events: tuples of the columns of `EVENTS`.
    """

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks
        self.attempts: list[bytes] = []
        self.details: dict[int, bytes] = {}
        self.events: list[tuple[Any, ...]] = []
        self.errors, self.event_names, self.layers = Names(("",)), Names(), Names()
        self.causes = Names(("",))

    def emit(self, table: str, chunk: Chunk) -> None:
        """Hands a chunk to every sink. Attempts and events of requests come before the requests
        themselves."""
        if table == "requests":
            self.close()
        for sink in self._sinks:
            sink(table, chunk)

    def spill(self) -> None:
        """Hands on attempts and events if there are at least `CHUNK` of them."""
        if len(self.attempts) >= CHUNK:
            self._flush_attempts()
        if len(self.events) >= CHUNK:
            self._flush_events()

    def close(self) -> None:
        """Hands on all attempts and events that are left."""
        self._flush_attempts()
        self._flush_events()

    def _flush_attempts(self) -> None:
        if self.attempts:
            chunk = ATTEMPT_ROW.columns(self.attempts, self.details)
            self.attempts.clear()
            self.details.clear()
            self.emit("attempts", chunk)

    def _flush_events(self) -> None:
        if self.events:
            columns = zip(EVENTS.items(), zip(*self.events, strict=True), strict=True)
            chunk = {name: np.array(values, kind) for (name, kind), values in columns}
            self.events.clear()
            self.emit("events", chunk)
