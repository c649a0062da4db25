"""Choose one of several that could all serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.call import Key, key_of
from simroute.core.params import (
    FAILURES,
    AtLeastOne,
    Count,
    Doc,
    Positive,
    Ratio,
    Seconds,
    Share,
    Statuses,
    TargetName,
    Weight,
)
from simroute.core.target import Shared, permits, resolve_numbers, sharing
from simroute.gauges.board import Board
from simroute.gauges.choice import Chooser, Rule
from simroute.gauges.measure import Avoid, Bound, Measure, Metric
from simroute.gauges.store import Store

KEPT = 100_000
"""Keys of which it is known who served them last."""


@layer("balance")
@dataclass
class Balance:
    """Chooses one of several targets that could all serve a call, by a rule (`pick`) and a number
    that is known of each (`measure`, the less the better), and asks the next one when a layer
    further in refuses (an open breaker, a full limit), or when it fails and `tries` allows.

    The rules: `chance`, in proportion to weight over the measure to the power of `exponent`;
    `best`, of equals any; `two`, the better of two at random; `turns`, one after another, as often
    as weights say; `hash`, each key has its own order of targets, in which weights are shares of
    keys, and keeps it whoever joins or leaves. `sticky` and `hash` need a key: where a request has
    none, as a live one without a session, chance decides.

    Before the rule come ranks: who is not avoided, of those the lowest of `levels`, of those who is
    within `prefer`; only the first rank is chosen from. `require` leaves out, and where it leaves
    nobody the call is refused, as it is where the request forbids all. A call that an outer layer
    has aimed stays there (`group: targets`), or goes to any deployment of the same model, family or
    provider, so that a fallback outside names models, and this chooses the deployment. Times are
    those of calls that were sent from here; a failure says nothing about speed unless `failures` or
    `timed_out` says so.

    Sources: LiteLLM's routing strategies (1.83: simple-shuffle, least-busy, latency-based,
    usage-based, order), Finagle's and tower's power of two choices over Peak EWMA (Helicone's
    gateway has it), OpenRouter's provider routing (price to the power of -2 among those without an
    outage in 30 s, `sort`, `max_price`, preferred percentiles), Kong's and Portkey's load
    balancing; bounded loads: Mirrokni, Thorup, Zadimoghaddam (2018).

    Example:

        fallback: {targets: [first, other_company]}
        balance:  {group: model, pick: two, measure: {of: latency, average: peak, busy: true}}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: Everything rests on what the measure knows. A time needs traffic: who is not chosen
    is not measured, so `best` never asks again one that it found slow, unless `explore` sends a
    share of calls to look or `average: peak` forgets; `two` and `chance` keep looking. `best` sends
    all of a moment's calls to the same target: by `in_flight` or with `busy` that corrects itself,
    by a time it swings, the longer answers take and the older the measure (`refresh`), the more. A
    target that fails fast has few calls under way and looks idle, so `in_flight` needs `avoid` or a
    breaker inside. By price all goes to one until it refuses; `exponent` says how much of it the
    dearer ones keep, so that they are known when they are needed. `sticky` and `hash` keep what a
    provider's prompt cache holds, at the price of balance: a key moves when its target refuses,
    fails or is avoided, and with `sticky` stays where it went.
    """

    targets: Annotated[tuple[TargetName, ...], Doc("whom to choose from; empty: all")] = ()
    group: Annotated[
        Shared, Doc("choose from these, or from those that share this with whom a call is aimed at")
    ] = "targets"
    pick: Annotated[Rule, Doc("the rule by which one is chosen")] = "chance"
    measure: Annotated[Measure, Doc("what is compared")] = field(default_factory=Measure)
    weights: Annotated[
        dict[TargetName, Weight], Doc("chance, turns, hash: shares; empty: equal; not stated: 0")
    ] = field(default_factory=dict)
    exponent: Annotated[Ratio, Doc("chance: shares by the measure to minus this power")] = 1.0
    slack: Annotated[Ratio, Doc("best: any that is at most this share worse")] = 0.0
    explore: Annotated[Share, Doc("best, two, chance: calls that look at any")] = 0.0
    key: Annotated[Key, Doc("hash, sticky: what stays together")] = "session"
    bound: Annotated[
        AtLeastOne | None, Doc("hash: nobody has more than this by the mean of calls under way")
    ] = None
    sticky: Annotated[
        Seconds, Doc("a key goes to who served it last, up to so long ago; 0: not")
    ] = 0.0
    levels: Annotated[
        dict[TargetName, Count], Doc("the lowest level that can be asked is; not stated: 0")
    ] = field(default_factory=dict)
    avoid: Annotated[Avoid | None, Doc("put behind all others whose calls fail")] = None
    require: Annotated[
        dict[Metric, Bound], Doc("leave out who is beyond this; times also by quantile (p90)")
    ] = field(default_factory=dict)
    prefer: Annotated[
        dict[Metric, Bound], Doc("put behind others who is beyond this, in the same words")
    ] = field(default_factory=dict)
    tries: Annotated[Positive, Doc("targets that are asked, one after another, if they fail")] = 1
    statuses: Annotated[Statuses, Doc("failures after which the next is asked")] = FAILURES

    def __post_init__(self) -> None:
        self._board = Board(self.measure, self.avoid, self.require, self.prefer)
        exponent = 0.0 if self.measure.of == "nothing" else self.exponent
        self._chooser = Chooser(self.pick, exponent, self.slack, self.bound, self.explore)
        self._kept = Store(KEPT, self.sticky or 1.0, sliding=True)
        self._groups: dict[str | None, list[str]] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        left, failed, asked = self._open(call, world), None, 0
        while left:
            name = left[0] if len(left) == 1 else self._choose(left, call, world)
            if failed is not None:
                world.emit("fell_back", call, target=failed.target, status=failed.status, to=name)
            outcome = await self._ask(call.to(name), send, world)
            asked += not outcome.by
            again = outcome.by or (outcome.status in self.statuses and not call.once)
            if outcome.ok or not again or asked >= self.tries:
                return outcome
            left, failed = [other for other in left if other != name], outcome
        return failed or Outcome.rejected("balance", 403)

    def _open(self, call: Call, world: World) -> list[str]:
        """Who could be asked."""
        aimed, forbids, known = call.target, call.request.forbids, world.targets()
        stays = aimed is not None and (self.group == "targets" or call.once)
        names = [aimed or ""] if stays else self._groups.get(aimed)
        if names is None:
            names = resolve(self.targets, known, world.price) or list(known)
            names = self._groups[aimed] = sharing(names, aimed or names[0], known, self.group)
            self._weights = resolve_numbers(self.weights, known, world.price)
            self._levels = resolve_numbers(self.levels, known, world.price)
        if forbids:
            names = [name for name in names if permits(forbids, known[name])]
        return self._board.allowed(world.now(), names, world.price) if self.require else names

    def _choose(self, left: list[str], call: Call, world: World) -> str:
        now, unstated = world.now(), 0.0 if self._weights else 1.0
        first = self._board.first(now, left, self._levels, world.price)
        key = key_of(call.request, self.key)
        if self.sticky and key and (kept := self._kept.get_at(now, key)) in first:
            return str(kept)
        return self._chooser.choose(
            {name: self._weights.get(name, unstated) for name in first},
            key,
            lambda name: self._board.value(now, name, world.price),
            lambda name: self._board.of(name).in_flight,
            lambda: world.uniform("choose", call),
        )

    async def _ask(self, call: Call, send: Send, world: World) -> Outcome:
        start, outcome = world.now(), None
        self._board.begin(start, call.target)
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._board.leave(call.target)
        return outcome.then(partial(self._told, call, (start, world.now()), world))

    def _told(self, call: Call, times: tuple[float, float], world: World, outcome: Outcome) -> None:
        now, (start, first) = world.now(), times
        self._board.end(now, call.target, (first - start, now - start), outcome)
        if self.sticky and outcome.ok and (key := key_of(call.request, self.key)):
            self._kept.put(now, key, call.target)
