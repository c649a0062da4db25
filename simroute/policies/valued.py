"""A choice by what answers are worth and what they cost: the shape of `predict` and `bandit`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Annotated

from simroute.core import Call, Outcome, Send, World
from simroute.core.params import Doc, Usd
from simroute.gauges.dual_price import DualPrice, Pace
from simroute.policies.choice import Choice


@dataclass
class ValuedChoice(Choice):
    """Sends to the target of the highest quality - cost x (1 / willingness_to_pay + dual prices):
    quality by `qualities`, cost at its price for an answer as long as lately. A target without a
    known quality is taken only if there is no other."""

    willingness_to_pay: Annotated[
        Usd | None, Doc("USD for one right answer more; none: quality alone decides")
    ] = None
    max_cost: Annotated[
        Usd | None, Doc("USD that a call may be expected to cost; if all cost more, the cheapest")
    ] = None
    pace: Annotated[Pace | None, Doc("budgets that are to be spent evenly; default: none")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._prices: dict[str, list[DualPrice]] | None = None

    @abstractmethod
    async def qualities(self, call: Call, names: list[str], world: World) -> dict[str, float]:
        """How good the answers of these targets will be, as far as it is known."""

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        if self._prices is None:
            self._prices = (
                {} if self.pace is None else self.pace.prices(world.targets(), world.price)
            )
        costs = self.costs(allowed, call, world)
        names = self._affordable(costs, world.now())
        if not names:
            return Outcome.rejected(self.kind, 402)  # type: ignore[attr-defined]
        target = names[0]
        if len(names) > 1:
            known, best = (await self.qualities(call, names, world)).get, -inf
            for name, rate in self._rates(names, world.now()).items():
                worth = known(name, -1e9) - costs[name] * rate
                if worth > best:
                    target, best = name, worth
        return await self._sent(call.to(target), send, world)

    def _affordable(self, costs: dict[str, float], now: float) -> list[str]:
        """Targets that may be asked, none where budgets are hard and spent."""
        names = list(costs)
        if self.pace is not None and self.pace.hard:
            names = [
                name for name in names if not any(p.is_spent(now) for p in self._prices_of(name))
            ]
        if self.max_cost is not None and names:
            cheap = [name for name in names if costs[name] <= self.max_cost]
            names = cheap or [min(names, key=lambda name: costs[name])]
        return names

    def _rates(self, names: list[str], now: float) -> dict[str, float]:
        """What a USD counts for there, in units of quality."""
        wish = self.willingness_to_pay
        rate = 0.0 if wish is None else 1 / wish if wish else 1e12
        if not self._prices:
            return dict.fromkeys(names, rate)
        return {name: rate + sum(p.at(now) for p in self._prices_of(name)) for name in names}

    def _prices_of(self, name: str) -> list[DualPrice]:
        """The prices of the budgets that a call to this target draws on."""
        return (self._prices or {}).get(name, [])

    async def _sent(self, call: Call, send: Send, world: World) -> Outcome:
        if not self._prices:  # no budget counts what was spent
            return (await send(call)).then(partial(self.learn_length, call, world))
        prices = self._prices_of(call.target or "")
        before, outcome = world.spent(call), None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:  # given up
                self._spent(prices, call, before, world)
        return outcome.then(partial(self._settle, prices, call, before, world))

    def _settle(
        self, prices: list[DualPrice], call: Call, before: float, world: World, final: Outcome
    ) -> None:
        self.learn_length(call, world, final)
        self._spent(prices, call, before, world)

    def _spent(self, prices: list[DualPrice], call: Call, before: float, world: World) -> None:
        for price in prices:
            price.spend(world.now(), world.spent(call) - before)
