"""Ask somebody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.outcome import Failure
from simroute.core.params import Count, Doc, Seconds, Status, TargetName, WorkName
from simroute.core.target import permitted
from simroute.gauges.backoff import Backoff
from simroute.gauges.switch import Switches

STATUSES = (408, 409, 429, 500, 502, 503, 504, 529)


@layer("fallback")
@dataclass
class Fallback:
    """Tries targets in order until one answers; a target at which an outer layer aimed the call
    comes first.

    Goes on for the stated statuses and whenever a layer further in refused (an open breaker, a full
    limit). A failure whose kind stands in `after` goes on whatever its status, and there; roles are
    counted from those that were asked, so `same_family` goes down a family, and a further failure
    is looked at anew. Never sends a request to a provider that it forbids, nor a call that is to be
    sent once (a ping, a breaker's trial of a single send) a second time. After the first token of a
    streamed answer nothing can be repaired, so a content filter is noticed in answers that are not
    streamed, and in a refusal of the prompt. When all fail, the last error is returned (Portkey,
    OpenRouter), the first (Bifrost, LiteLLM), or the first of the highest rank (Helicone's cloud:
    403, 401, 400, 500, 429).

    Source: the gateways' documentation; LiteLLM's lists by kind of error
    (`context_window_fallbacks`, `content_policy_fallbacks`).

    Example:

        fallback:
          targets: [first, other_company]
          after: {context_length: [same_family, other_company]}
          fits: true
          degrade_to: cheapest
          sticky: 1m
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `targets` are asked one after another, so a request waits for all that failed before:
    the timeout that stands inside is the price of each hang, and one that stood outside would leave
    no time for the second. `statuses` decides what is worth asking another for: with 429 in it a
    rate limit moves the load to the next target, which must bear it; with 400 a bad request fails
    everywhere, at everybody's cost, so a prompt that is too long is better named in `after`, and
    with `fits` nobody is asked who cannot read it. `degrade_to` is asked last, for an answer that
    is worse but there. By itself it learns nothing: during an outage each request meets the failing
    target anew, until a breaker inside refuses for it at once; with `sticky` a switch holds for all
    requests, so one that was made for a single failure moves all load, and what it costs to stay
    away from a target that works again is `sticky` at most. `most` bounds the load that a common
    outage multiplies, and `backoff` spreads it, for which each request waits.
    """

    targets: Annotated[tuple[TargetName, ...], Doc("asked in order")] = ("first", "other_company")
    statuses: Annotated[tuple[Status, ...], Doc("worth asking the next one for")] = STATUSES
    degrade_to: Annotated[TargetName | None, Doc("a cheaper target, asked last")] = None
    error: Annotated[Literal["last", "first", "ranked"], Doc("returned when all fail")] = "last"
    ranking: Annotated[
        tuple[Status, ...], Doc("ranked: statuses from the most telling to the least; others last")
    ] = (403, 401, 400, 500, 429)
    any_failure: Annotated[bool, Doc("go on after every status, whatever `statuses` says")] = False
    after: Annotated[
        dict[Failure, tuple[TargetName, ...]], Doc("whom to ask after a failure of this kind")
    ] = field(default_factory=dict)
    tasks: Annotated[
        dict[WorkName, tuple[TargetName, ...]], Doc("another order for a task, or for a feature")
    ] = field(default_factory=dict)
    fits: Annotated[bool, Doc("leave out targets that cannot read so long a prompt")] = False
    most: Annotated[Count | None, Doc("most sends after the first; default: to the end")] = None
    sticky: Annotated[
        Seconds, Doc("who answered in another's place is asked first for so long; 0: not at all")
    ] = 0.0
    backoff: Annotated[
        Backoff | None, Doc("pauses before the next one, if a provider failed; default: none")
    ] = None

    def __post_init__(self) -> None:
        self._chains: dict[str, list[str]] = {}
        self._switches = Switches(self.sticky)
        self._varies = bool(self.tasks or self.fits or self.sticky)
        self._usual: list[str] | None = None

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        order = self._usual
        if order is None or call.target is not None or call.request.forbids:
            order = self._order(call, world)
            if not order:
                return Outcome.rejected("fallback", 403)
        outcome = await send(call.to(order[0]))
        if outcome.status == 200 and not outcome.error:
            return outcome
        asked, left, failed, wait = [order[0]], order[1:], [outcome], 0.0
        most = 0 if call.once else self.most
        while (outcome.status != 200 or outcome.error) and self._is_worth_more(outcome):
            if self.after and (failure := outcome.failure) in self.after:
                left = self._after(failure, asked, call, world)
            if not left or len(failed) - 1 == most:
                return self._reported(failed)
            lost, target = asked[-1], left[0]
            world.emit("fell_back", call, target=lost, status=outcome.status, to=target)
            if self.backoff is not None and not outcome.by:
                u = world.uniform("fallback", call)
                await world.sleep(wait := self.backoff.delay(len(asked), u, wait))
            outcome = await send(call.to(target))
            asked.append(target)
            failed.append(outcome)
            left = left[1:]
        if self.sticky and outcome.ok and len(asked) > 1 and call.target is None:
            self._switch(asked, call, world)
        return outcome

    def _switch(self, asked: list[str], call: Call, world: World) -> None:
        """The last of those that were asked has answered."""
        lead, now = self._chain(call, world)[0], world.now()
        if asked[0] not in (lead, self._switches.at(now, lead)):
            return  # a request that may not go there says nothing of it
        if self._switches.make(now, lead, asked[-1]):
            event = "returned" if asked[-1] == lead else "shifted"
            world.emit(event, call, target=lead, to=asked[-1])

    def _is_worth_more(self, outcome: Outcome) -> bool:
        if self.after and outcome.failure in self.after:
            return True
        status = outcome.status
        worth = status in self.statuses or self.any_failure or bool(outcome.by)
        return status != 200 and worth

    def _reported(self, failed: list[Outcome]) -> Outcome:
        if self.error == "ranked":
            ranks = {status: rank for rank, status in enumerate(self.ranking)}
            return min(failed, key=lambda outcome: ranks.get(outcome.status, len(ranks)))
        return failed[0] if self.error == "first" else failed[-1]

    def _order(self, call: Call, world: World) -> list[str]:
        chain = self._chain(call, world)
        first = call.target
        if first is None and self.sticky:
            if self._switches.end(world.now(), chain[0]):
                world.emit("returned", call, target=chain[0])
            first = self._switches.at(world.now(), chain[0])
        if first is not None and first != chain[0]:
            chain = [first, *(target for target in chain if target != first)]
        return self._allowed(chain, call, world)

    def _after(self, failure: Failure, asked: list[str], call: Call, world: World) -> list[str]:
        wanted = [*self.after.get(failure, ()), *([self.degrade_to] if self.degrade_to else [])]
        chain = resolve([*asked, *wanted], world.targets(), world.price)
        return self._allowed(chain[len(asked) :], call, world)

    def _allowed(self, chain: list[str], call: Call, world: World) -> list[str]:
        if call.request.forbids:
            known = permitted(call.request.forbids, world.targets())
            chain = [target for target in chain if target in known]
        if self.fits:
            fitting = [target for target in chain if world.fits(call, target)]
            return fitting or chain[:1]  # nobody can read it: the first one says so
        return chain

    def _chain(self, call: Call, world: World) -> list[str]:
        """Resolved once, so that it stays what it was at first whatever prices do; the first
        deployment if nothing else fits."""
        request, tasks = call.request, self.tasks
        work = next((name for name in (request.task, request.feature) if name in tasks), "")
        wanted = tasks.get(work, self.targets)
        if work not in self._chains:
            known = world.targets()
            roles = wanted if self.degrade_to is None else (*wanted, self.degrade_to)
            chain = resolve(roles, known, world.price) or [next(iter(known))]
            self._chains[work] = chain
            self._usual = None if self._varies else chain
        return self._chains[work]
