"""Ask the cheap model first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core import Call, Judge, Outcome, Send, World, layer, resolve
from simroute.core.params import AtOnce, Doc, Share, TargetName, TaskName
from simroute.core.target import permits
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.votes import Votes

MINUTE = 60.0


@layer("cascade")
@dataclass
class Cascade:
    """Sends to the cheap target; a judge accepts the complete answer, or the strong target is asked
    as well. With `steps` there are more of them, each asked when the
    judge is not content with the one before.

    If a later one then fails, the latest answer before it is better than none. A judge errs: see
    core.Judge; each step's verdicts are drawn apart, and `judges` may be one for each step but the
    last. Instead of a judge, `samples` answers of a step may be asked for at once: enough of them
    that agree are accepted, and the first of these is given. Where a request forbids targets, they
    are no steps: one that is left is asked alone, and with none the layers inside choose. A call
    that an outer layer has aimed at a step but the last stays there. Sources: FrugalGPT (Chen et
    al. 2023); for samples, cascades by self-consistency (Yue et al. 2024).

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
    `usd`, and a streamed answer comes whole, since the judge must see it: its first token is there
    with its last. So `tasks` is for the work that is cheap, not urgent, and that the cheap model
    mostly gets right; `max_escalated` bounds what a bad hour costs: beyond it answers are given
    that the judge did not accept, and `samples` cost as many answers of the step for each request.
    Two cascades in one policy need different `tasks`: one inside the other would leave out a
    target, so that is refused; write `steps`.
    """

    cheap: Annotated[TargetName, Doc("who is asked first")] = "cheapest"
    strong: Annotated[TargetName, Doc("who is asked when the judge is not content")] = "first"
    judge: Annotated[Judge, Doc("who grades the cheap answer, and how well")] = field(
        default_factory=Judge
    )
    tasks: Annotated[tuple[TaskName, ...], Doc("only for these tasks; empty: all")] = ()
    steps: Annotated[
        tuple[TargetName, ...],
        Doc("who is asked one after the other; instead of `cheap` and `strong`"),
    ] = ()
    judges: Annotated[
        tuple[Judge, ...], Doc("who grades each step but the last; empty: `judge` all of them")
    ] = ()
    samples: Annotated[
        AtOnce, Doc("answers of each step but the last; from 2 on their agreement is the judge")
    ] = 1
    agreement: Annotated[Share, Doc("samples that must say the same")] = 1.0
    common: Annotated[
        Share, Doc("samples: wrong answers that make the question's usual mistake")
    ] = 0.3
    max_escalated: Annotated[
        Share, Doc("most of a minute's calls that are asked again, since an answer was refused")
    ] = 1.0

    @property
    def asks(self) -> tuple[str, ...]:
        """Experts that are functions of the user's own, live."""
        return ("judge",) if self.samples == 1 else ("conclusion",)

    def __post_init__(self) -> None:
        self._targets: list[str] | None = None
        self._budget = (
            RetryBudgetState(self.max_escalated, 0.0, MINUTE) if self.max_escalated < 1 else None
        )

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        known = world.targets()
        if self._targets is None:
            self._targets = self._resolved(world)
        steps = self._targets
        if (
            len(steps) < 2
            or call.target in steps[:-1]
            or (self.tasks and call.request.task not in self.tasks)
        ):
            return await send(call)
        steps = [name for name in steps if permits(call.request.forbids, known[name])]
        if len(steps) < 2:
            return await send(call.to(steps[0]) if steps else call)
        return await self._climb(steps, call, send, world)

    def _resolved(self, world: World) -> list[str]:
        """Who is asked, in order; one that stands there twice is asked once."""
        known, price = world.targets(), world.price
        if self.steps:
            return resolve(self.steps, known, price)
        pair = (resolve([name], known, price) for name in (self.cheap, self.strong))
        return list(dict.fromkeys(next(iter(found), next(iter(known))) for found in pair))

    async def _climb(self, steps: list[str], call: Call, send: Send, world: World) -> Outcome:
        if self._budget is not None:
            self._budget.deposit(world.now())
        best, step = None, steps[0]
        outcome, accepted = await self._try(0, steps[0], call, send, world)
        for number, target in enumerate(steps[1:], 1):
            if accepted:
                return outcome
            best, step = (outcome, steps[number - 1]) if outcome.ok else (best, step)
            if best is outcome and self._budget and not self._budget.withdraw(world.now()):
                world.emit("kept", call, target=step)
                return outcome
            world.emit("escalated", call, target=target, status=outcome.status)
            if number < len(steps) - 1:
                outcome, accepted = await self._try(number, target, call, send, world)
            else:
                outcome = await send(call.to(target))
        if outcome.ok or best is None:
            return outcome
        world.emit("degraded", call, target=step, status=outcome.status)
        return best

    async def _try(
        self, number: int, target: str, call: Call, send: Send, world: World
    ) -> tuple[Outcome, bool]:
        """The answer of a step, complete, and whether it is accepted."""
        if self.samples > 1:
            return await self._sampled(call.to(target), send, world)
        outcome = await send(call.to(target))
        if outcome.rest is not None:
            outcome = await outcome.rest  # a judge sees complete answers
        judge = self.judges[min(number, len(self.judges) - 1)] if self.judges else self.judge
        stream = f"step {number + 1}" if number else ""
        return outcome, outcome.ok and await world.judge(call, outcome, judge, stream)

    async def _sampled(self, call: Call, send: Send, world: World) -> tuple[Outcome, bool]:
        """The first of the answers that most samples agree with, and whether these are enough."""
        names = [str(number) for number in range(self.samples)]
        votes, answers = Votes(names), dict[str, Outcome]()

        async def sample(name: str) -> Outcome:
            outcome = await send(call.unkeyed())
            if outcome.rest is not None:
                outcome = await outcome.rest
            said = await world.conclusion(call, outcome, self.common) if outcome.ok else None
            answers[name] = outcome
            votes.add(name, said)
            return outcome

        last = await world.first(*map(sample, names), until=lambda _: False)
        if votes.winner is None:
            return last, False
        agreed = max(votes.counts.values()) >= self.agreement * self.samples - 1e-9
        return answers[votes.winner], agreed
