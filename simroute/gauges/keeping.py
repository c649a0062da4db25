"""How long a cache keeps answers, how many, and for whom: the parameters that say so, and its
stores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from simroute.core.call import Request
from simroute.core.params import Doc, Period, Positive, Seconds, Status
from simroute.core.target import Target, permits
from simroute.gauges.store import Shelves

Place = tuple[str, Hashable]
"""Who shares an answer, and what was asked."""
Allowed = tuple[frozenset[str], Callable[[], Mapping[str, Target]]]
"""What a request forbids, and the targets that there are."""


class Kept(NamedTuple):
    """An answer, and the target that gave it."""

    answer: Any
    target: str | None

    def for_one(self, forbids: frozenset[str], targets: Mapping[str, Target]) -> Any | None:
        """The answer for a request that forbids these, None if it forbids who gave it."""
        maker = targets.get(self.target or "")
        return self.answer if maker is not None and permits(forbids, maker) else None


@dataclass
class Keeping:
    """Stores of each scope: answers that hold, those that are too old and still better than none,
    and refusals that would come again."""

    ttl: Annotated[Period, Doc("lifetime of an answer, from when it was stored")] = 3600.0
    sliding: Annotated[bool, Doc("each hit starts the lifetime anew")] = False
    size: Annotated[Positive, Doc("answers kept, in each scope")] = 10_000
    eviction: Annotated[
        Literal["lru", "lfu", "fifo", "random"],
        Doc("goes first: longest unused, least used, oldest, any"),
    ] = "lru"
    scope: Annotated[Literal["all", "user", "feature"], Doc("who shares answers")] = "all"
    stale: Annotated[Seconds, Doc("after its lifetime, given for so long if asking failed")] = 0.0
    failures_ttl: Annotated[Seconds, Doc("lifetime of a refusal; 0: not remembered")] = 0.0
    failures: Annotated[tuple[Status, ...], Doc("refusals that would come again")] = (400, 413, 422)

    def __post_init__(self) -> None:
        self._fresh = Shelves(self.size, self.ttl, self.eviction, self.sliding)
        self._old = Shelves(self.size, self.ttl + self.stale, self.eviction, self.sliding)
        self._refused = Shelves(self.size, self.failures_ttl or 1.0)
        self._leads = Shelves(self.size, self.ttl, self.eviction, self.sliding)
        for shelves in (self._fresh, self._leads, self._old, self._refused):
            shelves.of("")  # there for what other replicas tell

    def whose(self, request: Request) -> str:
        """Who shares answers to this request."""
        return "" if self.scope == "all" else str(getattr(request, self.scope))

    def found_at(self, now: float, shelves: Shelves, place: Place, allowed: Allowed) -> Any | None:
        """An answer that still holds, and that may be given."""
        kept: Kept | None = shelves.of(place[0]).get_at(now, place[1])
        if kept is None or not allowed[0]:
            return None if kept is None else kept.answer
        return kept.for_one(allowed[0], allowed[1]())

    def refused_at(self, now: float, place: Place) -> Any | None:
        """A refusal that still holds."""
        return self._refused.of(place[0]).get_at(now, place[1]) if self.failures_ttl else None

    def put(self, now: float, place: Place, kept: Kept, chance: float) -> None:
        """Keep an answer. chance: in [0, 1), says whom a random eviction takes."""
        self._fresh.of(place[0]).put(now, place[1], kept, chance)
        if self.stale:
            self._old.of(place[0]).put(now, place[1], kept, chance)
