"""Do not wait for ever."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Doc, Period

TOTAL, FIRST_TOKEN = "total", "first token"
"""What reports call the two limits."""


@layer("timeout")
@dataclass
class Timeout:
    """Gives a call up (status 408) when its answer is not complete in time or, streamed, when its
    first token is not there in time.

    Example:

        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 5s}

    Interplay: `total` bounds the whole answer, so it must leave room for long ones: too short, and
    healthy calls are cut, billed and asked again. `first_token` finds a hang or a slow provider
    much sooner, but for streamed requests only (`workload.streamed` says how many there are), and a
    fallback can then still help, which after the first token nobody can. Inside a fallback or retry
    each try has its own time, and a request may wait for several; outside, one time covers all of
    them. Whether a call that is given up is billed whole is the scenario's `abandoned`.
    """

    total: Annotated[Period, Doc("to the complete answer")] = 30.0
    first_token: Annotated[Period | None, Doc("to the first token of a streamed answer")] = None

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        if call.request.streamed:
            return self._stream(call, send, world)
        within = world.within
        return within(self.total, send(call), TOTAL)

    async def _stream(self, call: Call, send: Send, world: World) -> Outcome:
        end = world.now() + self.total
        if self.first_token is None or self.first_token >= self.total:
            outcome = await world.within(self.total, send(call), TOTAL)
        else:
            outcome = await world.within(self.first_token, send(call), FIRST_TOKEN)
        return outcome.wrap(lambda rest: world.within(max(0.0, end - world.now()), rest, TOTAL))
