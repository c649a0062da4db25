"""Do what the log says was done."""

from __future__ import annotations

from dataclasses import dataclass

from simroute.core import Call, Outcome, Send, World, layer


@layer("recorded")
@dataclass
class Recorded:
    """Sends each request of a replayed trace where the log says that it went, one deployment after
    the other until one answers.

    It is the policy that was live when the log was written: `simroute replay` runs it first, and
    how far its figures are from the log's is how far the others' can be trusted. What a cache of
    the gateway answered is answered at once. A request of which the log says nothing goes on
    unchanged.

    Source: ours. Evaluating a rule from the records of another one is usual (Li et al., Unbiased
    offline evaluation of contextual-bandit-based news article recommendation algorithms, 2011);
    here it is what the others are held against.

    Example:

        recorded: {}

    Interplay: Layers outside it act upon what was done (a retry around it sends along the same way
    once more); those inside act on each send. Where a send fails that did not in the log, what
    follows is what mostly followed in the log after such sends had failed; in a log that has no
    second attempts that is nothing, and the answer is lost.
    """

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        logged = world.logged(call)
        if logged is None or not (logged.targets or logged.cached):
            return await send(call)
        if logged.cached:
            world.emit("hit", call)
            return Outcome(200, by="recorded", cached="exact")
        outcome = await send(call.to(logged.targets[0]))
        for target in logged.targets[1:]:
            if outcome.ok:
                break
            world.emit("fell_over", call, target=target)
            outcome = await send(call.to(target))
        return outcome
