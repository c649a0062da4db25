"""The Router of a recorded run: single requests bring settings of their own, names need not be
those of groups, and lots fall as Python's generator lets them fall."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from simroute.core import Call, Outcome, Send, World
from simroute.gateways.litellm.bounds import LAYER, PLAIN, refused
from simroute.gateways.litellm.cooldowns import Failure
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.errors import NO_TAG, OVER_LIMIT, ErrorClass
from simroute.gateways.litellm.fleet import Fleet, Wanted
from simroute.gateways.litellm.router import LiteLLM, Ride
from simroute.gateways.litellm.strategies import Lots
from simroute.gauges.store import Store

LIMIT: ContextVar[float] = ContextVar("LIMIT")
"""Seconds for each read of the send at hand."""
ASKED: ContextVar[dict[str, Any]] = ContextVar("ASKED")
"""What the request at hand brings of its own: it holds for its whole task, but for what happens
once."""
RETRIED: ContextVar[bool] = ContextVar("RETRIED")
"""Whether the next send is one more without a pause: others of that moment come before it."""
OF_KIND = {
    "ContextWindowExceededError": "context_window_fallbacks",
    "ContentPolicyViolationError": "content_policy_fallbacks",
}
FORGOTTEN = {*OF_KIND.values(), "fallbacks", "disable_fallbacks", "num_retries"}
MOCKED = {
    "mock_testing_fallbacks": Outcome(500, None, "error", by=LAYER),
    "mock_testing_context_fallbacks": Outcome(400, None, "context_length", by=LAYER),
    "mock_testing_content_policy_fallbacks": Outcome(400, None, "content_filter", by=LAYER),
}
MOCKED_LIMIT = "mock_testing_rate_limit_error"
UNKNOWN_MODEL = "unknown model"


class SeededLots(Lots):
    """As the Router draws them: also where there is but one."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        super().__init__(self.chance.random)

    def among(self, count: int) -> int:
        return self.chance.choice(range(count))

    def by_weight(self, weights: Sequence[float]) -> int:
        shares = [weight / sum(weights) for weight in weights]
        return self.chance.choices(range(len(weights)), weights=shares)[0]

    def mixed(self, names: list[str]) -> list[str]:
        return self.chance.sample(names, len(names))


@dataclass
class Told:
    """What the layer has no word for. models, tags, prices: by deployment, litellm's name of its
    model, its tags, and USD a token in and out as cost-based routing reads them; matching: by tags,
    if at all ("any", "all"); shared: groups that share a cache's answers; unslotted: deployments
    whose limits bound no calls in flight; chunks: what requests have heard of streams."""

    lots: SeededLots
    models: dict[str, str] = field(default_factory=dict)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    matching: str = ""
    shared: tuple[tuple[str, ...], ...] = ()
    unslotted: set[str] = field(default_factory=set)
    chunks: Mapping[int, object] = field(default_factory=dict)


