"""Append-only tables of a run: rows in, columns out, a chunk at a time. Chunks that were handed on
are not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OUTCOMES = ("ok", "failed", "rejected", "truncated")
CACHED = {"no": 0, "exact": 1, "semantic": 2}
CHUNK = 8192

Chunk = dict[str, np.ndarray]
Sink = Callable[[str, Chunk], None]
"""Called with a table's name ("requests", "attempts", "events") and a chunk of it."""

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
}
EVENTS: dict[str, Any] = {
    "t_s": np.float64,
    "replica": np.int32,
    "event": np.int32,
    "request_id": np.int64,
    "layer": np.int32,
    "target": np.int32,
    "detail": object,
}


class Names:
    """Codes of words: small integers in order of first use."""

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        self._codes = {word: code for code, word in enumerate(words)}

    def code(self, word: str) -> int:
        """Returns the code of a word; a new word gets the next one."""
        code = self._codes.get(word)
        if code is None:
            code = self._codes[word] = len(self._codes)
        return code

    @property
    def words(self) -> list[str]:
        return list(self._codes)


class Ledger:
    """The rows of one run. Every chunk is given to each of `sinks` once, in order."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks
        self.attempts: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.errors, self.event_names, self.layers = Names(("",)), Names(), Names()

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
            self._flush("attempts", self.attempts, ATTEMPTS)
        if len(self.events) >= CHUNK:
            self._flush("events", self.events, EVENTS)

    def close(self) -> None:
        """Hands on all attempts and events that are left."""
        self._flush("attempts", self.attempts, ATTEMPTS)
        self._flush("events", self.events, EVENTS)

    def _flush(self, table: str, rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> None:
        if rows:
            values = zip(*rows, strict=True)
            self.emit(
                table,
                {
                    name: np.array(column, kind)
                    for (name, kind), column in zip(columns.items(), values, strict=True)
                },
            )
            rows.clear()
