"""Keep for later what cannot be answered now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import FAILURES, Doc, Period, Positive, Range, Status, Unit, WorkName
from simroute.gauges.pace import Pace


@layer("queue")
@dataclass
class Queue:
    """Holds calls that failed, and sends them again one after another at `rate`, until each is
    answered or its `deadline` is over.

    A call that failed takes the next turn, and another one when it fails again, so those that wait
    are tried in rounds; new calls do not wait for them. A call that would have no turn before its
    deadline is not held, nor one beyond `size`: they get their failure at once. Whatever a layer
    inside refused may wait, too (a budget until its period is over, a breaker until it closes). The
    caller waits: his request ends when it is answered, with all that time as its latency, and live
    his connection stays open. (Who answers 202 and lets callers come back keeps the same queue, but
    his callers' programs, not the gateway, know what became of it.) After the first token of a
    stream nothing is repaired.

    Source: store-and-forward in message queues (Hohpe and Woolf, Enterprise Integration Patterns,
    2003); batch work that runs when there is room.

    Example:

        queue:    {deadline: 10m, rate: 2, work: [extract]}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `deadline` counts from the request's arrival, and must be longer than the outages
    that are to be outlasted; a timeout outside that is shorter makes it useless. `rate` bounds what
    the queue adds to the load: while a provider is down it is the rate of trials, and when it is
    back the rate at which the backlog goes; a backlog of n is gone n / `rate` seconds later. For
    work that somebody waits for in front of a screen, a failure at once is better: so name in
    `work` what has time. Stand it outside the fallback, whose targets are all tried at each turn.
    """

    deadline: Annotated[Period, Doc("give up so long after the request arrived")] = 600.0
    rate: Annotated[
        float, Unit("1/s"), Range(low=0, above=True), Doc("calls that are sent again a second")
    ] = 1.0
    size: Annotated[Positive, Doc("calls that may wait at a time")] = 1000
    work: Annotated[tuple[WorkName, ...], Doc("features or tasks that may wait; empty: all")] = ()
    statuses: Annotated[tuple[Status, ...], Doc("failures that are worth waiting for")] = FAILURES

    def __post_init__(self) -> None:
        self._pace, self._waiting = Pace(self.rate), 0

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        if outcome.status == 200 or not self._may_wait(call) or not self._is_worth_it(outcome):
            return outcome
        self._waiting += 1
        try:
            return await self._wait(outcome, call, send, world)
        finally:
            self._waiting -= 1

    async def _wait(self, outcome: Outcome, call: Call, send: Send, world: World) -> Outcome:
        until = call.request.arrival + self.deadline
        queued = False
        while self._is_worth_it(outcome):
            now = world.now()
            if self._pace.next(now) > until:
                world.emit("expired", call, status=outcome.status)
                return outcome
            if not queued:
                world.emit("queued", call, status=outcome.status, waiting=self._waiting)
            queued = True
            await world.sleep(self._pace.take(now) - now)
            outcome = await send(call)
        world.emit("dequeued", call, status=outcome.status)
        return outcome

    def _may_wait(self, call: Call) -> bool:
        request = call.request
        named = not self.work or request.task in self.work or request.feature in self.work
        return named and not call.once and self._waiting < self.size

    def _is_worth_it(self, outcome: Outcome) -> bool:
        return not outcome.ok and (outcome.status in self.statuses or bool(outcome.by))
