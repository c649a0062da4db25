"""Who pays for a request of which sends were given up whose bills are not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from simroute.gauges.budget import Account
from simroute.gauges.meter import Ticket

LOOKS, MOST_OWING = 4, 4096


class Owed(NamedTuple):
    """Who pays, the call, what its request had been billed before, and the ticket of what the meter
    counts for it."""

    account: Account
    call: Any
    before: float
    ticket: Ticket


class Owing:
    """Of each such request one entry; beyond so many the oldest keep their estimates."""

    def __init__(self) -> None:
        self._entries: dict[int, Owed] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def join(self, owed: Owed) -> Owed:
        """The entry of a request that comes by again, which then pays for all of it; else the same
        one."""
        earlier = self._entries.pop(id(owed.call.request), None) if self._entries else None
        if earlier is None:
            return owed
        owed.account.meter.settle(owed.ticket, 0.0)
        return earlier

    def settle(self, owed: Owed, usd: float, more: bool) -> None:
        """So much was billed, or is estimated where `more` bills are to come."""
        ticket = owed.account.meter.settle(owed.ticket, usd)
        if more:
            self._entries[id(owed.call.request)] = owed._replace(ticket=ticket)

    def some(self) -> Iterator[Owed]:
        """A few whose bills may have come, by turns."""
        for _ in range(min(LOOKS, len(self._entries))):
            yield self._entries.pop(next(iter(self._entries)))
        while len(self._entries) > MOST_OWING:
            del self._entries[next(iter(self._entries))]