class AskedRouter(LiteLLM):
    """The Router, and what requests say: a retry count counts unless the deployment has its own (in
    1.109 in any case, and none is none whatever a policy says), a timeout in any case."""

    told: Told

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        self._fleet = self._fleet or AskedFleet(self, world, self.told)
        return await super().__call__(call, send, world)

    def _name(self, call: Call, fleet: Fleet) -> str | None:
        return call.request.task

    async def _tried(self, ride: Ride, name: str) -> Outcome:
        """What is mocked fails before any try, once."""
        RETRIED.set(False)
        for key, mocked in MOCKED.items():
            if ASKED.get().pop(key, None):
                return mocked
        return await super()._tried(ride, name)

    def _most_retries(self, fleet: Fleet, outcome: Outcome) -> int:
        if outcome.error == OVER_LIMIT:
            return 0
        own = ASKED.get().get("num_retries")
        if own is not None and self.profile != "1.83":
            return int(own)
        failed = fleet.known.get(outcome.target or "")
        if failed is not None and failed.num_retries is not None:
            return failed.num_retries
        return self.num_retries if own is None else int(own)

    def _by_policy(self, group: str, kind: ErrorClass | None) -> int | None:
        if ASKED.get().get("num_retries") == 0 and self.profile != "1.83":
            return None
        return super()._by_policy(group, kind)

    def _pause(self, ride: Ride, outcome: Outcome, tries: int) -> float:
        if not self.jitter:
            self.told.lots.chance.random()  # drawn all the same
        RETRIED.set(False)
        return super()._pause(ride, outcome, tries)

    def _has_begun(self, ride: Ride, final: Outcome) -> bool:
        return ride.call.request.id in self.told.chunks

    async def _mend(self, ride: Ride, name: str, failed: Outcome) -> Outcome:
        """By then 1.83 has forgotten what the request brought for retries and fallbacks."""
        if self.profile != "1.83":
            return await super()._mend(ride, name, failed)
        kept = {key: value for key, value in ASKED.get().items() if key not in FORGOTTEN}
        ASKED.set(kept)
        return await super()._mend(ride, name, failed)

    async def _fall_back(self, ride: Ride, name: str, failed: Outcome) -> Outcome:
        ASKED.get().pop("mock_timeout", None)
        if ASKED.get().get("disable_fallbacks"):
            return failed
        return await super()._fall_back(ride, name, failed)

    def _deepest(self) -> int:
        return int(ASKED.get().get("max_fallbacks", self.max_fallbacks))

    def _chain(self, ride: Ride, name: str, kind: ErrorClass | None) -> Sequence[str]:
        """A request's own lists stand for the Router's, wherever it has got to."""
        own, special = ASKED.get(), OF_KIND.get(kind or "")
        if special and own.get(special) is not None:
            return self._of_request(ride, name, own[special])
        if own.get("fallbacks") is None or (special and getattr(self, special)):
            return super()._chain(ride, name, kind)
        return self._of_request(ride, name, own["fallbacks"])

    def _of_request(self, ride: Ride, name: str, given: list[Any]) -> Sequence[str]:
        """Groups, or groups by the name that they stand behind."""
        if all(isinstance(each, str) for each in given):
            return tuple(given)
        if "model" in given[0]:
            return tuple(each["model"] for each in given)
        chains = {key: tuple(groups) for each in reversed(given) for key, groups in each.items()}
        found = self._listed(chains, ride, name)
        return chains.get("*", ()) if found is None else found


