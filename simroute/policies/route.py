"""Choose whom to ask first."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Period, Share, TargetName, Weight, WorkName
from simroute.core.target import permits, resolve_numbers
from simroute.gauges.choice import by_chance
from simroute.gauges.latency import Recent


@layer("route")
@dataclass
class Route:
    """Aims a call: at random by weight, at the cheapest now, at the fastest lately, or by its task
    or feature. It does not fail over.

    A call that an outer layer has aimed (a budget that shifts, a cascade) stays aimed. Never aims
    at a provider that the request forbids. Roles are resolved once; `price` looks at prices each
    time.

    Sources: what gateways call cost-based, latency-based and weighted routing (LiteLLM, Kong).

    Example:

        route:    {by: task, tasks: {extract: cheapest}, default: first}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `by` decides which other keys count: `weights` for weight, `tasks` and `default` for
    task, `targets` for price and latency, `explore` and `memory` for latency. By latency, `memory`
    is how long a slow spell is held against a target, and `explore` the share of calls that look
    whether it is over: little of both finds a recovery late, much of them sends many calls to slow
    targets. It only chooses who is asked first: a failure is left to the layers inside, and a
    fallback there asks the chosen one before its own list. Failures do not count as slow, so by
    latency and without a breaker a target that fails fast keeps its rank.
    """

    by: Annotated[
        Literal["weight", "price", "latency", "task"],
        Doc("at random by weight, cheapest now, fastest lately, or by task"),
    ] = "weight"
    targets: Annotated[
        tuple[TargetName, ...],
        Doc("whom to choose from, by price or latency; empty: every deployment"),
    ] = ()
    weights: Annotated[
        dict[TargetName, Weight], Doc("chances; empty: equal ones for `targets`")
    ] = field(default_factory=dict)
    tasks: Annotated[
        dict[WorkName, TargetName],
        Doc("who gets which task; or which feature, for tasks that are not listed"),
    ] = field(default_factory=dict)
    default: Annotated[TargetName, Doc("for work that is not listed")] = "first"
    explore: Annotated[
        Share, Doc("share of calls that look at any target instead of the fastest")
    ] = 0.05
    memory: Annotated[Period, Doc("how long a latency is remembered")] = 60.0

    def __post_init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._tasks: dict[str, str] = {}
        self._seen: dict[str, Recent] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if call.target is not None and self._allowed([call.target], call, world):
            return await send(call)
        allowed = self._allowed(list(self._known(world)), call, world)
        if not allowed:
            return Outcome.rejected("route", 403)
        if self.by == "weight":
            target = self._by_weight(call, world, allowed)
        elif self.by == "price":
            target = self._by_price(call, world, allowed)
        elif self.by == "latency":
            target = self._by_latency(call, world, allowed)
        else:
            target = self._by_task(call, world, allowed)
        start = world.now()
        outcome = await send(call.to(target))
        return (
            outcome.then(partial(self._learn, target, start, world))
            if self.by == "latency"
            else outcome
        )

    def _allowed(self, names: list[str], call: Call, world: World) -> list[str]:
        forbids = call.request.forbids
        return (
            [name for name in names if permits(forbids, world.targets()[name])]
            if forbids
            else names
        )

    def _known(self, world: World) -> dict[str, float]:
        """The targets to choose from, with their weights."""
        if not self._weights:
            known = world.targets()
            if self.by == "weight":
                self._weights = resolve_numbers(self.weights, known, world.price)
            every = [] if self.by == "task" else resolve(self.targets, known, world.price)
            self._weights = self._weights or dict.fromkeys(every or known, 1.0)
        return self._weights

    def _by_weight(self, call: Call, world: World, allowed: list[str]) -> str:
        weights = [self._weights[name] for name in allowed]
        return allowed[by_chance(weights, world.uniform("weight", call))]

    def _by_price(self, call: Call, world: World, allowed: list[str]) -> str:
        return min(allowed, key=lambda name: world.price(name).blended)

    def _by_latency(self, call: Call, world: World, allowed: list[str]) -> str:
        for name in allowed:
            # one look at each; what then does not answer is not known to be fast
            if name not in self._seen:
                self._seen[name] = Recent(self.memory)
                return name
        if world.uniform("explore", call) < self.explore:
            return allowed[int(world.uniform("which", call) * len(allowed))]
        return min(allowed, key=self._speed)

    def _speed(self, name: str) -> float:
        mean = self._seen[name].mean
        return float("inf") if mean is None else mean

    def _learn(self, target: str, start: float, world: World, outcome: Outcome) -> None:
        # a failure says nothing about speed: a breaker is for that
        if outcome.ok and not outcome.by:
            now = world.now()
            self._seen[target].add(now, now - start)

    def _by_task(self, call: Call, world: World, allowed: list[str]) -> str:
        request = call.request
        named = (work for work in (request.task, request.feature) if work in self.tasks)
        work = next(named, "")
        if work not in self._tasks:
            known = world.targets()
            self._tasks[work] = next(
                iter(resolve([self.tasks.get(work, self.default)], known, world.price)),
                next(iter(known)),
            )
        name = self._tasks[work]
        return name if name in allowed else allowed[0]
