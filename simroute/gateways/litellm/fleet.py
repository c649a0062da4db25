"""One send: whom the Router asks, for how long, and what it learns from how that ends."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from functools import partial

from simroute.core import Call, Outcome, Send, World, resolve
from simroute.core.target import permits
from simroute.core.value import value
from simroute.gateways.litellm.cooldowns import MINUTE, Cooldowns, Failure, Lasting
from simroute.gateways.litellm.errors import (
    AFTER_HEAD,
    NO_DEPLOYMENT,
    NO_WEIGHT,
    OVER_BUDGET,
    OVER_RPM,
    class_of,
)
from simroute.gateways.litellm.selection import Choice, Deployment, Latency, Selection
from simroute.gateways.litellm.settings import Settings
from simroute.gateways.litellm.slots import Slots

LAYER = "litellm"
FIRST_DELAY, MOST_DELAY, MOST_ASKED = 0.5, 8.0, 60.0
"""Seconds: the first back-off, the longest, and the longest Retry-After that is obeyed."""
CLIENT_AGAIN, CLIENT_JITTER = (408, 409, 429), 0.25
"""Statuses below 500 after which OpenAI's client sends again, and the share by which its back-off
may be shorter."""


@value
class Wanted:
    """A send of a request to a group, or to one level of its `order`."""

    call: Call
    send: Send
    world: World
    name: str
    level: int | None


class Fleet:
    """The deployments in their groups, and all that the Router remembers of them."""

    def __init__(self, settings: Settings, world: World) -> None:
        late, latest = settings.profile != "1.83", settings.profile == "1.109"
        self._is = settings
        self._latest, self._late = latest, late
        known, price = world.targets(), world.price
        self.groups = {
            group: resolve(targets, known, price) or [next(iter(known))]
            for group, targets in (settings.groups or {"main": ("first",)}).items()
        }
        told = {
            name: each
            for target, each in settings.deployments.items()
            for name in resolve([target], known, price)
        }
        self.known = {
            name: told.get(name, Deployment()) for group in self.groups.values() for name in group
        }
        self._has_levels = any(each.order is not None for each in self.known.values())
        self._slots = {
            name: None
            if (most := each.slots(settings.default_max_parallel_requests)) is None
            else Slots(most)
            for name, each in self.known.items()
        }
        self.cooldowns = Cooldowns(
            settings.allowed_fails,
            settings.allowed_fails_policy,
            settings.cooldown_time,
            settings.disable_cooldowns,
            late,
            latest,
        )
        latency = Latency(
            settings.lowest_latency_buffer, settings.ttl, settings.max_latency_list_size
        )
        self._selection = Selection(settings.routing_strategy, self.known, latency, late)
        self._checked, self._spent = Lasting(), Lasting()

    def named(self, name: str) -> str:
        """The group that a name stands for."""
        return self._is.model_group_alias.get(name, name)

    def members(self, name: str) -> list[str]:
        """The deployments of a group, or of another name of it."""
        return self.groups[self.named(name)]

    def orders(self, name: str) -> list[int]:
        """The levels of `order` in a group, lowest first."""
        found = {self.known[each].order for each in self.members(name)}
        return sorted(each for each in found if each is not None)

    def is_left(self, now: float, name: str) -> bool:
        """Whether a deployment of the group is not cooled."""
        return not all(self.cooldowns.is_cold(now, each) for each in self.members(name))

    async def send(self, wanted: Wanted) -> Outcome:
        """Asks one of them."""
        call, world = wanted.call, wanted.world
        target = self._chosen(wanted)
        if isinstance(target, Outcome):
            return target
        slots = self._slots[target]
        if slots is not None and slots.is_full and self._late:
            return Outcome.rejected(LAYER, 429, target)
        self._selection.began(world.now(), target)
        taken, outcome = False, None
        try:
            if slots is not None:
                await slots.take(world.gate)
            taken, began = True, world.now()
            limit = self._limit(self.known[target], call.request.streamed)
            outcome = await self._sent(wanted, target, limit)
        finally:
            if slots is not None and taken:
                slots.give()
            if outcome is None:
                self._selection.ended(target)
        first = world.now() - began
        begun = outcome.rest is not None
        if begun:
            outcome = outcome.wrap(lambda rest: world.flowing(limit, rest, "timeout"))
        return outcome.then(partial(self._learn, wanted, target, first, begun))

    async def _sent(self, wanted: Wanted, target: str, limit: float) -> Outcome:
        """A send; in 1.83 as many more by the HTTP client as the deployment has retries, of which
        the Router does not know."""
        world, call = wanted.world, wanted.call.to(target)
        outcome = await self._bounded(world, limit, wanted.send(call))
        most = 0 if self._late or call.once else self.known[target].num_retries or 0
        for tries in range(most):
            if outcome.ok or not (outcome.status in CLIENT_AGAIN or outcome.status >= 500):
                break
            pause = client_pause(outcome.retry_after, tries)
            await world.sleep(pause * (1 - CLIENT_JITTER * world.uniform("client", call)))
            outcome = await self._bounded(world, limit, wanted.send(call))
        return outcome

    async def _bounded(self, world: World, limit: float, sent: Awaitable[Outcome]) -> Outcome:
        """A send, or its end after so many seconds."""
        return await world.within(limit, sent, "timeout")

    def _limit(self, own: Deployment, streamed: bool) -> float:
        """Seconds for each read."""
        of_streams = own.stream_timeout or self._is.stream_timeout
        return (of_streams if streamed else None) or own.timeout or self._is.timeout

    # -- whom to ask -----------------------------------------------------------------------------

    def _chosen(self, wanted: Wanted) -> str | Outcome:
        """A deployment, or what the Router says when nobody is left."""
        call, world, now = wanted.call, wanted.world, wanted.world.now()
        targets = world.targets()
        names = [
            each
            for each in self.members(wanted.name)
            if not self.cooldowns.is_cold(now, each)
            and permits(call.request.forbids, targets[each])
        ]
        if not names:
            return refused(NO_DEPLOYMENT)
        if self._is.provider_budget_config:
            names = [each for each in names if self._has_budget(now, targets[each].provider)]
            if not names:
                return refused(OVER_BUDGET)
        if self._is.enable_pre_call_checks:
            fitting = [each for each in names if self._fits(each, call)]
            names = [each for each in fitting if self._keeps_rpm(now, each)]
            if not names:
                too_long = Outcome(400, None, "context_length", by=LAYER)
                return refused(OVER_RPM) if fitting else too_long
        names = self._of_level(names, wanted.level)
        if not names:
            return refused(NO_DEPLOYMENT)
        draw = partial(world.uniform, "choice", call)
        price = partial(_per_token, world)
        choice = Choice(now, names, call.request.input_tokens, draw, price)
        try:
            chosen = self._selection.choose(choice)
        except ZeroDivisionError:
            return refused(NO_WEIGHT)
        if chosen is None:
            return Outcome.rejected(LAYER, 429, None, MINUTE)
        self._checked.add(now, chosen, 1.0, MINUTE)
        return chosen

    def _of_level(self, names: list[str], level: int | None) -> list[str]:
        """Those of one level of `order` (in 1.83 all, where none is of it); by default of the
        lowest that is left."""
        if not self._has_levels:
            return names
        orders = {name: self.known[name].order for name in names}
        if level is not None:
            found = [name for name in names if orders[name] == level]
            return found if found or self._late else names
        level = min((order for order in orders.values() if order is not None), default=None)
        return [name for name in names if orders[name] == level]

    def _fits(self, name: str, call: Call) -> bool:
        window = self.known[name].max_input_tokens
        return window is None or call.request.input_tokens <= window

    def _keeps_rpm(self, now: float, name: str) -> bool:
        rpm = self.known[name].rpm
        return self._latest or rpm is None or self._checked.get(now, name) < rpm

    def _has_budget(self, now: float, provider: str) -> bool:
        budget = self._is.provider_budget_config.get(provider)
        return budget is None or self._spent.get(now, provider) < budget.budget_limit

    # -- what is learnt --------------------------------------------------------------------------

    def _learn(
        self, wanted: Wanted, target: str, first: float, begun: bool, outcome: Outcome
    ) -> None:
        """How a send ended. first: seconds to the whole answer, or to the head of a stream; begun:
        after a head, where a failure is nobody's."""
        world, now = wanted.world, wanted.world.now()
        self._selection.ended(target)
        provider = world.targets()[target].provider
        if provider in self._is.provider_budget_config:
            life = self._is.provider_budget_config[provider].time_period
            self._spent.add(now, provider, outcome.usd, life)
        if outcome.ok:
            self.cooldowns.passed(now, target)
            used = outcome.input_tokens + outcome.output_tokens
            self._selection.answered(now, target, first / max(1, outcome.output_tokens), used)
            return
        if begun or outcome.error in AFTER_HEAD:
            return
        if outcome.status == 499 or outcome.by not in ("", LAYER):
            return
        if outcome.limit == "timeout":
            self._selection.timed_out(now, target)
        own = self.known[target].cooldown_time
        asked = own if own is not None else whole(outcome.retry_after)
        has_fallback = bool(self._is.fallbacks.get(wanted.name) or self._is.default_fallbacks)
        failure = Failure(
            class_of(outcome, provider),
            len(self.members(wanted.name)),
            has_fallback,
            self._is.cooldown_time if asked is None else asked,
        )
        cooled = self.cooldowns.failed(now, target, failure)
        if cooled is not None:
            world.emit("cooldown", wanted.call, target=target, seconds=cooled)


def client_pause(asked: float | None, tries: int) -> float:
    """Seconds until the HTTP client's next send."""
    return asked if asked and asked <= MOST_ASKED else min(FIRST_DELAY * 2.0**tries, MOST_DELAY)


def whole(seconds: float | None) -> float | None:
    """Retry-After, of which only whole seconds are read."""
    return seconds if seconds is not None and seconds == int(seconds) else None


def refused(error: str) -> Outcome:
    """Nobody was asked. Its status, which 1.83 does not give, is that of 1.109."""
    return replace(Outcome.rejected(LAYER, 429), error=error)


def _per_token(world: World, name: str) -> float:
    price = world.price(name)
    return price.input + price.output
