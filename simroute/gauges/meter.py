"""What has been spent in a period, estimates of what is under way included."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from simroute.gauges.merging import Mergeable


class Ticket:
    """An estimate that a meter has counted, in which slot; it is settled once."""

    __slots__ = ("is_open", "nano", "slot")

    def __init__(self, slot: float, nano: int) -> None:
        self.slot, self.nano, self.is_open = slot, nano, True


class SpendMeter(Mergeable):
    """Money in integer nano-dollars, by slot of time. A period that begins anew is one slot; a
    rolling one is many, the oldest of which drop out."""

    def __init__(self) -> None:
        self._slots: dict[float, int] = {}
        self._slot = self._oldest = -math.inf
        self._nano = 0

    def turn(self, slot: float, oldest: float) -> None:
        """It is now `slot`; what was spent in slots before `oldest` counts no more."""
        if slot == self._slot:
            return
        self._slot, self._oldest = slot, oldest
        while self._slots and (first := next(iter(self._slots))) < oldest:
            self._nano -= self._slots.pop(first)

    def reserve(self, usd: float) -> Ticket:
        """Count an estimate now; the ticket settles it."""
        nano = nano_up(usd)
        self._slots[self._slot] = self._slots.get(self._slot, 0) + nano
        self._nano += nano
        return Ticket(self._slot, nano)

    def reserve_within(self, usd: float, limit: float) -> Ticket | None:
        """The same if it, beside what is spent and reserved, stays within `limit`; else None."""
        fits = limit == math.inf or self._nano + nano_up(usd) <= round(limit * 1e9)
        return self.reserve(usd) if fits else None

    def settle(self, ticket: Ticket, usd: float) -> Ticket:
        """Replace an estimate by the bill, once; the ticket that is returned corrects the bill.

        One that is never settled keeps its estimate; one of a slot that counts no more changes
        nothing.
        """
        corrects = Ticket(ticket.slot, round(usd * 1e9))
        if ticket.is_open and ticket.slot in self._slots:
            self._slots[ticket.slot] += corrects.nano - ticket.nano
            self._nano += corrects.nano - ticket.nano
        corrects.is_open, ticket.is_open = ticket.is_open, False
        return corrects

    @property
    def spent(self) -> float:
        """USD that count now."""
        return self._nano / 1e9

    @classmethod
    def merge(
        cls, states: Sequence[Self], known: Sequence[Mapping[float, int] | None], now: float
    ) -> Mapping[float, int]:
        """Money spent, and reserved for calls under way."""
        oldest = max(state._oldest for state in states)
        common: Mapping[float, int] = next((each for each in known if each is not None), {})
        total = dict(common)
        for state, before in zip(states, known, strict=True):
            for slot, nano in state._slots.items():
                more = nano - (0 if before is None else before.get(slot, 0))
                total[slot] = total.get(slot, 0) + more
        total = {slot: total[slot] for slot in sorted(total) if slot >= oldest}
        for state in states:
            state._slots, state._nano = dict(total), sum(total.values())
        return total


class SharedMeter(Protocol):
    """A meter that lasts, and in which others count as well: it has to be asked, and its answer
    awaited. What is given up meanwhile is not counted."""

    @property
    def spent(self) -> float:
        """USD that count, as far as is known without asking."""

    def turn(self, slot: float, oldest: float) -> None: ...

    async def look(self) -> None:
        """Ask what counts now."""

    async def reserve(self, usd: float, limit: float) -> Ticket | None:
        """Count an estimate if it stays within `limit` (inf: in any case)."""

    def settle(self, ticket: Ticket, usd: float) -> Ticket: ...


def nano_up(usd: float) -> int:
    """Nano-dollars, rounded up, so that the bill of what was estimated exactly is never the larger
    one."""
    return math.ceil(usd * 1e9 - 1e-4)
