"""Answer what was asked before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Doc, Period, Positive, Range, Seconds, Unit
from simroute.gauges.store import Store


@layer("cache")
@dataclass
class Cache:
    """Exact: the same prompt and parameters. Semantic: besides, the nearest earlier question above
    a threshold, which may be the wrong one.

    A threshold means something only with its scale: GPTCache's 0.8 is a cosine of 0.6 (cosine = 2 x
    threshold - 1). Only complete answers are stored, none that came from a cache.

    Example:

        cache:    {match: semantic, threshold: 0.95, scale: cosine, ttl: 1h, size: 10000}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: How much it can save is the scenario's `workload.repeats.share`; an exact cache
    misses the `paraphrased` part of it. A lower `threshold` finds more of those, and more questions
    that only look alike: watch cache_false_hit_rate beside cache_hit_rate. `ttl` and `size` decide
    how much is there to be found (an answer must outlive the time between two askings), `eviction`
    what goes first when `size` is reached, and `sliding` keeps what is asked again. `lookup` is
    paid by every request, also by those that miss. Stand it outermost: what it answers needs
    neither budget nor breaker.
    """

    match: Annotated[Literal["exact", "semantic"], Doc("the same words, or the same meaning")] = (
        "exact"
    )
    threshold: Annotated[
        float, Unit("similarity"), Range(0, 1), Doc("semantic: how alike two questions must be")
    ] = 0.95
    scale: Annotated[Literal["cosine", "gptcache"], Doc("what the threshold is measured in")] = (
        "cosine"
    )
    ttl: Annotated[Period, Doc("lifetime of an answer, from when it was stored")] = 3600.0
    sliding: Annotated[bool, Doc("each hit starts the lifetime anew")] = False
    size: Annotated[Positive, Doc("answers kept")] = 10_000
    eviction: Annotated[
        Literal["lru", "lfu", "fifo"], Doc("goes first: longest unused, least used, oldest")
    ] = "lru"
    lookup: Annotated[Seconds, Doc("time to look, hit or miss")] = 0.003
    any_temperature: Annotated[
        bool, Doc("live: keep answers too that would be others if asked for again")
    ] = False

    def __post_init__(self) -> None:
        self._store = Store(self.size, self.ttl, self.eviction, self.sliding)
        self._cosine = (
            self.threshold if self.scale == "cosine" else round(2 * self.threshold - 1, 12)
        )

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self.lookup:
            await world.takes(self.lookup)
        if self.match == "semantic":
            self._store.expire(world.now())
            if call.request.key not in self._store:
                await world.embed(call, self._store)
        kind, entry = self._look(call, world)
        if kind != "no":
            return Outcome(200, by="cache", cached=kind, answer=entry)
        outcome = await send(call)
        return outcome.then(partial(self._keep, call, world))

    def _look(self, call: Call, world: World) -> tuple[str, object]:
        now = world.now()
        entry = self._store.get_at(now, call.request.key)
        if entry is not None:
            return "exact", entry
        if self.match == "semantic":
            near = world.nearest(call, self._store)
            if near is not None and near.cosine >= self._cosine:
                return "semantic", self._store.get_at(now, near.key)
        return "no", None

    def _keep(self, call: Call, world: World, outcome: Outcome) -> None:
        fresh = outcome.ok and outcome.cached == "no" and outcome.answer is not None
        if fresh and world.may_keep(call, outcome, self.any_temperature):
            self._store.put(world.now(), call.request.key, outcome.answer)
