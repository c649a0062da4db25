"""Spend no more than was agreed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Name, Share, TargetName, Usd
from simroute.gauges.latency import Recent
from simroute.gauges.meter import PERIODS, SpendMeter


@layer("budget")
@dataclass
class Budget:
    """Meters spending by day or month. From `shift_at` on, stated classes of work go to the cheaper target; at 100 % the stated action.

    Reserves an estimate before it sends (input tokens, and the output tokens seen lately) and settles what the request was billed. A call
    that is cancelled keeps its estimate.
    """

    usd: Annotated[Usd | None, Doc("for a period; default: the scenario's budget")] = None
    period: Annotated[Literal["day", "month"] | None, Doc("default: the scenario's")] = None
    shift_at: Annotated[Share, Doc("share of the budget from which work shifts")] = 0.8
    shift: Annotated[tuple[Name, ...], Doc("features or tasks that shift; empty: all")] = ()
    to: TargetName = "cheapest"
    at_limit: Annotated[Literal["reject", "shift", "allow"], Doc("at 100 %: refuse, send everything to the cheaper target, or go on")] = "shift"

    def __post_init__(self) -> None:
        self._meter = SpendMeter(PERIODS[self.period or "month"])
        self._output = Recent(3600.0)
        self._level = "free"

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if not self.usd:
            return await send(call)
        level = self._now_at(world)
        if level == "exhausted" and self.at_limit == "reject":
            return Outcome.rejected(by="budget", status=402)
        shifts = level == "shifting" and (not self.shift or {call.request.feature, call.request.task} & set(self.shift))
        if shifts or (level == "exhausted" and self.at_limit == "shift"):
            call = call.to(resolve([self.to], world.targets(), world.price)[0])
        before = world.spent(call)
        ticket = self._meter.reserve(world.now(), self._estimate(call, world))
        outcome = await send(call)
        return outcome.then(lambda final: self._settle(ticket, world.spent(call) - before, final, world))

    def _now_at(self, world: World) -> str:
        assert self.usd is not None
        share = self._meter.spent(world.now()) / self.usd
        level = "exhausted" if share >= 1 else "shifting" if share >= self.shift_at else "free"
        if level != self._level:
            self._level = level
            world.emit({"exhausted": "exhausted", "shifting": "shifted", "free": "renewed"}[level], share=share)
        return level

    def _estimate(self, call: Call, world: World) -> float:
        target = call.target if call.target is not None else next(iter(world.targets()))
        output = self._output.mean
        return world.price(target).of(call.request.input_tokens, round(output if output is not None else call.request.max_output_tokens / 8))

    def _settle(self, ticket: tuple[int, int], usd: float, outcome: Outcome, world: World) -> None:
        if outcome.status == 499:
            return
        self._meter.settle(ticket, world.now(), usd)
        if outcome.ok and outcome.output_tokens:
            self._output.add(world.now(), outcome.output_tokens)
