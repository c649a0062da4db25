"""A request under way in a gateway, from its first token to its row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from simroute.core import Outcome, Rest
from simroute.live.answered import Answer, Chunk, RequestRow
from simroute.live.forms import body_of, events_of
from simroute.worlds.live import LiveRequest
from simroute.worlds.live.streams import Stream

GONE = Outcome(499, error="cancelled")
"""How a request ends whose caller went away."""


class Opened:
    """A request under way. Leaving the `async with` ends it, at the providers too.

    outcome: that of the policy, at first perhaps of the first token only; at the end the final one.
    """

    def __init__(self, gateway: Any, request: LiveRequest, target: str | None) -> None:
        self.request, self.outcome = request, GONE
        self._gateway, self._target = gateway, target
        self._ttft: float | None = None
        self._rest: Rest | None = None

    async def __aenter__(self) -> Opened:
        self._serving = self._gateway.enter()
        self._world = self._serving.world
        try:
            self.outcome = await self._world.begin(self.request, self._target)
        except BaseException:
            await self._leave()
            raise
        self._rest = self.outcome.rest
        if self.request.streamed and self.outcome.ok:
            self._ttft = asyncio.get_running_loop().time()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    async def _leave(self) -> None:
        try:
            await self._world.leave(self.request)
        finally:
            if self._rest is not None:
                self.outcome = self._rest.outcome or GONE
            now = asyncio.get_running_loop().time()
            self._gateway.report(RequestRow(self.request, now, self._ttft, self.outcome))
            await self._gateway.leave(self._serving)

    async def whole(self) -> Answer:
        """The complete answer."""
        if self._rest is not None:
            self.outcome = await self._rest
        return self.answer

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The answer as it comes; `outcome` afterwards says how it ended."""
        given = self.outcome.answer
        if self._rest is not None and isinstance(given, Stream):
            final = asyncio.ensure_future(self._rest)
            try:
                async for piece in given:
                    yield Chunk(piece)
                self.outcome = await final
            finally:
                final.cancel()  # the caller went away: the provider's stream is closed
            if self.outcome.answer is given:
                return
            given = self.outcome.answer  # it broke off, and a layer has gone on with another
        if self.outcome.ok and isinstance(given, Stream) and given.kept is None:
            async for piece in given:  # a layer has waited for all of it
                yield Chunk(piece)
        elif self.outcome.ok:
            yield Chunk(events_of(given, self.request.wants_usage))

    @property
    def says_done(self) -> bool:
        """Whether the stream has told that nothing follows."""
        given = self.outcome.answer
        return not isinstance(given, Stream) or given.facts.done

    @property
    def head(self) -> Answer:
        """The answer without its body."""
        outcome, request = self.outcome, self.request
        return Answer(
            outcome.status,
            b"",
            outcome.target,
            request.attempts,
            outcome.cached,
            request.nano / 1e9,
            outcome.error,
            outcome.by,
            outcome.retry_after,
        )

    @property
    def answer(self) -> Answer:
        """The answer, complete."""
        return self.head._replace(body=body_of(self.outcome.answer))
