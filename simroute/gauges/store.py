"""What a cache remembers: a mapping with lifetime, size and eviction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any


class Store(Mapping[Hashable, Any]):
    """Up to `size` entries for `ttl` seconds each, from insertion or (`sliding`) from the last use.

    Evicts the oldest (fifo), the longest unused (lru) or the least used (lfu; of equals the longest
    unused). Read as a mapping it shows what held at the last `put`, `get_at` or `expire`. All
    operations take amortised O(1), for lfu O(log n).
    """

    def __init__(self, size: int, ttl: float, eviction: str = "lru", sliding: bool = False) -> None:
        self.size, self.ttl, self.eviction, self.sliding = size, ttl, eviction, sliding
        self._entries: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._born: OrderedDict[Hashable, float] = OrderedDict()
        # how often, and when last, by a running number
        self._uses: dict[Hashable, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, Hashable]] = []
        self._order = 0

    def put(self, now: float, key: Hashable, value: Any) -> None:
        """Remember, for `ttl` from now."""
        if key in self._entries:
            self._drop(key)
        self.expire(now)
        if len(self._entries) >= self.size:
            self._drop(self._victim())
        self._entries[key] = (now, value)
        self._born[key] = now
        if self.eviction == "lfu":
            self._count(key)

    def get_at(self, now: float, key: Hashable) -> Any | None:
        """What was remembered, if it still holds; counts as a use."""
        self.expire(now)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self.eviction == "lru":
            self._entries.move_to_end(key)
        elif self.eviction == "lfu":
            self._count(key)
        if self.sliding:
            self._born.move_to_end(key)
            self._born[key] = now
        return entry[1]

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self._born:
            key, born = next(iter(self._born.items()))
            if now - born < self.ttl:
                return
            self._drop(key)

    def _count(self, key: Hashable) -> None:
        self._order += 1
        self._uses[key] = self._uses.get(key, (0, 0))[0] + 1, self._order
        heappush(self._heap, (*self._uses[key], key))
        if len(self._heap) > 64 + 4 * len(self._entries):
            self._heap = [entry for entry in self._heap if self._uses.get(entry[2]) == entry[:2]]
            heapify(self._heap)

    def _victim(self) -> Hashable:
        while self.eviction == "lfu":
            uses, order, key = heappop(self._heap)
            if self._uses.get(key) == (uses, order):
                return key
        oldest: Hashable = next(iter(self._entries))
        return oldest

    def _drop(self, key: Hashable) -> None:
        del self._entries[key]
        del self._born[key]
        self._uses.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __getitem__(self, key: Hashable) -> Any:
        return self._entries[key][1]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
