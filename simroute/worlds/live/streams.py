"""A streamed answer on its way from a provider to a caller: the provider is read only as fast as
the caller reads, and what that takes is none of the provider's time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from simroute.core import Outcome, Rest
from simroute.worlds.live import kernel
from simroute.worlds.live.answers import StreamFacts, Usage
from simroute.worlds.live.sse import Events

MOST_WAITING = 64 * 1024
"""Bytes that wait for a slow reader."""
MOST_KEPT = 10_000_000
"""Bytes of an answer that may be asked for again, or that a layer reads to its end before anybody
else sees it."""


class HeardRest(Rest):
    """The rest of a streamed answer that knows when its last token came. heard: the loop's seconds;
    infinite while the reader is slow, and the provider has to wait for it."""

    __slots__ = ("heard",)

    def __init__(self, work: Callable[[], Awaitable[Outcome]], heard: Callable[[], float]) -> None:
        super().__init__(work)
        self.heard = heard


class Stream:
    """The bytes of a streamed answer, event by event. One reads, by `async for`; one writes.

    facts: what they say. usage: of all, once it has ended. kept: all of them, for a cache; None
    where they are too many, or nobody will want them. reached: the limit of time at which it was
    given up.
    """

    def __init__(self, facts: StreamFacts, keep: bool) -> None:
        self.facts = facts
        self.usage: Usage | None = None
        self.reached: str | None = None
        self.kept: list[bytes] | None = [] if keep else None
        self._kept_size = 0
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._ended = self._is_read = False
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    @property
    def text(self) -> str:
        """What the first choice has said so far; "" where the bytes are not kept."""
        return said_in(b"".join(self.kept or []))

    def put(self, raw: bytes, shown: bytes) -> None:
        """Adds what has come; shown: of it, what its reader has asked for. Raises ValueError for
        too much that nobody reads."""
        if self.kept is not None:
            self.kept.append(raw)
            self._kept_size += len(raw)
            if self._kept_size > MOST_KEPT:
                self.kept = None
        if shown:
            self._pieces.append(shown)
            self._waiting += len(shown)
            if self._waiting > MOST_KEPT:
                raise ValueError("too much that nobody reads")
            _wake(self._news)

    async def room(self) -> None:
        """Waits until the reader has taken enough; meanwhile limits of time stand still."""
        while self.is_full:
            self._room = asyncio.get_running_loop().create_future()
            await kernel.held(self._room)

    @property
    def is_full(self) -> bool:
        """Whether the reader is slower than the provider. Where nobody reads yet, a layer wants all
        of it before."""
        return self._waiting > MOST_WAITING and self._is_read and not self._ended

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        _wake(self._news)
        _wake(self._room)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._is_read = True
        while self._pieces or not self._ended:
            if not self._pieces:
                self._news = asyncio.get_running_loop().create_future()
                await self._news
                continue
            piece = b"".join(self._pieces)
            self._pieces.clear()
            self._waiting = 0
            _wake(self._room)
            yield piece


def said_in(events: bytes) -> str:
    """What the first choice says in events of a stream."""
    parts = []
    for _, data in Events().feed(events):
        if data is not None and data.strip() != b"[DONE]":
            for choice in json.loads(data).get("choices") or []:
                content = (choice.get("delta") or {}).get("content")
                if choice.get("index", 0) == 0 and isinstance(content, str):
                    parts.append(content)
    return "".join(parts)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
