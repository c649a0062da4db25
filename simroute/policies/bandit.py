"""Learn from a judge who is good at what."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Judge, Outcome, Rest, Send, World, layer
from simroute.core.params import Doc, Period, Range, Share, Unit
from simroute.gauges.verdicts import Beliefs
from simroute.policies.valued import ValuedChoice


@layer("bandit")
@dataclass
class Bandit(ValuedChoice):
    """Tries the targets, has a judge grade a share of the answers, and sends each task to the one
    that seems best for what it costs: the highest quality - cost / willingness to pay.

    Quality is a guess with an uncertainty: `thompson` draws one value of each target's, so that it
    is tried as often as it may be the best (Thompson 1933; normal approximation of the beta
    posterior); `ucb` takes the mean plus `explore` deviations. Verdicts lose weight with time:
    after `memory` one counts 1/e. The judge's own errors are taken out by its `true_accept` and
    `false_accept`. A whole answer that is judged comes later by the judge's `latency`; of a
    streamed one the first token does not, and only its end does. Live the judge is an async
    function of the user's own, `Gateway(judge=…)`. Sources: Thompson; UCB1 (Auer et al. 2002);
    discounting (Garivier and Moulines 2011); ParetoBandit for cost and `pace`.

    Example:

        bandit:   {willingness_to_pay: 0.02, judged: 0.2, memory: 1d}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: A poor judge teaches slowly: what it says of two targets differs by true_accept -
    false_accept times what they really differ by, so the verdicts that it takes grow with the
    square of that. Each task learns for itself, so rare ones are served by guesses. `memory` is a
    compromise: verdicts a minute x `judged` x `memory` is how many the guess rests on, and `memory`
    is how long a change of quality goes unnoticed; targets that look bad are tried again as their
    verdicts fade, which never ends. Failures teach nothing: alone, `ucb` stays with a target that
    is out, and `thompson` sends it its share, so put a `fallback` inside, which begins with whom it
    chose; one outside would aim every call before, and a breaker inside only refuses them sooner.
    """

    method: Annotated[
        Literal["thompson", "ucb"], Doc("try by chance, or by the upper end of what may be")
    ] = "thompson"
    explore: Annotated[
        float,
        Unit("standard deviations"),
        Range(low=0),
        Doc("ucb: above the mean; thompson: spread of the draws, 1 being what is not known"),
    ] = 1.0
    judge: Annotated[Judge, Doc("who grades answers, and how well")] = field(default_factory=Judge)
    judged: Annotated[Share, Doc("answers that are graded")] = 0.2
    memory: Annotated[Period, Doc("after which a verdict counts 1/e")] = 86_400.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._beliefs = Beliefs(self.memory, self.explore)

    @property
    def asks(self) -> tuple[str, ...]:
        return (*super().asks, "judge")

    async def qualities(self, call: Call, names: list[str], world: World) -> dict[str, float]:
        task, now, beliefs = await self.task_of(call, world), world.now(), self._beliefs
        if self.method == "ucb":
            accepted = [beliefs.optimistic(now, (task, name)) for name in names]
        else:
            coins = [world.uniform(f"thompson {name}", call) for name in names]
            accepted = [
                beliefs.drawn(now, (task, name), coin)
                for name, coin in zip(names, coins, strict=True)
            ]
        return dict(zip(names, map(self.judge.right, accepted), strict=True))

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        outcome = await super().serve(call, allowed, send, world)
        if not outcome.ok or outcome.cached != "no" or outcome.target not in allowed:
            return outcome
        if world.uniform("judged", call) >= self.judged:
            return outcome
        if outcome.rest is not None:
            return outcome.wrap(partial(self._graded, call, world))
        return await self._graded(call, world, outcome)

    async def _graded(self, call: Call, world: World, end: Outcome | Rest) -> Outcome:
        final = end if isinstance(end, Outcome) else await end
        if final.ok and final.target is not None:
            task = await self.task_of(call, world)
            accepted = await world.judge(call, final, self.judge)
            self._beliefs.add(world.now(), (task, final.target), accepted)
            world.emit("graded", call, target=final.target, accepted=accepted)
        return final
