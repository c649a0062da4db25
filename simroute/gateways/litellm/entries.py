"""What the Router's cache holds, as far as it is too small: 200 entries for all deployments."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

Entry = tuple[str, str]
"""Of which kind, and of which deployment."""
MOST = 200
EACH = 6
"""Entries that a deployment has at most: what it has been used, passes, fails, its cooldown, and
the failures of this minute and the one before."""


class Entries:
    """When each of them ends. Whoever writes throws out what has ended and, where the cache is
    full, what would end first, whether it still counts or not."""

    def __init__(self, forget: Callable[[str, str], None], most: int = MOST) -> None:
        self._forget, self._most = forget, most
        self._ends: dict[Entry, float] = {}
        self._heap: list[tuple[float, Entry]] = []

    def put(self, now: float, kind: str, name: str, life: float) -> None:
        """One is written; while it lives its end stays where it is."""
        while self._heap:
            end, entry = self._heap[0]
            if self._ends.get(entry) == end and end > now and len(self._ends) < self._most:
                break
            heappop(self._heap)
            if self._ends.get(entry) == end:
                del self._ends[entry]
                self._forget(*entry)
        if (kind, name) not in self._ends:
            self._ends[kind, name] = now + life
            heappush(self._heap, (now + life, (kind, name)))
