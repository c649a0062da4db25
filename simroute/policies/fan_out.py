"""Ask several at once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal, NamedTuple

from simroute.core import Call, Judge, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Share, TargetName
from simroute.core.target import permits
from simroute.gauges.votes import Votes


@layer("fan_out")
@dataclass
class FanOut:
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

    def __post_init__(self) -> None:
        self._names: list[str] = []

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        known, forbids = world.targets(), call.request.forbids
        if call.once or (call.target is not None and permits(forbids, known[call.target])):
            return await send(call)
        if not self._names:
            self._names = resolve(self.targets, known, world.price) or list(known)
        names = [name for name in self._names if permits(forbids, known[name])]
        if not names:
            return Outcome.rejected("fan_out", 403)
        if len(names) == 1:
            return await send(call.to(names[0]))
        if self.take == "first":
            return await world.first(*(send(call.to(name)) for name in names))
        panel = Panel(Votes(names), {})
        ask = partial(self._vote, panel, call, send, world)
        last = await world.first(*map(ask, names), until=lambda _: self._is_decided(panel.votes))
        # nobody may have been accepted
        usable = next((name for name in names if name in panel.answers), None)
        chosen = panel.votes.winner or usable
        if chosen is None:
            return last
        world.emit("chosen", call, target=chosen, of=len(panel.answers))
        return panel.answers[chosen]

    def _is_decided(self, votes: Votes) -> bool:
        return votes.is_over if self.take == "majority" else bool(votes.counts)

    async def _vote(self, panel: Panel, call: Call, send: Send, world: World, name: str) -> Outcome:
        """A complete answer, with its vote."""
        outcome = await send(call.to(name))
        if outcome.rest is not None:
            outcome = await outcome.rest
        said: Hashable = None
        if outcome.ok:
            panel.answers[name] = outcome
            if self.take == "majority":
                said = await world.conclusion(call, outcome, self.common)
            elif await world.judge(call, outcome, self.judge, name):
                said = "accepted"
        panel.votes.add(name, said)
        return outcome


class Panel(NamedTuple):
    """One request's votes and answers."""

    votes: Votes
    answers: dict[str, Outcome]
