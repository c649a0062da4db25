"""One send: whom the Router asks, for how long, and what it learns from how that ends."""

from __future__ import annotations

from collections.abc import Awaitable, Hashable
from dataclasses import replace
from functools import partial

from simroute.core import Call, Outcome, Send, World, resolve
from simroute.core.target import permits
from simroute.core.value import value
from simroute.gateways.litellm.bounds import LAYER, Bounds, refused
from simroute.gateways.litellm.cooldowns import MINUTE, Cooldowns, Failure
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.entries import EACH, MOST
from simroute.gateways.litellm.errors import (
    AFTER_HEAD,
    NO_DEPLOYMENT,
    NO_WEIGHT,
    OVER_LIMIT,
    ErrorClass,
    class_of,
)
from simroute.gateways.litellm.pauses import client_pause, done, whole
from simroute.gateways.litellm.settings import Settings
from simroute.gateways.litellm.slots import Slots
from simroute.gateways.litellm.strategies import STRATEGIES, Answer, Choice, Known, Lots
from simroute.gauges.keeping import Kept
from simroute.gauges.store import Store

ANSWERS, LIFE = 200, 600.0
"""Of the cache: how many, and for how many seconds."""
COOLDOWN = 5.0
"""Seconds, where `cooldown_time` is 0."""
CLIENT_AGAIN, CLIENT_JITTER = (408, 409, 429), 0.25
"""Statuses below 500 after which OpenAI's client sends again, and the share by which its back-off
may be shorter."""


@value
class Wanted:
    """A send of a request to a group, or to one level of its `order`; not to those that have
    refused it, if anybody else is left."""

    call: Call
    send: Send
    world: World
    name: str
    level: int | None
    refused: tuple[str, ...] = ()

    def without(self, target: str) -> Wanted:
        """The same after one more has refused it."""
        refused = (*self.refused, target)
        return Wanted(self.call, self.send, self.world, self.name, self.level, refused)


