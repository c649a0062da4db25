"""Whose money it is, for how long, and how much of it there is by now: the parameters of a budget
that say so, and its accounts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.call import Request
from simroute.core.params import Clock, Doc, Name, Period, Share, Usd, Zone
from simroute.core.target import Target
from simroute.gauges.budget import Account, SpendRate
from simroute.gauges.meter import SharedMeter
from simroute.gauges.newest import Newest

DAY, SLOTS = 86_400.0, 1000
"""Seconds; a rolling window drops what it has counted in so many steps."""
Calendar = Callable[[str, str, str], tuple[float, float]]
"""Begin and end (s) of the day, week or month that it is now, in a zone, from a time of day on."""


@dataclass
class Funds:
    """Sums by period, one for all calls or one for each user, feature, task, model, target or
    provider."""

    usd: Annotated[Usd | None, Doc("for a period; default: the scenario's budget")] = None
    period: Annotated[
        Literal["day", "week", "month", "rolling"] | None, Doc("default: the scenario's")
    ] = None
    zone: Annotated[
        Zone | None, Doc("on whose clock it begins, such as Europe/Berlin; default: the scenario's")
    ] = None
    reset: Annotated[
        Clock | None, Doc("time of day at which it begins; default: the scenario's, else 00:00")
    ] = None
    window: Annotated[
        Period | None, Doc("of a rolling one; default: the scenario's, else a day")
    ] = None
    by: Annotated[
        Literal["all", "user", "feature", "task", "model", "target", "provider"],
        Doc("one account for all, or one for each of these"),
    ] = "all"
    sums: Annotated[
        dict[Name, Usd], Doc("another sum for these accounts; without `usd` only they have one")
    ] = field(default_factory=dict)
    ahead: Annotated[
        Literal["none", "pace", "forecast"],
        Doc("look at the sum, at the part of it that has come by now, or at what will be spent"),
    ] = "none"
    head_start: Annotated[Share, Doc("pace: share of the sum that is there at once")] = 0.05
    memory: Annotated[Period, Doc("forecast: how long the pace of spending is remembered")] = 3600.0

    def __post_init__(self) -> None:
        self._accounts: Newest[str, Account] = Newest()
        self._meter_of: Callable[[str], SharedMeter] | None = None
        self._begin = self._end = -math.inf
        self._by_target = self.by in ("model", "target", "provider")
        if self.by == "all":
            self._open("")  # there for what other replicas tell

    def count_in(self, meter_of: Callable[[str], SharedMeter]) -> None:
        """Count in meters that last, or that others share, instead of its own; by account."""
        self._meter_of = meter_of
        self._accounts.clear()
        if self.by == "all":
            self._open("")

    @property
    def spent_usd(self) -> float:
        """What counts in the present period, estimates of what is under way included: of the
        account that has spent most."""
        return max((each.meter.spent for each in self._accounts.values()), default=0.0)

    def _account(self, request: Request, target: Target | None) -> Account | None:
        """Who pays for a call that goes to `target`; None where there is no sum."""
        key = ""
        if target is not None:
            key = target.name if self.by == "target" else getattr(target, self.by)
        elif self.by != "all":
            key = getattr(request, self.by)
        return self._accounts.get(key) or self._open(key)

    def _open(self, key: str) -> Account | None:
        usd = self.sums.get(key, self.usd)
        if usd is None:
            return None
        shared = None if self._meter_of is None else self._meter_of(key)
        account = self._accounts[key] = Account(usd, key, shared)
        if self.ahead == "forecast" and self.period != "rolling":
            account.rate = SpendRate(self.memory)
        return account

    def _turn(self, account: Account, now: float, calendar: Calendar) -> None:
        """Bring the meter to the day, week or month of now, or to the slot of a rolling window, and
        what may be spent to what has come by now."""
        if self.period == "rolling":
            window = self.window or DAY
            step = window / SLOTS
            slot = now // step
            account.meter.turn(slot * step, (slot - SLOTS) * step)
            self._begin, self._end = now // window * window, now
            return
        if now >= self._end:
            self._begin, self._end = calendar(
                self.period or "month", self.zone or "UTC", self.reset or "00:00"
            )
        account.meter.turn(self._begin, self._begin)
        if self.ahead == "pace":
            passed = (now - self._begin) / (self._end - self._begin)
            account.allowed = account.usd * (self.head_start + (1 - self.head_start) * passed)
