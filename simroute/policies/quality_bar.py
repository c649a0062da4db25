"""The cheapest target that is good enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import Annotated

from simroute.core import Call, Evaluation, Outcome, Send, World, layer
from simroute.core.params import Doc, Range, Share, TargetName, TaskName, Unit
from simroute.policies.choice import Choice


@layer("quality_bar")
@dataclass
class QualityBar(Choice):
    """Sends each task to the cheapest target whose answers to it are good enough: whose share of
    right ones in the latest evaluation is at least `bar`, as sure as `confidence` says.

    The evaluation has `examples` a task, and is made again after `every`; until then a target that
    has become worse keeps its work. Its uncertainty is Wilson's (1927) one-sided lower bound. If
    nobody clears the bar, the target with the best lower bound is asked; targets that were not
    evaluated on a task are left out, and if none was, the first is asked. Live, what an evaluation
    says comes from `table`, or from an async function of the user's own, `Gateway(evaluator=…)`.
    Source: Unify's thresholds over metrics that are measured now and then.

    Example:

        quality_bar: {bar: 0.9, confidence: 0.9, evaluation: {examples: 200, every: 1d}}
        fallback:    {targets: [first, other_company]}
        timeout:     {total: 30s, first_token: 10s}

    Interplay: With few `examples` the bound lies far below the share that was measured: at 200 and
    a `confidence` of .9, a target that is right in 93 % just clears a bar of .9; with `confidence`
    .5 the measured share itself counts, and chance promotes a target that is not good enough about
    every second time that it is just below the bar. Evaluating costs `examples` x `usd` for each
    target and task every time, paid by the call that finds the last one too old. A bar above all
    targets sends everything to the best one.
    """

    bar: Annotated[Share, Doc("right answers that are good enough")] = 0.9
    bars: Annotated[dict[TaskName, Share], Doc("the same for single tasks")] = field(
        default_factory=dict
    )
    confidence: Annotated[
        float,
        Unit("share"),
        Range(0.5, 0.9999),
        Doc("how sure it must be; 0.5: the measured share counts"),
    ] = 0.9
    evaluation: Annotated[Evaluation, Doc("how targets are tested, and how often")] = field(
        default_factory=Evaluation
    )
    table: Annotated[
        dict[TaskName, dict[TargetName, Share]],
        Doc("shares of right answers by task and target, instead of evaluations"),
    ] = field(default_factory=dict)

    @property
    def asks(self) -> tuple[str, ...]:
        return super().asks if self.table else (*super().asks, "evaluator")

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        task = await self.task_of(call, world)
        if self.table:
            shares = self.table.get(task, {})
            known = {n: (shares[n], self.evaluation.examples) for n in allowed if n in shares}
        else:
            known = dict(await world.evaluated(call, task, allowed, self.evaluation))
        sure = {name: lower_bound(*known[name], self.confidence) for name in known}
        bar = self.bars.get(task, self.bar)
        good = [name for name in sure if sure[name] >= bar]
        if good:
            target = min(good, key=self.costs(good, call, world).__getitem__)
        else:
            target = max(sure, key=sure.__getitem__, default=allowed[0])
        outcome = await send(call.to(target))
        return outcome.then(lambda final: self.learn_length(call, world, final))


@lru_cache(1024)
def lower_bound(share: float, number: int, confidence: float) -> float:
    """Wilson's lower bound of a share that was measured on so many examples."""
    z = NormalDist().inv_cdf(confidence)
    z2 = z * z / number
    spread = z * sqrt(share * (1 - share) / number + z2 / (4 * number))
    return (share + z2 / 2 - spread) / (1 + z2)
