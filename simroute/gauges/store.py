"""What a cache remembers: a mapping with lifetime, size and eviction."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, Self

from simroute.gauges.merging import Mergeable
from simroute.gauges.newest import Newest


class Store(Mapping[Hashable, Any], Mergeable):
    """Up to `size` entries for `ttl` seconds each, from insertion or (`sliding`) from the last use.

    Evicts the oldest (fifo), the longest unused (lru), the least used (lfu; of equals the longest
    unused) or any (random). Read as a mapping it shows what held at the last `put`, `get_at` or
    `expire`. All operations take amortised O(1), for lfu O(log n).
    """

    def __init__(self, size: int, ttl: float, eviction: str = "lru", sliding: bool = False) -> None:
        self.size, self.ttl, self.eviction, self.sliding = size, ttl, eviction, sliding
        self._entries: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._born: OrderedDict[Hashable, float] = OrderedDict()
        # how often, and when last, by a running number
        self._uses: dict[Hashable, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, Hashable]] = []
        self._order = 0
        self._places: dict[Hashable, int] = {}  # in `_keys`, where any one may be evicted
        self._keys: list[Hashable] = []

    def put(self, now: float, key: Hashable, value: Any, chance: float = 0.0) -> None:
        """Remember, for `ttl` from now. chance: in [0, 1), says whom a random eviction takes."""
        if key in self._entries:
            self._drop(key)
        self.expire(now)
        if len(self._entries) >= self.size:
            self._drop(self._victim(chance))
        self._entries[key] = (now, value)
        self._born[key] = now
        self._enter(key)

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

    @classmethod
    def merge(cls, states: Sequence[Self], known: Sequence[float | None], now: float) -> float:
        """What is kept, with its age; not how often others used it."""
        since = [-math.inf if each is None else each for each in known]
        fresh: dict[Hashable, tuple[float, Any]] = {}
        for state in states:
            for key, entry in state._since(min(since)):
                if key not in fresh or fresh[key][0] < entry[0]:
                    fresh[key] = entry
        news = sorted(fresh.items(), key=lambda item: item[1][0])
        for state, mark in zip(states, since, strict=True):
            state._take_over([(key, entry) for key, entry in news if entry[0] >= mark], now)
        return now

    def _since(self, then: float) -> Iterator[tuple[Hashable, tuple[float, Any]]]:
        for key in reversed(self._born):
            if self._born[key] < then:
                return
            if self._entries[key][0] >= then:
                yield key, self._entries[key]

    def _take_over(self, news: Sequence[tuple[Hashable, tuple[float, Any]]], now: float) -> None:
        taken = 0
        for key, (at, value) in news:
            if now - at >= self.ttl or (key in self._entries and self._entries[key][0] >= at):
                continue
            if key in self._entries:
                self._drop(key)
            elif len(self._entries) >= self.size:
                self._drop(self._victim())
            self._entries[key], self._born[key] = (at, value), at
            taken += 1
            self._enter(key)
        if taken:
            self._order_last(taken, news[0][1][0])

    def _order_last(self, most: int, then: float) -> None:
        """Brings the last entries, and what was born after `then`, into the order of birth."""
        last: list[tuple[Hashable, float]] = []
        while self._born and (len(last) < most or last[-1][1] > then):
            last.append(self._born.popitem())
        last.reverse()
        self._born.update(sorted(last, key=lambda item: item[1]))

    def _enter(self, key: Hashable) -> None:
        """What evictions need to know of a new entry."""
        if self.eviction == "lfu":
            self._count(key)
        elif self.eviction == "random":
            self._places[key] = len(self._keys)
            self._keys.append(key)

    def _count(self, key: Hashable) -> None:
        self._order += 1
        self._uses[key] = self._uses.get(key, (0, 0))[0] + 1, self._order
        heappush(self._heap, (*self._uses[key], key))
        if len(self._heap) > 64 + 4 * len(self._entries):
            self._heap = [entry for entry in self._heap if self._uses.get(entry[2]) == entry[:2]]
            heapify(self._heap)

    def _victim(self, chance: float = 0.0) -> Hashable:
        if self.eviction == "random":
            return self._keys[int(chance * len(self._keys))]
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
        if self.eviction == "random":
            place, last = self._places.pop(key), self._keys.pop()
            if last != key:
                self._keys[place], self._places[last] = last, place

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __getitem__(self, key: Hashable) -> Any:
        return self._entries[key][1]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class Shelves:
    """A store of its own for each name; of more than `most` the one that was opened first is
    emptied."""

    def __init__(
        self,
        size: int,
        ttl: float,
        eviction: str = "lru",
        sliding: bool = False,
        most: int = 10_000,
    ) -> None:
        self._make = partial(Store, size, ttl, eviction, sliding)
        self._stores: Newest[str, Store] = Newest(most)

    def of(self, name: str) -> Store:
        """The store of a name."""
        store = self._stores.get(name)
        if store is None:
            store = self._stores[name] = self._make()
        return store
