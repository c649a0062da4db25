"""Look after targets, and leave out who is ill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.outcome import complete
from simroute.core.params import ILL, Doc, Period, Positive, Seconds, Status, TargetName
from simroute.core.target import permitted
from simroute.core.world import aimed_at
from simroute.gauges.rotation import News, Watch
from simroute.policies.rounds import rounds


@layer("health")
@dataclass
class Health:
    """Pings each target every so often, looks at ordinary calls, or both; one that failed so often
    in a row is out of the rotation, and calls to it are refused, until so many succeed in a row.

    Pings are sent and billed calls of one request each, through the layers inside; they belong to
    no request, and wake a target that nobody else asks. A ping that is not answered within `limit`
    has failed. What a layer inside refused says nothing about a target. With pings a target comes
    back by itself when it answers again. Without them nobody asks it while it is out, so it comes
    back by time, after `out_for` (default: `every`). Where a request could go to no target that is
    in, it goes where it was sent: somebody ill may be better than nobody. An alert is an event
    (`alerted`) for each target that is taken out, at most one in `alert_every`; it says how many
    were held back. Live, `Gateway(alert=…)` is called with it, and `serve --alert URL` posts it.

    Source: active and passive checks as load balancers have them (nginx `max_fails` and
    `fail_timeout`, Envoy's health checking and outlier detection, Kong's
    `healthchecks`); LiteLLM's proxy pings in the background.

    Example:

        fallback: {targets: [first, other_company]}
        health:   {every: 30s, failures: 2, successes: 2, passive: true}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: An outage is found after `failures` pings, so between (`failures` - 1) x `every` and
    `failures` x `every`, and the recovery is found as late; until then each request meets it unless
    `passive` lets ordinary calls count, which find it sooner in proportion to the traffic. A target
    that fails a share e of its calls fails `failures` pings in a row with e ** `failures`, so a
    partial outage is seen late or not at all. Each target costs 86,400 / `every` pings a day for
    each replica. Stand it inside a
    fallback, which knows whom else to ask, and outside breakers and limits, so that a ping is not
    refused by them.
    """

    every: Annotated[Period, Doc("time between two pings of a target")] = 30.0
    active: Annotated[bool, Doc("ping the targets")] = True
    passive: Annotated[bool, Doc("ordinary calls count as well")] = False
    targets: Annotated[tuple[TargetName, ...], Doc("whom to look after; empty: all")] = ()
    failures: Annotated[Positive, Doc("so many in a row take a target out")] = 3
    successes: Annotated[Positive, Doc("so many in a row bring it back")] = 2
    limit: Annotated[Period, Doc("a ping without a complete answer has failed after this")] = 10.0
    out_for: Annotated[
        Period | None, Doc("back by itself after so long; default: never, without pings `every`")
    ] = None
    alert_every: Annotated[
        Seconds, Doc("at most one alert of a target in so long; 0: each time it is taken out")
    ] = 900.0
    statuses: Annotated[tuple[Status, ...], Doc("what counts as a failure; 200 is a success")] = ILL

    def __post_init__(self) -> None:
        by_time = self.every if self.out_for is None and not self.active else self.out_for
        self._watch = Watch(self.failures, self.successes, by_time, self.alert_every)

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._watch.out and self._is_refused(call, world):
            return Outcome.rejected("health", 503, aimed_at(call, world))
        outcome = await send(call)
        if not self.passive:
            return outcome
        return outcome.then(partial(self._tell, aimed_at(call, world), world))

    async def background(self, send: Send, world: World) -> None:
        """Pings all targets side by side, every so often."""
        if self.active:
            known, every = world.targets(), self.every
            watched = resolve(self.targets, known, world.price) if self.targets else list(known)
            await rounds(partial(self._ping, send, world), watched, every, world, every)

    async def _ping(self, send: Send, world: World, target: str) -> Outcome:
        outcome = await world.within(self.limit, complete(send(world.ping(target))), "ping")
        self._tell(target, world, outcome)
        return outcome

    def _tell(self, target: str, world: World, outcome: Outcome) -> None:
        status, failed = outcome.status, outcome.status in self.statuses
        if not outcome.by and (failed or outcome.ok):
            self._say(self._watch.ended(world.now(), target, status, failed), target, world)

    def _is_refused(self, call: Call, world: World) -> bool:
        now, target, out = world.now(), aimed_at(call, world), self._watch.is_out
        self._say(self._watch.returned(now, target), target, world)
        allowed = permitted(call.request.forbids, world.targets())
        return out(now, target) and not all(out(now, name) for name in allowed)

    def _say(self, news: Iterable[News], target: str, world: World) -> None:
        for event, detail in news:
            world.emit(event, target=target, **detail)
