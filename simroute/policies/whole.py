"""Let nobody see half an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Count, Doc


@layer("whole")
@dataclass
class Whole:
    """Reads a streamed answer to its end before anybody outside sees it, so that one that breaks
    off, stalls or is filtered is a failed call like any other, which a retry or a fallback outside
    can repair.

    Answers to requests that allow more than `most` tokens of output pass as they come. Source:
    failoverbench's reference client (2026-09), the only one of ten that repaired a stream that was
    cut; it is what any caller does who does not stream.

    Example:

        fallback: {targets: [first, other_company]}
        retry:    {attempts: 3}
        whole:    {}
        timeout:  {total: 60s, first_token: 10s, between_chunks: 10s}

    Interplay: Everything that watches a stream (`between_chunks` of a timeout) must stand inside;
    what repairs must stand outside, and does nothing for streams without this. The price is the
    reason why people stream: the first token is seen with the last one, so a `first_token` limit
    outside would bound the whole answer; with `most` only short answers pay it. Where a stream
    hardly ever breaks, that is a bad bargain.
    """

    most: Annotated[
        Count | None, Doc("hold answers to requests of at most so many tokens; default: all")
    ] = None

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        if outcome.rest is None:
            return outcome
        if self.most is not None and call.request.max_output_tokens > self.most:
            return outcome
        return await outcome.rest
