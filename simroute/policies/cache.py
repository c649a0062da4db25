"""Answer what was asked before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Gate, Match, Outcome, Send, World, layer
from simroute.core.params import Doc, Range, Seconds, Share, Unit
from simroute.gauges.keeping import Keeping, Kept, Place
from simroute.gauges.verified import VerifiedEntries

Near = Match | None


@layer("cache")
@dataclass
class Cache(Keeping):
    """Exact: the same prompt and parameters (`ignore`: however the prompt is written). Semantic:
    besides, the nearest earlier question above a threshold, which may be the wrong one. Verified:
    such a question's answer is given as often as the stated `error` allows; otherwise the model is
    asked, and what it says compared with it, from which each entry learns how far its answer
    carries (`together`: all of them at once, so that the bound holds on average over them, sooner).

    A threshold means something only with its scale: GPTCache's 0.8 is a cosine of 0.6 (cosine = 2 x
    threshold - 1). Only complete answers are stored: none that a filter or the largest length
    ended, none that came from a cache. What is too old
    may still be given, marked `stale`, when asking failed. Of several equal requests at a time the
    first may be asked and the others wait for it (`single_flight`): for the whole of its answer, so
    a streamed one comes to them at its end; if it fails the next of them asks. Refusals that would
    come again may be remembered (`failures_ttl`); they are given as the provider gave them. No
    request gets an answer of who must not see it. Live a request that would get another answer each
    time (temperature above 0, tools) is not kept unless asked (`any_temperature`).

    Sources: GPTCache; RFC 5861 (stale-if-error); RFC 2308 (negative caching); Go's singleflight;
    vCache, arXiv 2502.03771 (the idea of the verified one); what is ignored, Bifrost's cache (lower
    case, trimmed) and NeMo Guardrails' (white space).

    Example:

        cache:
          {match: semantic, threshold: 0.95, scale: cosine, ttl: 1h, size: 10000, stale: 1d,
           single_flight: true}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: How much it can save is the scenario's `workload.repeats.share`; an exact cache
    misses the `paraphrased` part of it and, unless it is to `ignore` such forms, `other_case` and
    `other_space`. A lower `threshold` finds more of those, and more questions
    that only look alike: watch cache_false_hit_rate beside cache_hit_rate. `match: verified` bounds
    those at the price of asking while it learns: below `threshold` it does not look, so give a low
    one. `ttl` and `size` decide how much is there to be found (an answer must outlive the time
    between two askings), `eviction` what goes first when `size` is reached, and `sliding` keeps
    what is asked again. `scope` gives nobody an answer that was made for somebody else, and finds
    as much less as people ask the same. `lookup` is paid by every request, also by those that miss;
    stand it outermost: what it answers needs neither budget nor breaker, and `stale` is asked when
    all of them have failed.
    """

    match: Annotated[
        Literal["exact", "semantic", "verified"], Doc("what is taken for the same question")
    ] = "exact"
    ignore: Annotated[
        tuple[Literal["case", "space"], ...],
        Doc("the same words all the same: case of letters, white space between and around them"),
    ] = ()
    threshold: Annotated[
        float, Unit("similarity"), Range(0, 1), Doc("semantic: how alike two questions must be")
    ] = 0.95
    scale: Annotated[Literal["cosine", "gptcache"], Doc("of the threshold")] = "cosine"
    lookup: Annotated[Seconds, Doc("time to look, hit or miss")] = 0.003
    any_temperature: Annotated[bool, Doc("live: keep answers that vary, too")] = False
    error: Annotated[Share, Doc("verified: share of wrong answers among similar questions")] = 0.02
    together: Annotated[bool, Doc("verified: learn of all entries at once, sooner")] = False
    single_flight: Annotated[bool, Doc("equal requests wait for the first of them")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._verified = VerifiedEntries(self.error)
        # what a question is compared with: verified, those alone whose answers differ
        self._nearby = self._leads if self.match == "verified" else self._fresh
        self._flights: dict[Place, Gate] = {}
        alike = self.threshold
        self._cosine = alike if self.scale == "cosine" else round(2 * alike - 1, 12)

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self.lookup:
            await world.takes(self.lookup)
        key = world.plain_key(call, self.ignore) if self.ignore else call.request.key
        place = whose, key = self.whose(call.request), key
        if self.match != "exact":
            nearby = self._nearby.of(whose)
            nearby.expire(world.now())
            if key not in self._fresh.of(whose):
                await world.embed(call, nearby)
        while True:
            found, near = self._look(call, place, world)
            if found is not None:
                return found
            if not self.single_flight or (flight := self._flights.get(place)) is None:
                break
            await flight
        return await self._ask(call, place, near, send, world)

    def _look(self, call: Call, place: Place, world: World) -> tuple[Outcome | None, Near]:
        now, allowed = world.now(), (call.request.forbids, world.targets)
        found = self.found_at(now, self._fresh, place, allowed)
        if found is not None:
            return _hit("exact", found), None
        refused = self.refused_at(now, place)
        if refused is not None:
            return refused, None
        near = world.nearest(call, self._nearby.of(place[0])) if self.match != "exact" else None
        if near is None or near.cosine < self._cosine:
            return None, None
        if self.match == "verified":
            share = self._verified.share(self.together or near.key, near.cosine)
            if share < 1 and world.uniform("explore", call) >= share:
                return None, near
        found = self.found_at(now, self._nearby, (place[0], near.key), allowed)
        return (None, near) if found is None else (_hit("semantic", found), None)

    async def _ask(self, call: Call, place: Place, near: Near, send: Send, world: World) -> Outcome:
        if self.single_flight:
            self._flights[place] = world.gate()
        outcome = None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._land(place)
        outcome = outcome.then(partial(self._keep, call, place, near, world))
        if self.stale and not outcome.ok:
            allowed = call.request.forbids, world.targets
            old = self.found_at(world.now(), self._old, place, allowed)
            if old is not None:
                world.emit("served_stale", call, status=outcome.status)
                return _hit("stale", old)
        return outcome

    def _keep(self, call: Call, place: Place, near: Near, world: World, outcome: Outcome) -> None:
        now, (whose, key) = world.now(), place
        fresh = outcome.ok and outcome.cached == "no" and outcome.answer is not None
        if fresh and world.may_keep(call, outcome, self.any_temperature):
            chance = world.uniform("evict", call) if self.eviction == "random" else 0.0
            kept = Kept(outcome.answer, outcome.target)
            self.put(now, place, kept, chance)
            if self.match == "verified" and not self._learn(near, kept, whose, world):
                self._leads.of(whose).put(now, key, kept, chance)
        elif self.failures_ttl and outcome.status in self.failures and not outcome.by:
            self._refused.of(whose).put(now, key, replace(outcome, usd=0.0, rest=None))
        self._land(place)

    def _learn(self, near: Near, kept: Kept, whose: str, world: World) -> bool:
        """Whether the entry that was near, if any, says the same."""
        if near is None or near.key not in self._leads.of(whose):
            return False
        right = world.agrees(self._leads.of(whose)[near.key].answer, kept.answer)
        self._verified.add(self.together or near.key, near.cosine, right)
        return right

    def _land(self, place: Place) -> None:
        if place in self._flights:
            self._flights.pop(place).open()


def _hit(kind: str, answer: object) -> Outcome:
    return Outcome(200, by="cache", cached=kind, answer=answer)
