"""Ask where Unify would."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Annotated

from simroute.core import Call, Evaluation, Outcome, Price, Send, Target, World, layer
from simroute.core.params import Doc, Grammar, Period, Positive, Unit
from simroute.gateways.unify.strings import TIMED, Metric, parse
from simroute.policies.choice import Aim
from simroute.policies.rounds import rounds

Figures = dict[Metric, float]
FIRST = 0.5
"""Seconds from the start to the first measurement."""


@layer("unify")
@dataclass
class Unify(Aim):
    """Sends each call to the endpoint that a string of Unify's asks for: MODEL@METRIC or
    router@METRIC, of `quality`, `ttft`, `itl`, `cost`, `input-cost`, `output-cost` (or q, t, i, c,
    ic, oc), `lowest-` or `highest-` where it is not the best one, with thresholds
    (`|c<5|itl<20`), weights instead of one metric (`router@q:1|c:0.7`), and a search space
    (`|providers:a,b`, `skip_providers:`, `models:`, `endpoints:`). Older strings, such as
    `lowest-itl<0.5ic`, mean the same as then.

    Models and providers are those of the scenario's deployments. Times are ms, costs USD per
    million tokens (`cost`: three of input to one of output), qualities shares of right answers in
    the latest evaluation of the task. Times are medians of `samples` pings of each endpoint, every
    `every`: until the next, whatever becomes of it, an endpoint keeps its figures. Without an
    endpoint within the thresholds the call is refused (404). Source: Unify's documentation of 2024
    (routing syntax); which endpoint is taken of equal ones, and what an unknown figure counts, is
    assumed: the first, and nothing.

    Example:

        unify:   {endpoint: "router@lowest-cost|q>0.8|ttft<2000", every: 1h}
        timeout: {total: 60s}

    Interplay: It does not look at what becomes of calls: an endpoint that fails is asked until a
    measurement finds it slow, which a failure does not show, so put a `fallback` inside, which
    begins there; one outside would aim every call before, and no string would count. `every` is how
    stale a choice may be. Pings are billed, which Unify's own measurements were not. Metrics with
    weights are added in their units, so a weight of 1 for `t` counts a millisecond as much as all
    of quality.
    """

    endpoint: Annotated[
        str, Unit("endpoint"), Grammar(parse), Doc("Unify's string: whom to ask")
    ] = "router@lowest-cost"
    every: Annotated[Period, Doc("time between two measurements of times")] = 10_800.0
    samples: Annotated[Positive, Doc("pings of each endpoint in a measurement")] = 3
    evaluation: Annotated[Evaluation, Doc("how quality is measured, and how often")] = field(
        default_factory=Evaluation
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rule = parse(self.endpoint)
        self._times: dict[str, Figures] = {}
        self._kept: dict[str, tuple[Price, Figures]] = {}

    @property
    def asks(self) -> tuple[str, ...]:
        """Experts that are functions of the user's own, live."""
        return ("evaluator",) if "quality" in self._rule.metrics else ()

    def admits(self, target: Target) -> bool:
        """Whether it may ever send there."""
        return self._rule.admits(target)

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        rule, known = self._rule, world.targets()
        names = [name for name in allowed if self.admits(known[name])]
        figures = await self._figures(names, call, world)
        fits = [name for name in names if rule.fits(figures[name])]
        if not fits:
            return Outcome.rejected("unify", 404)
        return await send(call.to(min(fits, key=lambda name: rule.loss(figures[name]))))

    async def background(self, send: Send, world: World) -> None:
        """Measures times, soon after the start and every so often."""
        if self._rule.metrics & {*TIMED}:
            known = world.targets().items()
            names = [name for name, target in known if self.admits(target)]
            await rounds(partial(self._measure, send, world), names, self.every, world, FIRST)

    async def _measure(self, send: Send, world: World, name: str) -> Outcome:
        """Pings one after another, for the medians of those that were answered."""
        firsts, gaps = [], []
        for _ in range(self.samples):
            began = world.now()
            outcome = await send(world.ping(name))
            first = world.now()
            if outcome.rest is not None:
                outcome = await outcome.rest
            since = first if world.now() > first else began  # of one that came whole
            if outcome.ok:
                firsts.append(1000 * (first - began))
                gaps.append(1000 * (world.now() - since) / max(outcome.output_tokens, 1))
        if firsts:
            self._times[name] = {"ttft": median(firsts), "itl": median(gaps)}
            self._kept.pop(name, None)
        return outcome

    async def _figures(self, names: list[str], call: Call, world: World) -> dict[str, Figures]:
        """What is known of each."""
        found = {name: self._priced(name, world.price(name)) for name in names}
        if "quality" in self._rule.metrics:
            task = call.request.task
            tested = await world.evaluated(call, task, names, self.evaluation)
            for name, (share, _) in tested.items():
                found[name] = {**found[name], "quality": share}
        return found

    def _priced(self, name: str, price: Price) -> Figures:
        """Times and costs, worked out anew when one of them is another."""
        kept = self._kept.get(name)
        if kept is None or kept[0] is not price:
            costs: Figures = {
                "cost": price.blended,
                "input-cost": price.input,
                "output-cost": price.output,
            }
            kept = self._kept[name] = price, {**self._times.get(name, {}), **costs}
        return kept[1]
