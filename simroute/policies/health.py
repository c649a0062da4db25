"""Look after targets, and leave out who is ill."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.call import TARGET
from simroute.core.params import ILL, Doc, Period, Positive, Seconds, Status, TargetName
from simroute.core.target import permitted
from simroute.gauges.rotation import Alarms, Rotation


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
        self._rotation = Rotation(self.failures, self.successes, by_time)
        self._alarms = Alarms(self.alert_every)
        self._watched: list[str] = []

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._rotation.out and self._is_refused(call, world):
            return Outcome.rejected("health", 503, _target(call, world))
        outcome = await send(call)
        if not self.passive:
            return outcome
        return outcome.then(partial(self._tell, _target(call, world), world))

    async def background(self, send: Send, world: World) -> None:
        """Pings all targets side by side, every so often."""
        if not self.active:
            return
        known = world.targets()
        self._watched = resolve(self.targets, known, world.price) if self.targets else list(known)
        due = world.now()
        while True:
            due += self.every
            await world.sleep(max(0.0, due - world.now()))
            pings = [self._ping(name, send, world) for name in self._watched]
            await world.first(*pings, until=_never)

    async def _ping(self, target: str, send: Send, world: World) -> Outcome:
        outcome = await world.within(self.limit, _whole(send, world.ping(target)), "ping")
        self._tell(target, world, outcome)
        return outcome

    def _tell(self, target: str, world: World, outcome: Outcome) -> None:
        failed = outcome.status in self.statuses
        if outcome.by or not (failed or outcome.ok):
            return
        self._come_back(target, world)
        now = world.now()
        news = self._rotation.tell(now, target, failed)
        if news:
            world.emit(news, target=target)
        if news == "removed" and (held := self._alarms.ring(now, target)) is not None:
            world.emit("alerted", target=target, status=outcome.status, held=held)

    def _is_refused(self, call: Call, world: World) -> bool:
        now, target, out = world.now(), _target(call, world), self._rotation.is_out
        if not out(now, target):
            self._come_back(target, world)
            return False
        allowed = permitted(call.request.forbids, world.targets())
        return not all(out(now, name) for name in allowed)

    def _come_back(self, target: str, world: World) -> None:
        """Says that its time is over, if it is."""
        if self._rotation.expire(world.now(), target):
            world.emit("restored", target=target)


async def _whole(send: Send, call: Call) -> Outcome:
    outcome = await send(call)
    return outcome if outcome.rest is None else await outcome.rest


def _never(outcome: Outcome) -> bool:
    return False


def _target(call: Call, world: World) -> str:
    target = call[TARGET]
    return target if target is not None else next(iter(world.targets()))
