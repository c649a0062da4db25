"""What has been spent in this day or month, estimates of what is under way included."""

from __future__ import annotations

import math

DAY = 86_400.0
PERIODS = {"day": DAY, "month": 30 * DAY}
"""Periods begin at t = 0; a month has 30 days."""


class Ticket:
    """An estimate that a meter has counted, in which period; it is settled once."""

    __slots__ = ("is_open", "nano", "number")

    def __init__(self, number: int, nano: int) -> None:
        self.number, self.nano, self.is_open = number, nano, True


class SpendMeter:
    """Money in integer nano-dollars."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._number = 0
        self._nano = 0

    def reserve(self, now: float, usd: float) -> Ticket:
        """Count an estimate now; the ticket settles it."""
        self._turn(now)
        nano = _up(usd)
        self._nano += nano
        return Ticket(self._number, nano)

    def fits(self, now: float, usd: float, limit: float) -> bool:
        """Whether an estimate of `usd`, beside what is spent and reserved, stays within `limit`."""
        self._turn(now)
        return self._nano + _up(usd) <= round(limit * 1e9)

    def settle(self, ticket: Ticket, now: float, usd: float) -> None:
        """Replace an estimate by the bill, once. A ticket that is never settled keeps its estimate; one of an earlier period changes nothing."""
        self._turn(now)
        if ticket.is_open and ticket.number == self._number:
            self._nano += round(usd * 1e9) - ticket.nano
        ticket.is_open = False

    def spent(self, now: float) -> float:
        """USD in the period of `now`."""
        self._turn(now)
        return self._nano / 1e9

    def period(self, now: float) -> int:
        """Number of the period of `now`, from 0 at t = 0."""
        self._turn(now)
        return self._number

    def _turn(self, now: float) -> None:
        number = int(now // self._period)
        if number > self._number:
            self._number, self._nano = number, 0


def _up(usd: float) -> int:
    """Nano-dollars, rounded up, so that the bill of what was estimated exactly is never the larger one."""
    return math.ceil(usd * 1e9 - 1e-4)
