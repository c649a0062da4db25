"""Ask several at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Judge, Outcome, Send, World, layer
from simroute.core.outcome import complete
from simroute.core.params import Doc, Share, TargetName
from simroute.gauges.votes import Panel
from simroute.policies.choice import Aim


@layer("fan_out")
@dataclass
class FanOut(Aim):
    """Asks all targets at once, and takes the first answer, the one that most agree on, or the
    first that a judge accepts; the others are given up then.

    `majority` and `accepted` read answers whole, so a streamed one comes with its last token, and
    majority is over as soon as no other conclusion can have more votes. Without any that the judge
    accepts, or at equal votes, the target that is named first counts; where all fail, the last
    failure is returned. What answers come to is compared, not their words: live by an async
    function of the user's own, `Gateway(conclusion=…)`, as `Gateway(judge=…)` is for `accepted`.
    Pings, and trials that want single sends, go on unchanged, as does a call that an outer layer
    has aimed. Sources: self-consistency (Wang et al. 2022) for the majority, Dean and Barroso
    (2013) for the first.

    Example:

        fan_out: {targets: [first, other_company, cheapest], take: majority}
        timeout: {total: 30s, first_token: 10s}

    Interplay: All are paid for, also those given up, which most providers bill whole. The `first`
    buys latency and availability, not quality: the fastest answers, right or wrong. A `majority`
    of models that err alike is hardly better than the best of them, since what is hard for one is
    hard for all; `common` wrong answers that agree make it worse. `accepted` is as good as the
    judge. Rate limits count every copy. `hedge` sends the second copy only when the first is late.
    """

    targets: Annotated[tuple[TargetName, ...], Doc("who is asked; empty: every deployment")] = (
        "first",
        "other_company",
    )
    take: Annotated[
        Literal["first", "majority", "accepted"],
        Doc("the first answer, the one most agree on, or the first that the judge accepts"),
    ] = "first"
    judge: Annotated[Judge, Doc("accepted: who grades answers, and how well")] = field(
        default_factory=Judge
    )
    common: Annotated[
        Share, Doc("majority: wrong answers that make the question's usual mistake")
    ] = 0.3

    @property
    def asks(self) -> tuple[str, ...]:
        """Experts that are functions of the user's own, live."""
        return {"first": (), "majority": ("conclusion",), "accepted": ("judge",)}[self.take]

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        if call.once:
            return await send(call)
        if len(allowed) == 1:
            return await send(call.to(allowed[0]))
        if self.take == "first":
            return await world.first(*(send(call.to(name)) for name in allowed))
        panel = Panel(allowed, 1 if self.take == "accepted" else None)
        ask = partial(self._vote, panel, call, send, world)
        last = await world.first(*map(ask, allowed), until=lambda _: panel.is_over)
        chosen = panel.winner or panel.usable  # nobody may have been accepted
        if chosen is None:
            return last
        world.emit("chosen", call, target=chosen, of=len(panel.answers))
        return panel.answers[chosen]

    async def _vote(self, panel: Panel, call: Call, send: Send, world: World, name: str) -> Outcome:
        """A complete answer, with its vote."""
        outcome, said = await complete(send(call.to(name))), None
        if outcome.ok:
            panel.answers[name] = outcome
            if self.take == "majority":
                said = await world.conclusion(call, outcome, self.common)
            elif await world.judge(call, outcome, self.judge, name):
                said = "accepted"
        panel.add(name, said)
        return outcome
