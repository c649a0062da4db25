"""Ask twice where the first answer is late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Gate, Outcome, Send, World, layer, resolve
from simroute.core.params import FAILURES, AtOnce, Doc, Range, Seconds, Status, TargetName, Unit
from simroute.core.target import permits
from simroute.gauges.quantile import RecentQuantile
from simroute.gauges.retry_budget import RetryBudgetState

LATE = "hedge"
MEMORY = 60.0
"""Seconds of calls by which extra sends are counted."""


class Race:
    """One request's copies. gate: opened, with the failure, when one fails and the next is to go at
    once."""

    __slots__ = ("call", "gate", "order", "send", "world")

    def __init__(self, call: Call, order: list[str | None], send: Send, world: World) -> None:
        self.call, self.order, self.send, self.world = call, order, send, world
        self.gate: Gate = world.gate()


@layer("hedge")
@dataclass
class Hedge:
    """Sends a second copy of a call whose answer is late, and takes the first answer; the others
    are given up.

    The answer is the first token where it is streamed. A copy that fails with one of `statuses`
    sends the next at once, after its Retry-After if that is of the same target (of several, after
    the latest one's); any other failure ends the race. When all copies fail the last failure is
    returned. Pings, and trials that want single sends, are not hedged. Sources: Dean and Barroso,
    The Tail at Scale (2013); gRPC proposal A6.

    Example:

        hedge:   {delay: 2s, quantile: 0.95, max_extra: 0.1}
        timeout: {total: 30s, first_token: 10s}

    Interplay: Where times are independent, copies after the `quantile` q of the times send 1 - q
    more and cut the tail beyond it; before there are 50 times of a target, and without `quantile`,
    `delay` decides. It does not help where both copies meet the same cause: name `targets` of
    another provider for outages, since a copy at the same one waits in the same queue. Under load a
    copy is more load, which makes answers later and hedges more, so `max_extra` bounds copies by
    recent calls: beyond it a late call just waits. What abandoned copies cost depends on the
    provider, and most bill them whole. It stands outside a timeout, so that each copy has its own.
    """

    delay: Annotated[Seconds, Doc("so late an answer is hedged; 0: two copies at once")] = 2.0
    quantile: Annotated[
        float | None,
        Unit("share"),
        Range(0, 1),
        Doc("hedge after this quantile of the target's recent times instead"),
    ] = None
    attempts: Annotated[AtOnce, Doc("copies in all, each `delay` after the one before")] = 2
    targets: Annotated[
        tuple[TargetName, ...], Doc("whom further copies go to, in order; default: the same")
    ] = ()
    max_extra: Annotated[
        float | None,
        Unit("share"),
        Range(low=0),
        Doc("further copies by calls of the last minute; none: any number"),
    ] = 0.1
    statuses: Annotated[
        tuple[Status, ...], Doc("failures for which the next copy goes at once")
    ] = FAILURES
    max_retry_after: Annotated[Seconds, Doc("no further copy when it asks for more")] = 60.0

    def __post_init__(self) -> None:
        self._extra = (
            None if self.max_extra is None else RetryBudgetState(self.max_extra, 0.0, MEMORY)
        )
        self._times: dict[str | None, RecentQuantile] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if call.once:
            return await send(call)
        if self._extra is not None:
            self._extra.deposit(world.now())
        race = Race(call, self._order(call, world), send, world)
        return await self._from(0, race)

    async def _from(self, number: int, race: Race) -> Outcome:
        """The outcome of this copy and those after it."""
        if number + 1 == len(race.order):
            return await self._copy(number, race)
        return await race.world.first(
            self._copy(number, race), self._next(number + 1, race), until=self._ends
        )

    async def _copy(self, number: int, race: Race) -> Outcome:
        target, world = race.order[number], race.world
        call = race.call if target is None else race.call.to(target)
        call = call.unkeyed() if number else call  # a copy is to be another answer
        began = world.now()
        outcome = None
        try:
            outcome = await race.send(call)
        finally:  # a copy that is given up would have taken longer than that
            if self.quantile is not None and (outcome is None or outcome.ok):
                self._times.setdefault(target, RecentQuantile()).add(world.now() - began)
        if not self._ends(outcome):
            gate, race.gate = race.gate, world.gate()
            gate.open(outcome)
        return outcome

    async def _next(self, number: int, race: Race) -> Outcome:
        """Waits until the copy before is late or has failed, and goes on from there."""
        world, before, target = race.world, race.order[number - 1], race.order[number]
        failure, delay = None, self._delay(before)
        if delay > 0:
            ended = await world.within(delay, _opened(race.gate), LATE)
            if ended.limit != LATE:
                failure = ended
                if before == target and not await self._waited(failure.retry_after, race):
                    return failure
        now = world.now()
        if self._extra is not None and not self._extra.withdraw(now):
            return failure or Outcome.rejected("hedge", 503, before)
        world.emit("hedged", race.call, target=target or before, copy=number + 1)
        return await self._from(number, race)

    async def _waited(self, asked: float | None, race: Race) -> bool:
        """Waits as long as failures ask for, of several the latest that asks for anything; whether
        a further copy may go then."""
        world = race.world
        until = world.now() + (asked or 0.0)
        while asked is not None and asked <= self.max_retry_after:
            rest = max(0.0, until - world.now())
            latest = await world.within(rest, _opened(race.gate), LATE)
            if latest.limit == LATE:
                return True
            if latest.retry_after is not None:
                asked, until = latest.retry_after, world.now() + latest.retry_after
        return asked is None

    def _ends(self, outcome: Outcome) -> bool:
        """Whether no further copy could do better."""
        if outcome.ok:
            return True
        if outcome.by:
            return outcome.by != "hedge" and not self.targets
        return outcome.status not in self.statuses

    def _delay(self, target: str | None) -> float:
        known = self._times.get(target) if self.quantile is not None else None
        late = known.at(self.quantile) if known is not None and self.quantile is not None else None
        return self.delay if late is None else late

    def _order(self, call: Call, world: World) -> list[str | None]:
        """The targets of the copies."""
        if not self.targets:
            return [call.target] * self.attempts
        known, forbids = world.targets(), call.request.forbids
        first = call.target if call.target is not None else next(iter(known))
        others = resolve((first, *self.targets), known, world.price)[1:]
        order: list[str | None] = [first]
        order += [name for name in others if permits(forbids, known[name])]
        return order[: self.attempts]


async def _opened(gate: Gate) -> Outcome:
    outcome: Outcome = await gate
    return outcome
