"""Choose whom to ask first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Name, Period, Share, TargetName, Weight
from simroute.gauges.latency import Recent


@layer("route")
@dataclass
class Route:
    """Aims a call: at random by weight, at the cheapest now, at the one seen fastest lately, or by its task. Does not fail over."""

    by: Literal["weight", "price", "latency", "task"] = "weight"
    targets: Annotated[tuple[TargetName, ...], Doc("whom to choose from; empty: every deployment")] = ()
    weights: dict[TargetName, Weight] = field(default_factory=dict)
    tasks: dict[Name, TargetName] = field(default_factory=dict)
    default: Annotated[TargetName, Doc("for tasks that are not listed")] = "first"
    explore: Annotated[Share, Doc("share of calls that look at another than the fastest")] = 0.05
    memory: Annotated[Period, Doc("how long a latency is remembered")] = 60.0

    def __post_init__(self) -> None:
        self._names: dict[str, str] = {}
        self._seen: dict[str, Recent] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = self._choose(call, world)
        if target is None:
            return Outcome.rejected(by="route", status=403)
        if self.by != "latency":
            return await send(call.to(target))
        start = world.now()
        outcome = await send(call.to(target))
        if outcome.ok:  # a failure says nothing about speed: a breaker is for that
            self._seen.setdefault(target, Recent(self.memory)).add(world.now(), world.now() - start)
        return outcome

    def _choose(self, call: Call, world: World) -> str | None:
        allowed = [name for name in self._candidates(world) if world.targets()[name].provider not in call.request.forbids]
        if not allowed:
            return None
        choose: Callable[[Call, World, list[str]], str] = getattr(self, f"_by_{self.by}")
        return choose(call, world, allowed)

    def _candidates(self, world: World) -> list[str]:
        if self.by == "weight" and self.weights:
            return [self._name(name, world) for name in self.weights]
        return resolve(self.targets, world.targets(), world.price) if self.targets else list(world.targets())

    def _name(self, wanted: str, world: World) -> str:
        if wanted not in self._names:
            self._names[wanted] = next(iter(resolve([wanted], world.targets(), world.price)), next(iter(world.targets())))
        return self._names[wanted]

    def _by_weight(self, call: Call, world: World, allowed: list[str]) -> str:
        weights = {self._name(name, world): weight for name, weight in self.weights.items()} or dict.fromkeys(allowed, 1.0)
        left = world.uniform("weight", call) * sum(weights[name] for name in allowed)
        for name in allowed:
            left -= weights[name]
            if left < 0:
                return name
        return allowed[-1]

    def _by_price(self, call: Call, world: World, allowed: list[str]) -> str:
        return min(allowed, key=lambda name: world.price(name).blended)

    def _by_latency(self, call: Call, world: World, allowed: list[str]) -> str:
        unseen = [name for name in allowed if name not in self._seen]
        if unseen:
            return unseen[0]
        if len(allowed) > 1 and world.uniform("explore", call) < self.explore:
            return allowed[int(world.uniform("which", call) * len(allowed))]
        return min(allowed, key=lambda name: self._seen[name].mean or 0.0)

    def _by_task(self, call: Call, world: World, allowed: list[str]) -> str:
        name = self._name(self.tasks.get(call.request.task, self.default), world)
        return name if name in allowed else allowed[0]