class Fleet:
    """The deployments in their groups, and all that the Router remembers of them."""

    def __init__(self, settings: Settings, world: World) -> None:
        late, latest = settings.profile != "1.83", settings.profile == "1.109"
        self._is = settings
        self._latest, self._late = latest, late
        known, price = world.targets(), world.price
        self.groups: dict[str, list[str]] = {
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
        self._members = {
            name: self.groups[group]
            for name, group in {
                **{name: name for name in self.groups},
                **settings.model_group_alias,
            }.items()
            if group in self.groups
        }
        self._has_levels = any(each.order is not None for each in self.known.values())
        self._slots = {
            name: None if (most := self._most_at_once(name, each)) is None else Slots(most)
            for name, each in self.known.items()
        }
        self._seconds = settings.cooldown_time or COOLDOWN
        self.cooldowns = Cooldowns(
            settings.allowed_fails,
            settings.allowed_fails_policy,
            self._seconds,
            settings.disable_cooldowns,
            late,
            latest,
        )
        if len(self.known) * EACH > MOST:
            self.cooldowns.share_a_cache()
        told_strategy = Known(
            self.known,
            settings.lowest_latency_buffer,
            settings.ttl,
            settings.max_latency_list_size,
            late,
        )
        self.strategy = STRATEGIES[settings.routing_strategy](told_strategy)
        self._counts = self.strategy.counts
        self.bounds = Bounds(settings, self.known)
        self._is_filtered = self.bounds.has_budgets or settings.enable_pre_call_checks
        self._plain = {
            name
            for name, each in self.known.items()
            if each.weight is each.rpm is each.tpm is None and not self._counts
        }
        self._answers = Store(ANSWERS, LIFE, "fifo") if settings.cache_responses else None

    def _most_at_once(self, name: str, own: Deployment) -> int | None:
        """Calls in flight that a deployment may have."""
        return own.slots(self._is.default_max_parallel_requests)

    def named(self, name: str) -> str:
        """The group that a name stands for."""
        return self._is.model_group_alias.get(name, name)

    def members(self, name: str) -> list[str]:
        """The deployments of a group, or of another name of it."""
        return self._members[name]

    def orders(self, name: str) -> list[int]:
        """The levels of `order` in a group, lowest first."""
        if not self._has_levels:
            return []
        found = {self.known[each].order for each in self.members(name)}
        return sorted(each for each in found if each is not None)

    def is_left(self, now: float, name: str) -> bool:
        """Whether a deployment of the group is not cooled."""
        return not all(self.cooldowns.is_cold(now, each) for each in self.members(name))

    def send(self, wanted: Wanted) -> Awaitable[Outcome]:
        """Asks one of them."""
        target = self.chosen(wanted)
        if isinstance(target, Outcome):
            return done(target)
        slots = self._slots[target]
        if slots is None:
            return self._ask(wanted, target)
        if slots.is_full and self._late:
            return done(Outcome.rejected(LAYER, 429, target))
        return self._in_line(wanted, target, slots)

    async def _in_line(self, wanted: Wanted, target: str, slots: Slots) -> Outcome:
        """Waits for a slot, and has it until its answer is there, of a stream its head (from 1.106
        on, all of it)."""
        await slots.take(wanted.world.gate)
        outcome = None
        try:
            outcome = await self._ask(wanted, target)
        finally:
            if outcome is None or outcome.rest is None or not self._late:
                slots.give()
        if outcome.rest is not None and self._late:
            return outcome.then(lambda final: slots.give())
        return outcome

    async def _ask(self, wanted: Wanted, target: str) -> Outcome:
        """One of them, whose turn it is."""
        world, answers = wanted.world, self._answers
        began = world.now()
        limit = self._limit(self.known[target], wanted.call.request.streamed)
        if answers is not None and (known := self._known_answer(wanted, answers)):
            self.cooldowns.passed(began, target)
            return known
        if self.bounds.enforces and not self.bounds.admits(began, target):
            return replace(self._over_rpm(wanted, target), error=OVER_LIMIT)
        if not self._counts:
            outcome = await self._sent(wanted, target, limit)
        elif not self.strategy.admits(began, target):
            return self._over_rpm(wanted, target)
        else:
            self.strategy.began(began, wanted.name, target)
            try:
                outcome = await self._sent(wanted, target, limit)
            except BaseException:
                self.strategy.ended(world.now(), wanted.name, target)
                raise
        if answers is not None:
            outcome = outcome.then(partial(self._keep, answers, wanted))
        if outcome.rest is None:
            self._learn(wanted, target, (began, began), False, outcome)
            return outcome if outcome.error != "content_filter" else self._stopped(wanted, outcome)
        outcome = outcome.wrap(lambda rest: world.flowing(limit, rest, "timeout"))
        return outcome.then(partial(self._learn, wanted, target, (began, world.now()), True))

    def _stopped(self, wanted: Wanted, outcome: Outcome) -> Outcome:
        """An answer that a content filter stopped is a refused prompt where something stands behind
        the group for it, and else an answer."""
        behind = self._is.content_policy_fallbacks
        is_refused = wanted.name in behind if behind else bool(self._is.default_fallbacks)
        return replace(outcome, status=400) if is_refused else outcome

    # -- answers that are known ------------------------------------------------------------------

    def _known_answer(self, wanted: Wanted, answers: Store) -> Outcome | None:
        """A deployment has been chosen, and its slot taken, when the Router looks for one."""
        request, world = wanted.call.request, wanted.world
        kept: Kept | None = answers.get_at(world.now(), (self._shelf(wanted.name), request.key))
        known = None if kept is None else kept.for_one(request.forbids, world.targets())
        return None if known is None else Outcome(200, by=LAYER, cached="exact", answer=known)

    def _keep(self, answers: Store, wanted: Wanted, outcome: Outcome) -> None:
        call, world = wanted.call, wanted.world
        if outcome.ok and outcome.answer is not None and world.may_keep(call, outcome, True):
            key = self._shelf(wanted.name), call.request.key
            answers.put(world.now(), key, Kept(outcome.answer, outcome.target))

    def _shelf(self, name: str) -> Hashable:
        """Who shares answers: those who ask for a group by the same name."""
        return name

    def _over_rpm(self, wanted: Wanted, target: str) -> Outcome:
        """It waited for its slot until others had used up the minute: a failure that cools."""
        failure = self._failure(wanted, target, "RateLimitError", self._seconds)
        self._cool(wanted, target, self.cooldowns.judged(wanted.world.now(), target, failure))
        return Outcome.rejected(LAYER, 429, target, MINUTE)

    def _sent(self, wanted: Wanted, target: str, limit: float) -> Awaitable[Outcome]:
        """A send; in 1.83 as many more by the HTTP client as the deployment has retries, of which
        the Router does not know."""
        call = wanted.call.to(target)
        most = 0 if call.once else self._client_retries(target)
        if most:
            return self._by_client(wanted, call, limit, most)
        return self._bounded(wanted.world, limit, wanted.send(call))

    async def _by_client(self, wanted: Wanted, call: Call, limit: float, most: int) -> Outcome:
        world = wanted.world
        outcome = await self._bounded(world, limit, wanted.send(call))
        for tries in range(most):
            if outcome.ok or not (outcome.status in CLIENT_AGAIN or outcome.status >= 500):
                break
            pause = client_pause(outcome.retry_after, tries)
            await world.sleep(pause * (1 - CLIENT_JITTER * world.uniform("client", call)))
            outcome = await self._bounded(world, limit, wanted.send(call))
        return outcome

    def _client_retries(self, target: str) -> int:
        return 0 if self._late else self.known[target].num_retries or 0

    def _bounded(self, world: World, limit: float, sent: Awaitable[Outcome]) -> Awaitable[Outcome]:
        """A send, or its end after so many seconds."""
        return world.within(limit, sent, "timeout")

    def _limit(self, own: Deployment, streamed: bool) -> float:
        """Seconds for each read."""
        of_streams = own.stream_timeout or self._is.stream_timeout
        return (of_streams if streamed else None) or own.timeout or self._is.timeout

    # -- whom to ask -----------------------------------------------------------------------------

    def chosen(self, wanted: Wanted) -> str | Outcome:
        """A deployment, or what the Router says when nobody is left."""
        call, world = wanted.call, wanted.world
        now, names, forbids = world.now(), self.members(wanted.name), call.request.forbids
        if call.once and call.target is not None:
            names = [call.target]
        elif self.cooldowns.until:
            names = [each for each in names if not self.cooldowns.is_cold(now, each)]
        if forbids:
            targets = world.targets()
            names = [each for each in names if permits(forbids, targets[each])]
        if self._is_filtered and names:
            left = self._filtered(wanted, names)
            if isinstance(left, Outcome):
                return left
            names = left
        if self._has_levels:
            names = self._of_level(names, wanted.level)
        if wanted.refused:
            names = [each for each in names if each not in wanted.refused] or names
        if not names:
            return refused(NO_DEPLOYMENT)
        if len(names) == 1 and names[0] in self._plain:
            self.cooldowns.used(now, names[0])
            self.bounds.asked(now, names[0])
            return names[0]
        request = call.request
        choice = Choice(
            now,
            wanted.name,
            self.named(wanted.name),
            names,
            request.input_tokens,
            request.streamed,
            self._lots(wanted),
            partial(self._per_token, world),
        )
        try:
            chosen = self.strategy.choose(choice)
        except ZeroDivisionError:
            return refused(NO_WEIGHT)
        if chosen is None:
            if self.strategy.says_rate_limit:
                return Outcome.rejected(LAYER, 429, None, MINUTE)
            return refused(NO_DEPLOYMENT)
        self.cooldowns.used(now, chosen)
        self.bounds.asked(now, chosen)
        return chosen

    def _filtered(self, wanted: Wanted, names: list[str]) -> list[str] | Outcome:
        """Those whose budget and limits allow a call, or what the Router says where none does."""
        return self.bounds.allow(wanted.world, wanted.call, names)

    def _lots(self, wanted: Wanted) -> Lots:
        return Lots(partial(wanted.world.uniform, "choice", wanted.call))

    def _per_token(self, world: World, name: str) -> float:
        price = world.price(name)
        return price.input + price.output

    def _of_level(self, names: list[str], level: int | None) -> list[str]:
        """Those of one level of `order` (in 1.83 all, where none is of it); by default of the
        lowest that is left."""
        orders = {name: self.known[name].order for name in names}
        if level is not None:
            found = [name for name in names if orders[name] == level]
            return found if found or self._late else names
        level = min((order for order in orders.values() if order is not None), default=None)
        return [name for name in names if orders[name] == level]

    # -- what is learnt --------------------------------------------------------------------------

    def _learn(
        self,
        wanted: Wanted,
        target: str,
        times: tuple[float, float],
        begun: bool,
        outcome: Outcome,
    ) -> None:
        """How a send ended. times: when it began, and when its answer was there, or the head of a
        stream; begun: after a head, where a failure is nobody's."""
        now = wanted.world.now()
        if self._counts:
            self._count(wanted, target, times, outcome)
        if outcome.ok:
            if self.bounds.has_budgets:
                provider = wanted.world.targets()[target].provider
                self.bounds.spent(now, target, provider, outcome.usd)
            if self.bounds.enforces:
                self.bounds.used(now, target, outcome.input_tokens + outcome.output_tokens)
            self.cooldowns.passed(now, target)
            return
        if begun or outcome.error in AFTER_HEAD:
            return
        if outcome.status == 499 or outcome.by not in ("", LAYER):
            return
        kind = class_of(outcome, wanted.world.targets()[target].provider)
        if self._counts and kind == "Timeout":
            self.strategy.timed_out(now, wanted.name, target)
        asked = self.known[target].cooldown_time
        if asked is None:
            asked = whole(outcome.retry_after)
        failure = self._failure(
            wanted, target, kind, self._seconds if asked is None or asked < 0 else asked
        )
        self._cool(wanted, target, self.cooldowns.failed(now, target, failure))

    def _count(
        self, wanted: Wanted, target: str, times: tuple[float, float], outcome: Outcome
    ) -> None:
        now, began = wanted.world.now(), times[0]
        self.strategy.ended(now, wanted.name, target)
        if outcome.ok:
            out = outcome.output_tokens
            streamed = wanted.call.request.streamed
            first = self._first(times[1], outcome) - began if streamed else None
            answer = Answer(now - began, first, outcome.input_tokens + out, out)
            self.strategy.answered(now, wanted.name, target, answer)

    def _first(self, head: float, outcome: Outcome) -> float:
        """When the first token of a stream was there: here, at its head."""
        return head

    def _failure(self, wanted: Wanted, target: str, kind: ErrorClass, seconds: float) -> Failure:
        has_fallback = bool(self._is.fallbacks.get(wanted.name) or self._is.default_fallbacks)
        return Failure(kind, self._size(wanted.name, target), has_fallback, seconds)

    def _size(self, name: str, target: str) -> int:
        """Deployments in the group that a target was asked for."""
        return len(self.members(name))

    def _cool(self, wanted: Wanted, target: str, seconds: float | None) -> None:
        if seconds is not None:
            wanted.world.emit("cooldown", wanted.call, target=target, seconds=seconds)
