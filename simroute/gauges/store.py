"""What a cache remembers: a mapping with lifetime, size and eviction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any


class Store(Mapping[Hashable, Any]):
    """Up to `size` entries for `ttl` seconds each from insertion. Evicts the oldest (fifo), the longest unused (lru) or the least used (lfu)."""

    def __init__(self, size: int, ttl: float, eviction: str = "lru") -> None:
        self.size, self.ttl, self.eviction = size, ttl, eviction
        self._entries: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._born: OrderedDict[Hashable, float] = OrderedDict()
        self._uses: dict[Hashable, int] = {}
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
        return entry[1]

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self._born:
            key, born = next(iter(self._born.items()))
            if now - born < self.ttl:
                return
            self._drop(key)

    def _count(self, key: Hashable) -> None:
        self._uses[key] = self._uses.get(key, 0) + 1
        self._order += 1
        heappush(self._heap, (self._uses[key], self._order, key))
        if len(self._heap) > 64 + 4 * len(self._entries):
            self._heap = [entry for entry in self._heap if self._uses.get(entry[2]) == entry[0]]
            heapify(self._heap)

    def _victim(self) -> Hashable:
        key: Hashable
        while self.eviction == "lfu":
            uses, _, key = heappop(self._heap)
            if self._uses.get(key) == uses:
                return key
        return next(iter(self._entries))

    def _drop(self, key: Hashable) -> None:
        del self._entries[key]
        del self._born[key]
        self._uses.pop(key, None)

    def __getitem__(self, key: Hashable) -> Any:
        return self._entries[key][1]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
