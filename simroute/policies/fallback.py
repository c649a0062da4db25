"""Ask somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.call import REQUEST, TARGET
from simroute.core.outcome import STATUS
from simroute.core.params import Doc, Status, TargetName
from simroute.core.target import permits


@layer("fallback")
@dataclass
class Fallback:
    """Tries targets in order until one answers; a target at which an outer layer aimed the call
    comes first.

    Goes on for the stated statuses and whenever a layer further in refused (an open breaker, a full
    limit). Never sends a request to a provider that it forbids. After the first token of a streamed
    answer nothing can be repaired. When all fail, the last error is returned (Portkey, OpenRouter)
    or the first (Bifrost).

    Example:

        fallback: {targets: [first, other_company], degrade_to: cheapest}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `targets` are asked one after another, so a request waits for all that failed before:
    the timeout that stands inside is the price of each hang, and one that stood outside would leave
    no time for the second. `statuses` decides what is worth asking another for: with 429 in it a
    rate limit moves the load to the next target, which must bear it; with 400 a bad request fails
    everywhere, at everybody's cost. `degrade_to` is asked last, for an answer that is worse but
    there. It learns nothing: during an outage each request meets the failing target anew, until a
    breaker inside refuses for it at once.
    """

    targets: Annotated[tuple[TargetName, ...], Doc("whom to ask, in this order")] = (
        "first",
        "other_company",
    )
    statuses: Annotated[
        tuple[Status, ...], Doc("outcomes that are worth asking the next one for")
    ] = (408, 409, 429, 500, 502, 503, 504, 529)
    degrade_to: Annotated[
        TargetName | None, Doc("a cheaper target, when all others have failed")
    ] = None
    error: Annotated[Literal["last", "first"], Doc("which one is returned when all fail")] = "last"

    def __post_init__(self) -> None:
        self._chain: list[str] | None = None

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        order = self._chain
        if order is None or call[TARGET] is not None or call[REQUEST].forbids:
            order = self._order(call, world)
            if not order:
                return Outcome.rejected("fallback", 403)
        outcome = await send(call.to(order[0]))
        if outcome[STATUS] == 200:
            return outcome
        first = outcome
        for failed, target in pairwise(order):
            if not (outcome.status in self.statuses or outcome.by):
                return outcome
            world.emit("fell_back", call, target=failed, status=outcome.status, to=target)
            outcome = await send(call.to(target))
            if outcome.status == 200:
                return outcome
        worth_more = outcome.status in self.statuses or outcome.by
        return first if worth_more and self.error == "first" else outcome

    def _order(self, call: Call, world: World) -> list[str]:
        chain = self._chain or self._resolve(world)
        if call.target is not None and call.target != chain[0]:
            chain = [call.target, *(target for target in chain if target != call.target)]
        forbids = call.request.forbids
        return (
            [target for target in chain if permits(forbids, world.targets()[target])]
            if forbids
            else chain
        )

    def _resolve(self, world: World) -> list[str]:
        """Once, so that the chain stays what it was at first whatever prices do; the first
        deployment if nothing else fits."""
        wanted = self.targets if self.degrade_to is None else (*self.targets, self.degrade_to)
        known = world.targets()
        self._chain = resolve(wanted, known, world.price) or [next(iter(known))]
        return self._chain
