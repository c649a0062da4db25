"""Spend no more than was agreed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Clock, Doc, Period, Share, TargetName, Usd, WorkName, Zone
from simroute.core.target import ROLES, permits
from simroute.gauges.latency import Recent
from simroute.gauges.meter import SharedMeter, SpendMeter, Ticket

DAY, SLOTS = 86_400.0, 1000
"""Seconds; a rolling window drops what it has counted in so many steps."""
FREE, SHIFTING, EXHAUSTED = range(3)
LOOKS, MOST_OWING, MOST_TASKS = 4, 4096, 10_000
Account = tuple[Call, float, Ticket]
"""A call, what its request had been billed before, and the ticket of what the meter counts for
it."""
WORDS = {SHIFTING: "shifted", EXHAUSTED: "exhausted"}


@layer("budget")
@dataclass
class Budget:
    """Meters spending by day, week or month, or over the last hours. From `shift_at` on, stated
    classes of work go to the cheaper target; at 100 % the stated action.

    Reserves an estimate before it sends, at the price of the target that is asked first, and
    settles what the request was billed inside, retries and judges included; both belong to the
    period in which the call was sent. A send that was given up counts with its estimate until its
    bill is known. With `at_limit: reject` a call is sent only if spent + reserved + its own
    estimate is at most `usd`. The estimate of a budget that stands outside does not know a dearer
    target that a fallback asks, a second model of a cascade, or a second send when the first one
    timed out and runs on: these count as soon as they are over. To hold the sum against what is
    under way as well, stand it innermost, after timeout, where every send is reserved by itself. A
    period begins at `reset` o'clock in `zone` (each day, on Mondays, on the first of the month), a
    `rolling` one has no beginning.

    Example:

        budget:
          {usd: 20, period: day, zone: Europe/Berlin, shift_at: 0.8, to: cheapest,
           at_limit: shift}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: Below `shift_at` of `usd` nothing changes; from there the work named in `shift` (all
    of it, when empty) goes to the target `to`; from 100 % on `at_limit` decides about everything,
    until the next `period` begins. A low `shift_at` costs quality early and seldom reaches the
    limit; a high one keeps the quality and leaves little to save with. Only `reject` holds the sum;
    `shift` goes on spending at the cheaper price, and `allow` only tells. Stand it outside the
    fallback, which then asks `to` first and whose further sends are counted. How hard `reject` is,
    `reserve` says: `expected` (the output tokens that its task saw lately; before the first answer
    an eighth of what the caller allows) may be exceeded by answers under way that are longer than
    usual, `max` (all that the caller allows) never is, at the price of refusing while much is
    reserved.
    """

    usd: Annotated[Usd | None, Doc("for a period; default: the scenario's budget")] = None
    period: Annotated[
        Literal["day", "week", "month", "rolling"] | None, Doc("default: the scenario's")
    ] = None
    zone: Annotated[
        Zone | None, Doc("on whose clock it begins, such as Europe/Berlin; default: the scenario's")
    ] = None
    reset: Annotated[
        Clock | None, Doc("time of day at which it begins; default: the scenario's, else 00:00")
    ] = None
    window: Annotated[
        Period | None, Doc("of a rolling one; default: the scenario's, else a day")
    ] = None
    shift_at: Annotated[Share, Doc("share of the budget from which work shifts")] = 0.8
    shift: Annotated[tuple[WorkName, ...], Doc("features or tasks that shift; empty: all")] = ()
    to: Annotated[TargetName, Doc("who gets the work that shifts")] = "cheapest"
    at_limit: Annotated[
        Literal["reject", "shift", "allow"],
        Doc("at 100 %: refuse, send everything to the cheaper target, or go on"),
    ] = "shift"
    reserve: Annotated[
        Literal["expected", "max"],
        Doc(
            "estimate of a call: an answer as long as lately, or the most that the caller's "
            "limit allows it to cost"
        ),
    ] = "expected"

    def __post_init__(self) -> None:
        self._own = SpendMeter()
        self._shared: SharedMeter | None = None
        self._meter: SpendMeter | SharedMeter = self._own
        self._output: dict[str, Recent] = {}
        self._owing: dict[int, Account] = {}
        self._bounds = -math.inf, -math.inf
        self._told = FREE, -math.inf

    def count_in(self, meter: SharedMeter) -> None:
        """Count in a meter that lasts, or that others share, instead of its own."""
        self._meter = self._shared = meter

    async def look(self, world: World) -> None:
        """Ask a shared meter what counts now."""
        self._turn(world)
        if self._shared is not None:
            await self._shared.look()

    @property
    def spent_usd(self) -> float:
        """What counts in the present period, estimates of what is under way included."""
        return self._meter.spent

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self.usd is None:
            return await send(call)
        if self._owing:
            self._correct(world)
        if self._shared is None:
            self._turn(world)
        else:
            await self.look(world)
        level = self._level(self.usd, world)
        if level != FREE and (
            (level == EXHAUSTED and self.at_limit == "shift")
            or not self.shift
            or call.request.feature in self.shift
            or call.request.task in self.shift
        ):
            call = self._shifted(call, world)
        before, estimate = world.spent(call), self._estimate(call, world)
        is_hard = self.at_limit == "reject"
        if self._shared is not None:
            ticket = await self._shared.reserve(estimate, self.usd if is_hard else math.inf)
        elif is_hard:
            ticket = self._own.reserve_within(estimate, self.usd)
        else:
            ticket = self._own.reserve(estimate)
        if ticket is None:
            if self._shared is None or self._meter.spent + estimate > self.usd:  # else it failed
                self._tell(EXHAUSTED, self._meter.spent / self.usd if self.usd else 1.0, world)
            return Outcome.rejected(by="budget", status=402)
        account = call, before, ticket
        outcome = None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._book(account, world)
        return outcome.then(partial(self._settle, account, world))

    def _settle(self, account: Account, world: World, final: Outcome) -> None:
        self._book(account, world)
        if final.ok and final.output_tokens:
            self._output.setdefault(account[0].request.task, Recent(3600.0)).add(
                world.now(), final.output_tokens
            )
            if len(self._output) > MOST_TASKS:  # callers of a gateway name them
                del self._output[next(iter(self._output))]

    def _book(self, account: Account, world: World) -> None:
        """Count what a request has been billed, and an estimate for each of its sends that were
        given up and may still be billed."""
        call, before, ticket = account
        earlier = self._owing.pop(id(call.request), None) if self._owing else None
        if earlier is not None:
            self._meter.settle(ticket, 0.0)  # a request that comes by again has one account
            call, before, ticket = earlier
        owing = world.unbilled(call)
        bill = world.spent(call) - before
        if owing:
            bill += sum(self._estimate(call.to(name), world) for name in owing)
        ticket = self._meter.settle(ticket, bill)
        if owing:
            self._owing[id(call.request)] = call, before, ticket

    def _correct(self, world: World) -> None:
        """Look whether bills have come of sends that were given up: a few at a time, by turns;
        beyond so many the oldest keep their estimates."""
        for _ in range(min(LOOKS, len(self._owing))):
            self._book(self._owing.pop(next(iter(self._owing))), world)
        while len(self._owing) > MOST_OWING:
            del self._owing[next(iter(self._owing))]

    def _level(self, usd: float, world: World) -> int:
        share = self._meter.spent / usd if usd else 1.0
        level = EXHAUSTED if share >= 1 else SHIFTING if share >= self.shift_at else FREE
        self._tell(level, share, world)
        return level

    def _turn(self, world: World) -> None:
        """Bring the meter to the day, week or month of now, or to the slot of a rolling window."""
        now = world.now()
        if self.period == "rolling":
            window = self.window or DAY
            step = window / SLOTS
            slot = now // step
            self._meter.turn(slot * step, (slot - SLOTS) * step)
            self._bounds = now // window * window, now
            return
        if now >= self._bounds[1]:
            self._bounds = world.period(
                self.period or "month", self.zone or "UTC", self.reset or "00:00"
            )
        self._meter.turn(self._bounds[0], self._bounds[0])

    def _tell(self, level: int, share: float, world: World) -> None:
        """Each level once a period, though corrected estimates may move the share to and fro across
        it."""
        (told, before), period = self._told, self._bounds[0]
        if period != before and told:
            world.emit("renewed", share=share)
        told = told if period == before else FREE
        if level > told:
            world.emit(WORDS[level], share=share)
        self._told = max(level, told), period

    def _shifted(self, call: Call, world: World) -> Call:
        """Aimed at the cheaper target; as it was where the request forbids that, or nobody fills
        the role."""
        allowed = {
            name: target
            for name, target in world.targets().items()
            if permits(call.request.forbids, target)
        }
        wanted = [self.to] if allowed and self.to in (*ROLES, *allowed) else []
        return next((call.to(name) for name in resolve(wanted, allowed, world.price)), call)

    def _estimate(self, call: Call, world: World) -> float:
        target = call.target if call.target is not None else next(iter(world.targets()))
        most = call.request.max_output_tokens
        seen = self._output.get(call.request.task)
        price, asked = world.price(target), call.request.input_tokens
        if self.reserve == "max":
            return price.most(asked, most)
        return price.of(asked, round(most / 8 if seen is None or seen.mean is None else seen.mean))
