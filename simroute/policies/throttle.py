"""Do not ask much more than is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import FAILURES, Doc, Period, Range, Status, Unit
from simroute.core.world import aimed_at
from simroute.gauges.throttle import AdaptiveThrottle


@layer("throttle")
@dataclass
class Throttle:
    """Refuses calls by itself, by chance, once more than `k` times as many are made as the target
    accepts: so that an overloaded target does not spend itself on refusals.

    Each call that comes here counts as made, refused or not; each that does not end with one of
    `statuses` as accepted. Refused are a share (made - k accepted) / (made + 1) of them, as they
    stand over the last `window`. Source: Google, Site Reliability Engineering (2016), ch. 21,
    client-side throttling.

    Example:

        fallback: {targets: [first, other_company]}
        throttle: {k: 2.0, window: 2m}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: A target that accepts A is sent about `k` A, however much is asked: at 2 half of
    what is sent is refused there, at 1.1 a tenth, and the lower it is the longer it takes to see
    that the target accepts more again. In a total outage hardly one call a `window` goes through,
    so a long one finds the recovery late. Outside a retry it counts calls, inside one each send. A
    breaker forbids all where this forbids a share, so it suits a partial outage and a rate limit
    better.
    """

    k: Annotated[
        float, Unit("factor"), Range(low=1), Doc("calls made for each that is accepted")
    ] = 2.0
    window: Annotated[Period, Doc("how far back it counts")] = 120.0
    scope: Annotated[Literal["deployment", "provider"], Doc("one count for each of these")] = (
        "deployment"
    )
    statuses: Annotated[tuple[Status, ...], Doc("what is not accepted")] = FAILURES

    def __post_init__(self) -> None:
        self._counts: dict[str, AdaptiveThrottle] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = aimed_at(call, world)
        key = target if self.scope == "deployment" else world.targets()[target].provider
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = AdaptiveThrottle(self.k, self.window)
        refuse = counts.ask(world.now())
        if refuse > 0 and world.uniform("throttle", call) < refuse:
            return Outcome.rejected("throttle", 503, target)
        outcome = await send(call)
        return outcome.then(partial(self._tell, counts, world))

    def _tell(self, counts: AdaptiveThrottle, world: World, outcome: Outcome) -> None:
        if not outcome.by and outcome.status not in self.statuses and outcome.status != 499:
            counts.accept(world.now())
