"""Say something, when nobody answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import FAILURES, Doc, Name, Share, Status, WorkName


@layer("static_answer")
@dataclass
class StaticAnswer:
    """Gives a fixed text instead of a failure: status 200, marked as `static` where reports and
    headers tell of caches.

    It counts as a success, since the caller gets something to show, with the stated `quality`, and
    in `degraded_share`, so that nobody takes it for an answer. What had been billed for the request
    is wasted. Live the text comes in the form that was asked for, streamed or whole. A stream that
    breaks after its first token is not replaced. A call of a layer's own (a ping) gets its failure.

    Source: the last of the fallbacks in Nygard, Release It! (2007), ch. 5, and of Netflix's
    Hystrix (`getFallback` with a static value).

    Example:

        static_answer: {text: "We cannot answer just now; please come back in a minute."}
        fallback:      {targets: [first, other_company]}
        timeout:       {total: 30s, first_token: 10s}

    Interplay: Stand it outermost, inside a cache alone, which does not keep it. A success rate of
    100 % says nothing beside it: look at quality_mean and degraded_share, and compare policies with
    it with others that have it. `work` is for what may be answered so: a program that reads JSON is
    better off with an error; `statuses` leaves to others what another answer would mend.
    """

    text: Annotated[Name, Doc("what the caller reads")] = "No answer just now; please try again."
    quality: Annotated[Share, Doc("simulated: what such an answer is worth")] = 0.0
    work: Annotated[tuple[WorkName, ...], Doc("features or tasks; empty: all")] = ()
    statuses: Annotated[tuple[Status, ...], Doc("failures that it replaces")] = FAILURES

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        if outcome.status == 200 or call.once:
            return outcome
        request = call.request
        named = not self.work or request.task in self.work or request.feature in self.work
        if not named or not (outcome.status in self.statuses or outcome.by):
            return outcome
        world.emit("answered_statically", call, status=outcome.status)
        answer = world.own_answer(call, self.text, self.quality)
        return Outcome(200, by="static_answer", cached="static", answer=answer)
