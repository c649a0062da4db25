"""Spend no more than was agreed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Share, TargetName, WorkName
from simroute.core.target import ROLES, permitted
from simroute.gauges.budget import EXHAUSTED, FREE, Account
from simroute.gauges.estimate import OutputLengths
from simroute.gauges.funds import Funds
from simroute.gauges.owing import Owed, Owing

SMALLEST = 1e-9
"""USD."""


@layer("budget")
@dataclass
class Budget(Funds):
    """Meters spending by day, week or month, or over the last hours, of all calls or of each user,
    feature, task, model, target or provider. From `shift_at` on, stated classes of work go to the
    cheaper target, until less than `shift_back` is spent; at 100 % the stated action.

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

    A budget by target, model or provider must stand innermost, since it bills each send for itself;
    one that was given up keeps its estimate, and a repeat of it under the same idempotency key
    counts besides, though both are billed once: rather too much than too little. With `ahead: pace`
    no more may be spent at any moment than the part of the sum that has come by then: `head_start`
    at once, the rest evenly over the period; all shares are of that part. With `ahead: forecast`
    work shifts when what is spent, and the pace of the last `memory` to the period's end, reach
    `shift_at`; the limit is the sum. Neither concerns a rolling period. Of more than 10,000
    accounts the one that was opened first begins anew.

    Sources: LiteLLM's budgets (`max_budget`, `provider_budget_config`), which book after the
    answer and so overshoot by what is under way (`reserve: none`); Portkey's `usage_limits`.

    Example:

        budget:
          {usd: 20, period: day, zone: Europe/Berlin, shift_at: 0.8, to: cheapest,
           at_limit: shift}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: Below `shift_at` of `usd` nothing changes; from there the work named in `shift` (all
    of it, when empty) goes to the target `to`; from 100 % on `at_limit` decides about everything,
    until the next `period` begins. A low `shift_at` costs quality early and seldom reaches the
    limit; a high one keeps the quality and leaves little to save with. Where spending may fall
    again (a rolling window, `ahead`), `shift_back` below `shift_at` keeps work from going to and
    fro. Only `reject` holds the sum; `shift` goes on spending at the cheaper price, and `allow`
    only tells; a `queue` outside lets what was refused wait. Stand it outside the fallback, which
    then asks `to` first and whose further sends are counted. How hard `reject` is, `reserve` says:
    `expected` (the output tokens that its task saw lately; before the first answer an eighth of
    what the caller allows) may be exceeded by answers under way that are longer than usual, `max`
    (all that the caller allows) never is, at the price of refusing while much is reserved, and
    `none` is exceeded by all that is under way.
    """

    shift_at: Annotated[Share, Doc("share of the budget from which work shifts")] = 0.8
    shift: Annotated[tuple[WorkName, ...], Doc("features or tasks that shift; empty: all")] = ()
    to: Annotated[TargetName, Doc("who gets the work that shifts")] = "cheapest"
    at_limit: Annotated[
        Literal["reject", "shift", "allow"],
        Doc("at 100 %: refuse, send everything to the cheaper target, or go on"),
    ] = "shift"
    reserve: Annotated[
        Literal["expected", "max", "none"],
        Doc("estimate of a call: an answer as long as lately, as long as allowed, or nothing"),
    ] = "expected"
    shift_back: Annotated[
        Share | None, Doc("share below which work shifts no more; default: shift_at")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lengths, self._owing = OutputLengths(), Owing()
        self._back = self.shift_at if self.shift_back is None else self.shift_back

    async def look(self, world: World) -> None:
        """Ask shared meters what counts now."""
        for account in self._accounts.values():
            self._turn(account, world.now(), world.period)
            await account.look()

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = world.targets()[_target(call, world)] if self._by_target else None
        account = self._account(call.request, target)
        if account is None:
            return await send(call)
        if self._owing:
            for owed in self._owing.some():
                self._book(owed, world)
        self._turn(account, world.now(), world.period)
        if self._meter_of is not None:
            await account.look()
        call = self._aimed(account, call, world)
        before, estimate = world.spent(call), self._estimate(call, world)
        most = account.allowed if self.at_limit == "reject" else math.inf
        if self.reserve == "none":
            most -= SMALLEST  # what has been spent must be less
        if account.shared is None:
            ticket = account.own.reserve_within(estimate, most)
        else:
            ticket = await account.shared.reserve(estimate, most)
        if ticket is None:
            if account.shared is None or account.meter.spent + estimate > most:  # else it failed
                account.exhaust(self._begin)
                _report(account, world)
            return Outcome.rejected(by="budget", status=402)
        owed = Owed(account, call, before, ticket)
        outcome = None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._book(owed, world)
        return outcome.then(partial(self._settle, owed, world))

    def _settle(self, owed: Owed, world: World, final: Outcome) -> None:
        self._book(owed, world, final)
        if final.ok and final.output_tokens:
            self._lengths.add(world.now(), owed.call.request.task, final.output_tokens)

    def _book(self, owed: Owed, world: World, final: Outcome | None = None) -> None:
        """Count what a request has been billed, and an estimate for each of its sends that were
        given up and may still be billed."""
        if self._by_target:
            if final is not None and final.status not in (408, 499):
                owed.account.meter.settle(owed.ticket, final.usd)
            return
        owed = self._owing.join(owed)
        given_up, bill = world.unbilled(owed.call), world.spent(owed.call) - owed.before
        if given_up:
            bill += sum(self._estimate(owed.call.to(name), world) for name in given_up)
        self._owing.settle(owed, bill, bool(given_up))

    def _aimed(self, account: Account, call: Call, world: World) -> Call:
        """At the cheaper target, where its work shifts; as it was where the request forbids that,
        or nobody fills the role."""
        span = self._begin, self._end
        level = account.level(world.now(), span, self.shift_at, self._back)
        _report(account, world)
        if level == FREE or not (
            (level == EXHAUSTED and self.at_limit == "shift")
            or not self.shift
            or call.request.feature in self.shift
            or call.request.task in self.shift
        ):
            return call
        allowed = permitted(call.request.forbids, world.targets())
        wanted = [self.to] if allowed and self.to in (*ROLES, *allowed) else []
        return next((call.to(name) for name in resolve(wanted, allowed, world.price)), call)

    def _estimate(self, call: Call, world: World) -> float:
        price = world.price(_target(call, world))
        return self._lengths.cost(price, call.request, self.reserve)


def _report(account: Account, world: World) -> None:
    for word, share in account.news:
        if account.name:
            world.emit(word, share=share, account=account.name)
        else:
            world.emit(word, share=share)
    account.news.clear()


def _target(call: Call, world: World) -> str:
    return call.target if call.target is not None else next(iter(world.targets()))
