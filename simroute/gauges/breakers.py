"""Breakers side by side: who shares one, and how many may be open."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from simroute.gauges.breaker import CLOSED, BreakerState


class Breakers:
    """The breakers that calls have met. by_call: each under all keys of calls that meet it; names:
    what reports call them.

    make: a new one. most: the oldest keys beyond so many are forgotten, with their breakers. share:
    the most of them that may be open, so that `closed` of them are not.
    """

    def __init__(
        self,
        make: Callable[[], BreakerState],
        most: int | None = None,
        share: float = 1.0,
        closed: int = 0,
    ) -> None:
        self.by_call: dict[Hashable, BreakerState] = {}
        self.names: dict[BreakerState, str] = {}
        self._shared: dict[Hashable, BreakerState] = {}
        self._make, self._most, self._share, self._closed = make, most, share, closed

    def join(
        self, key: Hashable, shared: Hashable, name: str, spared: bool = False
    ) -> BreakerState:
        """The breaker that calls of `key` meet, with all others that share it; spared: it never
        opens."""
        if shared not in self._shared:
            self._shared[shared] = made = self._make()
            self.names[made] = name
            if spared:
                made.may_open = lambda state: False
            elif self._share < 1.0 or self._closed:
                made.may_open = self._may_open
        state = self.by_call[key] = self._shared[shared]
        if self._most is not None and len(self.by_call) > self._most:
            oldest = self.by_call.pop(next(iter(self.by_call)))
            if self.names.pop(oldest, None) is not None:
                del self._shared[next(key for key, one in self._shared.items() if one is oldest)]
        return state

    def all_out(self, now: float) -> bool:
        """Whether none of them is closed."""
        return all(state.at(now) != CLOSED for state in self._shared.values())

    def _may_open(self, state: BreakerState) -> bool:
        known = len(self._shared)
        out = 1 + sum(one.state != CLOSED for one in self._shared.values() if one is not state)
        return out <= self._share * known + 1e-9 and known - out >= self._closed
