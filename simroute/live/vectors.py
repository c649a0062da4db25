"""Vectors of questions by what else was asked with them, and the nearest ones to another."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Container, Hashable, Sequence

import numpy as np

from simroute.core import Match

NEAR = 8
"""Neighbours that a search tells: should the best be gone when it is wanted, the next will do."""
SWEPT = 2
"""Entries looked at in each search, whether anybody still has them; a search adds at most one."""
MOST_AT_ONCE = 1 << 20
"""Numbers that are compared in the loop's own thread, in a fraction of a millisecond; more of them
in another one, where the loop goes on."""
DIGITS = 6
"""Of a cosine: what vectors of 32 bits bear."""
Vector = np.ndarray
Context = Hashable


def unit(numbers: Sequence[float]) -> Vector:
    """A vector of length 1. Raises ValueError for what has no direction."""
    vector = np.asarray(numbers, dtype=np.float64)
    length = float(np.linalg.norm(vector)) if vector.ndim == 1 else 0.0
    if not 0.0 < length < np.inf:
        raise ValueError("an embedding is a list of finite numbers, not all of them zero")
    return (vector / length).astype(np.float32)


class Group:
    """Vectors that may be compared with one another: of questions asked in the same context."""

    def __init__(self, dimensions: int) -> None:
        self.keys: list[Hashable] = []
        self._place: dict[Hashable, int] = {}
        self._rows = np.empty((1, dimensions), dtype=np.float32)

    def put(self, key: Hashable, vector: Vector) -> None:
        place = self._place.setdefault(key, len(self.keys))
        if place == len(self.keys):
            self.keys.append(key)
            if place == len(self._rows):
                self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))
        self._rows[place] = vector

    def drop(self, key: Hashable) -> None:
        """The last one takes its place."""
        place, last = self._place.pop(key), self.keys.pop()
        if place < len(self.keys):
            self.keys[place] = last
            self._place[last] = place
            self._rows[place] = self._rows[len(self.keys)]

    async def nearest(self, vector: Vector, most: int) -> list[Match]:
        """Up to so many, the nearest first. What changes meanwhile is not among them."""
        keys, rows = list(self.keys), self._rows[: len(self.keys)]
        if rows.size <= MOST_AT_ONCE:
            places = _best(rows, vector, most)
        else:
            loop = asyncio.get_running_loop()
            places = await loop.run_in_executor(None, _best, rows, vector, most)
        # a row may have been written anew while another thread read it: each is looked at again
        matches = [
            Match(keys[place], round(float(self._rows[now] @ vector), DIGITS))
            for place in places
            if (now := self._place.get(keys[place])) is not None
        ]
        return sorted(matches, key=lambda match: -match.cosine)


def _best(rows: np.ndarray, vector: Vector, most: int) -> list[int]:
    """Places of the largest products."""
    products = rows @ vector
    if len(products) > most:
        found: list[int] = np.argpartition(products, -most)[-most:].tolist()
        return found
    return list(range(len(products)))


class VectorIndex:
    """What one cache can find by meaning. Entries that the cache no longer has are forgotten a few
    at a time, and when a search meets them."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Context, int], Group] = {}
        self._names: OrderedDict[Hashable, tuple[Context, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._names)

    def put(self, context: Context, key: Hashable, vector: Vector) -> None:
        """Remembers a question."""
        if key in self._names:
            self._drop(key)
        name = self._names[key] = context, len(vector)
        if name not in self._groups:
            self._groups[name] = Group(len(vector))
        self._groups[name].put(key, vector)

    async def nearest(
        self, context: Context, vector: Vector, held: Container[Hashable]
    ) -> list[Match]:
        """The nearest ones of the same context that are `held`, the nearest first."""
        for _ in range(min(SWEPT, len(self._names))):
            key = next(iter(self._names))
            if key in held:
                self._names.move_to_end(key)
            else:
                self._drop(key)
        name, most = (context, len(vector)), NEAR
        while (group := self._groups.get(name)) is not None:
            matches = await group.nearest(vector, most)
            for match in matches:
                if match.key not in held and match.key in self._names:
                    self._drop(match.key)
            there = [match for match in matches if match.key in held]
            if there:
                return there
            most *= NEAR
        return []

    def _drop(self, key: Hashable) -> None:
        name = self._names.pop(key)
        self._groups[name].drop(key)
        if not self._groups[name].keys:
            del self._groups[name]
