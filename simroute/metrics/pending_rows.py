"""Rows of attempts or events that wait for their requests to close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simroute.ledger import Chunk


class PendingRows:
    """Chunks of rows that belong to requests, by `request_id` (negative: to none). A chunk is kept
    whole until all of its requests have been taken, which is less work than to part it."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._left: list[int] = []  # by chunk: rows that are still to be taken

    def add(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self._left.append(int(np.count_nonzero(chunk["request_id"] >= 0)))

    def take(self, first: int, size: int, names: Sequence[str] = ()) -> Chunk | None:
        """Returns the columns `names` (default: all) of the rows of the `size` requests from
        `first` on, each of which is taken once. None if no chunk is there."""
        if not self.chunks:
            return None
        parts = []
        for place, chunk in enumerate(self.chunks):
            ids = chunk["request_id"]
            rows = np.flatnonzero((ids >= first) & (ids < first + size))
            self._left[place] -= len(rows)
            parts.append({name: chunk[name][rows] for name in names or chunk})
        kept = [place for place, left in enumerate(self._left) if left > 0]
        self.chunks = [self.chunks[place] for place in kept]
        self._left = [self._left[place] for place in kept]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
