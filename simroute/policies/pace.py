"""Slow down when told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Gate, Outcome, Send, World, layer
from simroute.core.params import Doc, Range, Seconds, Share, Status, Unit
from simroute.core.world import aimed_at
from simroute.gauges.line import Order
from simroute.gauges.meters import Turnstile
from simroute.gauges.rate import AdaptiveRate
from simroute.policies.turns import wait_for_turn


@layer("pace")
@dataclass
class Pace:
    """Calls a target at any rate until it is throttled (`statuses`), and from then on at a rate
    that it learns: `decrease` times what there was, back there along a cubic curve, then beyond.
    Whoever comes too soon waits, up to `wait`, or is refused (429).

    The rate is never above twice the one that is measured, nor below `least`. Sources: botocore's
    adaptive retry mode (1.44.5); TCP CUBIC (RFC 8312).

    Example:

        fallback: {targets: [first, other_company]}
        pace:     {wait: 5s}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `limit` needs to be told a rate and then meets no 429; this finds one, by meeting
    some: `decrease` says how far it falls when it does, `growth` how soon it tries for more. It
    suits limits that nobody states, that change, or that several gateways share, where each of them
    learns its part. What it learns is calls a second, so it follows a limit of tokens only where
    calls are alike. Inside a retry each try waits for its turn; outside, a 429 that a retry mends
    is not seen. A breaker that counts 429 would shut what this only slows.
    """

    wait: Annotated[Seconds, Doc("at most so long; 0: refuse at once")] = 5.0
    statuses: Annotated[tuple[Status, ...], Doc("what says that it is too much")] = (429,)
    scope: Annotated[Literal["deployment", "provider"], Doc("one rate for each of these")] = (
        "deployment"
    )
    decrease: Annotated[Share, Doc("the rate after being throttled, by the one before")] = 0.7
    growth: Annotated[
        float, Unit("1/s^4"), Range(low=0, above=True), Doc("steepness of the curve")
    ] = 0.4
    smoothing: Annotated[
        Share, Doc("weight of the latest half second in the rate that is measured")
    ] = 0.8
    line: Annotated[Order, Doc("in which order those go who wait")] = field(default_factory=Order)
    least: Annotated[
        float, Unit("1/s"), Range(low=0, above=True), Doc("never fewer calls a second")
    ] = 0.5

    def __post_init__(self) -> None:
        self._rates: dict[str, tuple[AdaptiveRate, Turnstile[Gate]]] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = aimed_at(call, world)
        rate, line = self._of(target, world)
        if line or rate.take(world.now()) > 0:
            ahead = partial(rate.wait, calls=len(line) + 1)
            asks = call.request, 1
            wait = await wait_for_turn(line, rate.take, ahead, self.wait, asks, world)
            if wait > 0:
                return Outcome.rejected("pace", 429, target, wait)
        outcome = await send(call)
        return outcome.then(partial(self._tell, rate, world))

    def _tell(self, rate: AdaptiveRate, world: World, outcome: Outcome) -> None:
        if outcome.by:
            rate.give_back(world.now())
        elif outcome.status != 499:
            rate.tell(world.now(), outcome.status in self.statuses)

    def _of(self, target: str, world: World) -> tuple[AdaptiveRate, Turnstile[Gate]]:
        key = target if self.scope == "deployment" else world.targets()[target].provider
        if key not in self._rates:
            now, low = world.now(), self.least
            rate = AdaptiveRate(now, low, self.growth, self.decrease, self.smoothing)
            self._rates[key] = rate, Turnstile(self.line)
        return self._rates[key]
