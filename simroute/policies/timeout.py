"""Do not wait for ever."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Rest, Send, World, layer
from simroute.core.call import REQUEST
from simroute.core.params import Doc, Period

TOTAL, FIRST_TOKEN, BETWEEN_CHUNKS = "total", "first token", "between chunks"
"""What reports call the limits."""


@layer("timeout")
@dataclass
class Timeout:
    """Gives a call up (status 408) when its answer is not complete in time or, streamed, when its
    first token is not there in time, or when nothing more of it comes for too long.

    Simulated tokens come at equal distances from the first to the last. Live, what counts between
    chunks is events that carry data, while the caller reads as fast as the provider writes.

    Example:

        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 5s, between_chunks: 10s}

    Interplay: `total` bounds the whole answer, so it must leave room for long ones: too short, and
    healthy calls are cut, billed and asked again. `first_token` finds a hang or a slow provider
    much sooner, but for streamed requests only (`workload.streamed` says how many there are), and a
    fallback can then still help, which after the first token nobody can. `between_chunks` ends a
    stream that has stalled long before `total` does, which saves the caller's time and not the
    answer; shorter than a slow model's time per token, it cuts healthy ones. Inside a fallback or
    retry each try has its own time, and a request may wait for several; outside, one time covers
    all of them. Whether a call that is given up is billed whole is the scenario's `abandoned`.
    """

    total: Annotated[Period, Doc("to the complete answer")] = 30.0
    first_token: Annotated[Period | None, Doc("to the first token of a streamed answer")] = None
    between_chunks: Annotated[
        Period | None, Doc("from one token of a streamed answer to the next, once it has begun")
    ] = None

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        if call[REQUEST].streamed:
            return self._stream(call, send, world)
        within = world.within
        return within(self.total, send(call), TOTAL)

    async def _stream(self, call: Call, send: Send, world: World) -> Outcome:
        end = world.now() + self.total
        if self.first_token is None or self.first_token >= self.total:
            outcome = await world.within(self.total, send(call), TOTAL)
        else:
            outcome = await world.within(self.first_token, send(call), FIRST_TOKEN)

        def bounded(rest: Rest) -> Awaitable[Outcome]:
            left, silence = max(0.0, end - world.now()), self.between_chunks
            if silence is None:
                return world.within(left, rest, TOTAL)
            return world.within(left, world.flowing(silence, rest, BETWEEN_CHUNKS), TOTAL)

        return outcome.wrap(bounded)
