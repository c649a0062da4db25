"""Rows of attempts or events that wait for their requests to close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simroute.ledger import Chunk


def places_among(requests: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Where these ids stand among rising numbers of requests, mostly consecutive ones."""
    if int(requests[-1]) - int(requests[0]) + 1 == len(requests):
        return np.asarray(ids - int(requests[0]))
    return np.searchsorted(requests, ids)


class PendingRows:
    """Chunks of rows that belong to requests, by `request_id` (negative: to none). A chunk is kept
    whole until all of its requests have been taken, which is less work than to part it."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._left: list[int] = []  # by chunk: rows that are still to be taken

    def add(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self._left.append(int(np.count_nonzero(chunk["request_id"] >= 0)))

    def take(self, requests: np.ndarray, names: Sequence[str] = ()) -> Chunk | None:
        """Returns the columns `names` (default: all) of the rows of these requests (rising
        numbers, of which those in between have no rows), each of which is taken once. None if no
        chunk is there."""
        if not self.chunks:
            return None
        first, last = int(requests[0]), int(requests[-1])
        parts = []
        for place, chunk in enumerate(self.chunks):
            ids = chunk["request_id"]
            rows = np.flatnonzero((ids >= first) & (ids <= last))
            self._left[place] -= len(rows)
            parts.append({name: chunk[name][rows] for name in names or chunk})
        kept = [place for place, left in enumerate(self._left) if left > 0]
        self.chunks = [self.chunks[place] for place in kept]
        self._left = [self._left[place] for place in kept]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
