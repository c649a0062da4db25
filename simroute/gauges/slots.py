"""Calls under way at one target, as many as a limit lets in, and the line of those who wait."""

from __future__ import annotations

from typing import Generic, TypeVar

from simroute.gauges.concurrency import AimdLimit, ConcurrencyLimit
from simroute.gauges.line import Asks, Line, Order

T = TypeVar("T")


class FixedLimit:
    """As many as there are."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def sample(self, seconds: float, in_flight: int, dropped: bool) -> int:
        return self.limit


class Slots(Generic[T]):
    """busy: calls that are let in and have not ended. A slot is passed on to the one who is next as
    soon as it is free, so nobody who comes later can take it."""

    def __init__(self, rule: ConcurrencyLimit, order: Order) -> None:
        self.rule, self.busy, self._latest = rule, 0, 0.0
        self.line: Line[T] = Line(order)
        self._given: set[T] = set()

    def enter(self) -> bool:
        """A call comes: whether it is let in at once."""
        free = self.busy < self.rule.limit and not len(self.line)
        self.busy += free
        return free

    def wait(self, waiting: T, request: Asks) -> T | None:
        """It waits; returns who must go for it."""
        return self.line.join(waiting, request)

    def let_in(self) -> list[T]:
        """Those who wait and are let in now, in order."""
        came = []
        while len(self.line) and self.busy < self.rule.limit:
            self.busy += 1
            came.append(self.line.pop())
        self._given.update(came)
        return came

    def take(self, waiting: T) -> None:
        """It has heard that it is let in."""
        self._given.discard(waiting)

    def leave(self, waiting: T) -> None:
        """It goes away without having heard."""
        if not self.line.leave(waiting) and waiting in self._given:
            self._given.discard(waiting)
            self.busy -= 1

    def tell(self, seconds: float, in_flight: int, dropped: bool) -> None:
        """A call was answered, or dropped. One that was dropped sooner than the last answer came is
        taken for as long as that: a quick refusal does not mean that nobody waits."""
        if dropped:
            seconds = max(seconds, self._latest)
        else:
            self._latest = seconds
        if seconds > 0 or isinstance(self.rule, AimdLimit):  # the others know nothing without time
            self.rule.sample(seconds, in_flight, dropped)

    def end(self) -> None:
        """A call that was let in has ended."""
        self.busy -= 1
        if self.busy == 0 and not len(self.line):
            self.line.begin_anew()
