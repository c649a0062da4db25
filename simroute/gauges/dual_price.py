"""What the money of a budget is worth: a price of spending that follows how fast it is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor, inf
from typing import Annotated

from simroute.core import Price, Target, resolve
from simroute.core.params import Doc, ModelName, Period, TargetName, Usd
from simroute.gauges.latency import Recent


class DualPrice:
    """The dual price of a budget of `usd` for each period of `period` seconds (from t = 0).

    What is spent beyond the even pace, usd / period a second, is a backlog; the price rises with
    it, so that a call of usual cost gives up one unit of quality when `ahead` seconds of the pace
    are overdrawn, and falls as time passes; it is never negative. That is online gradient descent
    on the dual of the budget's constraint (PORT, arXiv 2509.02718; ParetoBandit's pacer), written
    as a virtual queue (drift plus penalty, Neely 2010).
    """

    def __init__(self, usd: float, period: float, ahead: float) -> None:
        self.usd, self._period, self._ahead = usd, period, ahead
        self._pace = usd / period
        self._backlog = 0.0
        self._at = -inf
        self._usual = Recent(ahead)
        self._number, self._spent = -inf, 0.0

    def spend(self, now: float, usd: float) -> None:
        """A call cost this much."""
        self._turn(now)
        self._backlog += usd
        self._spent += usd
        self._usual.add(now, usd)

    def at(self, now: float) -> float:
        """Units of quality that a USD is worth beyond what it is worth anyway."""
        self._turn(now)
        usual = self._usual.mean
        if self._backlog <= 0 or not usual:
            return 0.0
        return self._backlog / (self._pace * self._ahead) / usual if self._pace else inf

    def is_spent(self, now: float) -> bool:
        """Whether nothing is left of this period's budget."""
        self._turn(now)
        return self._spent >= self.usd

    def _turn(self, now: float) -> None:
        if now > self._at:
            passed = now - self._at if self._at > -inf else 0.0
            self._backlog = max(0.0, self._backlog - self._pace * passed)
            self._at = now
        number = floor(now / self._period)
        if number > self._number:
            self._number, self._spent = number, 0.0


@dataclass(frozen=True)
class Pace:
    """A budget that is spent evenly: the faster it is spent, the more a USD counts against quality.
    `usd` is for all targets together, `by_target` and `by_model` for each of its own; a call draws
    on all that concern it, and their prices add up."""

    usd: Annotated[Usd | None, Doc("for a period, all targets together; none: no such budget")] = (
        None
    )
    by_target: Annotated[dict[TargetName, Usd], Doc("for a period, of a target alone")] = field(
        default_factory=dict
    )
    by_model: Annotated[
        dict[ModelName, Usd], Doc("for a period, of all deployments of a model together")
    ] = field(default_factory=dict)
    period: Annotated[Period, Doc("for which the sums are; the first begins at t = 0")] = 86_400.0
    ahead: Annotated[
        Period, Doc("so far overdrawn, a call of usual cost gives up all that quality is worth")
    ] = 600.0
    hard: Annotated[
        bool, Doc("send nothing where this period's sum is spent; refuse where all are (402)")
    ] = False

    def prices(
        self, known: Mapping[str, Target], price: Callable[[str], Price]
    ) -> dict[str, list[DualPrice]]:
        """The prices of the budgets that calls to each deployment draw on."""
        prices: dict[str, list[DualPrice]] = {name: [] for name in known}
        if self.usd is not None:
            shared = DualPrice(self.usd, self.period, self.ahead)
            prices = {name: [shared] for name in known}
        for model, usd in self.by_model.items():
            own = DualPrice(usd, self.period, self.ahead)
            for name in (name for name, target in known.items() if target.model == model):
                prices[name] = [*prices[name], own]
        for role, usd in self.by_target.items():
            for name in resolve([role], known, price):
                prices[name] = [*prices[name], DualPrice(usd, self.period, self.ahead)]
        return prices