class AskedFleet(Fleet):
    """The deployments, asked for as long as a request says, read by read: the upstream keeps to
    it."""

    def __init__(self, settings: AskedRouter, world: World, told: Told) -> None:
        self._told = told
        super().__init__(settings, world)
        self._plain = set()  # lots are drawn wherever there is one left, too
        self._is_filtered |= bool(told.matching)
        self._is_called = {name: name for name in self.known}
        self._group_of = {name: key for key, names in self.groups.items() for name in names}
        self._patterns = {
            name: re.compile(re.escape(name).replace(r"\*", "(.*)")) for name in self.groups
        }

    def _most_at_once(self, name: str, own: Deployment) -> int | None:
        if name in self._told.unslotted:
            own = replace(own, rpm=None, tpm=None)
        return super()._most_at_once(name, own)

    # -- names

    def members(self, name: str) -> list[str]:
        """By id, group, pattern of names, model, or those of the first default fallback."""
        if name in self.known:
            return [name]
        named = self.named(name)
        if ASKED.get().get("specific_deployment"):
            return [each for each, model in self._told.models.items() if model == named]
        if named in self.groups:
            return self.groups[named]
        for group in sorted(self.groups, key=len, reverse=True):
            if "*" in group and self._patterns[group].fullmatch(named):
                return self.groups[group]
        found = [each for each, model in self._told.models.items() if model == named]
        return found or self.groups.get(next(iter(self._is.default_fallbacks), ""), [])

    def is_left(self, now: float, name: str) -> bool:
        return name not in self.known and super().is_left(now, name)

    def chosen(self, wanted: Wanted) -> str | Outcome:
        if ASKED.get().pop(MOCKED_LIMIT, None):
            return Outcome(429, None, "error", by=LAYER)
        if wanted.name in self.known:
            self.cooldowns.used(wanted.world.now(), wanted.name)
            self.bounds.asked(wanted.world.now(), wanted.name)
            return wanted.name
        if not self.members(wanted.name):
            return Outcome(400, None, UNKNOWN_MODEL, by=LAYER)
        return super().chosen(wanted)

    def _size(self, name: str, target: str) -> int:
        return len(self.groups[self._group_of[target]])

    def _failure(self, wanted: Wanted, target: str, kind: ErrorClass, seconds: float) -> Failure:
        """One that stands for a pattern of names never cools."""
        never = "*" in self._group_of[target]
        return super()._failure(wanted, target, kind, 0.0 if never else seconds)

    def _known_answer(self, wanted: Wanted, answers: Store) -> Outcome | None:
        own = ASKED.get().get("cache") or {}
        return None if own.get("no-cache") else super()._known_answer(wanted, answers)

    def _keep(self, answers: Store, wanted: Wanted, outcome: Outcome) -> None:
        if not (ASKED.get().get("cache") or {}).get("no-store"):
            super()._keep(answers, wanted, outcome)

    def _shelf(self, name: str) -> Hashable:
        return next((each for each in self._told.shared if name in each), name)

    # -- choices

    def _filtered(self, wanted: Wanted, names: list[str]) -> list[str] | Outcome:
        left = super()._filtered(wanted, names)
        plain = self._is.routing_strategy == PLAIN
        if isinstance(left, Outcome) or not self._told.matching or plain:
            return left
        asked = set((ASKED.get().get("metadata") or {}).get("tags") or ())
        tags = {each: set(self._told.tags.get(each, ())) for each in left}
        matched = [
            each
            for each in left
            if (asked & tags[each] if self._told.matching == "any" else asked <= tags[each])
        ]
        default = [each for each in left if "default" in tags[each]]
        if not asked:
            return default or left
        group = self.members(wanted.name)
        if self._late and not matched and any(asked & {*self._told.tags[each]} for each in group):
            return refused(NO_TAG)  # somebody else has it
        return matched or default or refused(NO_TAG)

    def _lots(self, wanted: Wanted) -> Lots:
        return self._told.lots

    def _per_token(self, world: World, name: str) -> float:
        return self._told.prices[name]

    def _first(self, head: float, outcome: Outcome) -> float:
        return float(getattr(outcome.answer, "first", head))

    # -- sends

    async def send(self, wanted: Wanted) -> Outcome:
        if RETRIED.get():
            await asyncio.sleep(0)
        RETRIED.set(True)
        return await super().send(wanted)

    async def _ask(self, wanted: Wanted, target: str) -> Outcome:
        """Whatever else ends at the same moment is known before a slot is free, or anybody is asked
        again."""
        outcome = await super()._ask(wanted, target)
        await asyncio.sleep(0)
        return outcome

    async def _bounded(self, world: World, limit: float, sent: Awaitable[Outcome]) -> Outcome:
        LIMIT.set(limit)
        return await sent

    def _client_retries(self, target: str) -> int:
        own = None if self._late else ASKED.get().get("max_retries")
        return super()._client_retries(target) if own is None else int(own)

    def _limit(self, own: Deployment, streamed: bool) -> float:
        asked = ASKED.get()
        if streamed:
            first = asked.get("stream_timeout") or own.stream_timeout or self._is.stream_timeout
            if first:
                return float(first)
        limit = asked.get("timeout") or asked.get("request_timeout")
        return float(limit or super()._limit(own, False))
