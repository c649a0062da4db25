"""Ask the cheap model first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core import Call, Judge, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, TargetName, TaskName
from simroute.core.target import permits


@layer("cascade")
@dataclass
class Cascade:
    """Sends to the cheap target; a judge accepts the complete answer, or the strong target is asked
    as well (FrugalGPT, Chen et al. 2023).

    If the strong one then fails, the cheap answer is better than none. A judge errs: see
    core.Judge. Where a request forbids one of the two, the other is asked alone; where it forbids
    both, the layers inside choose. A call that an outer layer has aimed at the cheap target stays
    there.

    Example:

        cascade:
          cheap: cheapest
          strong: first
          judge: {true_accept: 0.8, false_accept: 0.45, latency: 1.7s, usd: 0.0002}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: A right cheap answer is kept with `judge.true_accept`, a wrong one with
    `judge.false_accept`: the first decides what is saved, the second what quality is lost. With the
    cheap model right in a share q of answers, 1 - q x true_accept - (1 - q) x false_accept of the
    requests are asked twice, and pay both models and both waits. With `judge.auroc` the two hang
    together: `false_accept` then moves the threshold. Every request pays the judge's `latency` and
    `usd`, and a streamed answer comes whole, since the judge must see it: so `tasks` is for the
    work that is cheap, not urgent, and that the cheap model mostly gets right. Two cascades in one
    policy need different `tasks`: one inside the other would leave out a target, so that is
    refused; more than two steps come in a later version.
    """

    cheap: Annotated[TargetName, Doc("who is asked first")] = "cheapest"
    strong: Annotated[TargetName, Doc("who is asked when the judge is not content")] = "first"
    judge: Annotated[Judge, Doc("who grades the cheap answer, and how well")] = field(
        default_factory=Judge
    )
    tasks: Annotated[tuple[TaskName, ...], Doc("only for these tasks; empty: all")] = ()

    def __post_init__(self) -> None:
        self._pair: tuple[str, str] | None = None

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        cheap, strong = self._targets(world)
        if (
            cheap == strong
            or call.target == cheap
            or (self.tasks and call.request.task not in self.tasks)
        ):
            return await send(call)
        allowed = [
            name for name in (cheap, strong) if permits(call.request.forbids, world.targets()[name])
        ]
        if len(allowed) < 2:
            return await send(call.to(allowed[0]) if allowed else call)
        first = await send(call.to(cheap))
        if first.rest is not None:
            first = await first.rest  # a judge sees complete answers
        if first.ok and await world.judge(call, first, self.judge):
            return first
        world.emit("escalated", call, target=strong, status=first.status)
        second = await send(call.to(strong))
        if second.ok or not first.ok:
            return second
        world.emit("degraded", call, target=cheap, status=second.status)
        return first

    def _targets(self, world: World) -> tuple[str, str]:
        if self._pair is None:
            known, price = world.targets(), world.price
            cheap, strong = (
                next(iter(resolve([name], known, price)), next(iter(known)))
                for name in (self.cheap, self.strong)
            )
            self._pair = cheap, strong
        return self._pair
