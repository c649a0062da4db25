"""Not too many calls at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Gate, Outcome, Send, World, layer, resolve
from simroute.core.params import (
    FAILURES,
    Doc,
    Factor,
    Period,
    Positive,
    Range,
    Seconds,
    Status,
    TargetName,
    Unit,
)
from simroute.gauges.concurrency import AimdLimit, ConcurrencyLimit, GradientLimit, VegasLimit
from simroute.gauges.line import Order
from simroute.gauges.slots import FixedLimit, Slots

WAITED = "concurrency"


@layer("concurrency")
@dataclass
class Concurrency:
    """Lets so many calls be under way at each target, a fixed number or one that it learns; others
    wait in a line, up to `wait`, or are refused (503).

    What is learnt: aimd, one more as long as calls get through, and `decrease` times as many after
    one that is dropped or takes longer than `slow`; vegas, so many that about three to six wait in
    the target's own line, by the shortest time seen; gradient, so many that times do not grow
    beyond `tolerance` times their mean, whatever is dropped. Dropped is what ends with one of
    `statuses`. The time is
    that to the answer, or to its first token where it is streamed; a call keeps its place to its
    end. What is given up or refused further in teaches nothing. Sources: Netflix's
    concurrency-limits (78a74b9); Brakmo and Peterson, TCP Vegas (1995); Goyal, Vin and Cheng,
    start-time fair queueing (1996).

    Example:

        fallback:    {targets: [first, other_company]}
        concurrency: {rule: aimd, initial: 10, most: 100, wait: 5s, line: {fair: user}}
        timeout:     {total: 30s, first_token: 10s}

    Interplay: Where a target has so many slots, more calls at a time only wait there, unseen, and
    in an order that nobody chose: held back here they wait in the order of `line`, and a fallback
    outside can send the excess elsewhere (`wait: 0`). A fixed number above rate times mean time
    never acts; one below it refuses without need. A learnt one follows a target whose room changes,
    and needs drops or slowness to learn from; where few calls are under way, `decrease: 0.5` loses
    fewer to the search for more (a ninth at eight slots, where .9 loses a third). With answers of
    very different lengths vegas takes the long ones for a full target, so prefer aimd, or gradient
    where calls are streamed. It stands outside a timeout: a call that waits here has not begun.
    """

    rule: Annotated[
        Literal["fixed", "aimd", "vegas", "gradient"], Doc("how the number is found")
    ] = "fixed"
    initial: Annotated[Positive, Doc("calls at a time, at first, or always")] = 20
    least: Annotated[Positive, Doc("never fewer, where it is learnt")] = 1
    most: Annotated[Positive, Doc("never more, where it is learnt")] = 200
    wait: Annotated[Seconds, Doc("at most so long for a place; 0: refuse at once")] = 5.0
    line: Annotated[Order, Doc("in which order those go who wait")] = field(default_factory=Order)
    scope: Annotated[
        Literal["deployment", "provider", "all"], Doc("one number for each of these")
    ] = "deployment"
    targets: Annotated[
        tuple[TargetName, ...], Doc("whose calls are bounded; empty: those of all")
    ] = ()
    statuses: Annotated[tuple[Status, ...], Doc("what counts as dropped")] = FAILURES
    decrease: Annotated[Factor, Doc("aimd: the number after a drop, by that before")] = 0.9
    slow: Annotated[Period, Doc("aimd: so long a call counts as dropped")] = 30.0
    tolerance: Annotated[
        float, Unit("factor"), Range(low=1), Doc("gradient: time by mean time that is no queue")
    ] = 1.5

    def __post_init__(self) -> None:
        self._slots: dict[str, Slots[Gate]] = {}
        self._names: list[str] = []

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call.target if call.target is not None else next(iter(world.targets()))
        if self.targets and target not in self._bounded(world):
            return await send(call)
        slots = self._of(target, world)
        if not (slots.enter() or await self._waited(slots, call, world)):
            return Outcome.rejected("concurrency", 503, target)
        began, in_flight, outcome = world.now(), slots.busy, None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._end(slots)
        if not outcome.by and outcome.status != 499:
            slots.tell(world.now() - began, in_flight, outcome.status in self.statuses)
        return outcome.then(partial(self._end, slots))

    def _bounded(self, world: World) -> list[str]:
        """The names of `targets`."""
        if not self._names:
            self._names = resolve(self.targets, world.targets(), world.price)
        return self._names

    async def _waited(self, slots: Slots[Gate], call: Call, world: World) -> bool:
        """Waits for a place; returns whether it has one."""
        if self.wait == 0:
            return False
        turn, let_in = world.gate(), False
        last = slots.wait(turn, call.request)
        if last is not None:
            last.open(REFUSED)
        try:
            let_in = (await world.within(self.wait, _told(turn), WAITED)).ok
        finally:
            if let_in:
                slots.take(turn)
            else:
                slots.leave(turn)
                self._let_in(slots)
        return let_in

    def _end(self, slots: Slots[Gate], outcome: Outcome | None = None) -> None:
        slots.end()
        self._let_in(slots)

    def _let_in(self, slots: Slots[Gate]) -> None:
        for turn in slots.let_in():
            turn.open(Outcome(200))

    def _of(self, target: str, world: World) -> Slots[Gate]:
        provider = world.targets()[target].provider
        key = {"deployment": target, "provider": provider, "all": ""}[self.scope]
        if key not in self._slots:
            self._slots[key] = Slots(self._rules[self.rule](), self.line)
        return self._slots[key]

    @property
    def _rules(self) -> dict[str, Callable[[], ConcurrencyLimit]]:
        initial, least, most = self.initial, self.least, self.most
        return {
            "fixed": lambda: FixedLimit(initial),
            "aimd": lambda: AimdLimit(initial, least, most, self.decrease, self.slow),
            "vegas": lambda: VegasLimit(initial, least, most),
            "gradient": lambda: GradientLimit(initial, least, most, tolerance=self.tolerance),
        }


REFUSED = Outcome.rejected(WAITED)


async def _told(turn: Gate) -> Outcome:
    outcome: Outcome = await turn
    return outcome
