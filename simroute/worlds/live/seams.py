"""What the live world is given: the way to providers, who judges answers, and who finds similar
questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from simroute.core import Call, Match, Outcome

Place = tuple[str, int]
"""Layer and replica."""
JudgeFunction = Callable[[Call, Outcome], Awaitable[bool]]


class Transport(Protocol):
    """The way to a provider. Returns an outcome for every call and never raises; for a streamed
    call it returns at the first token, with the rest in the outcome."""

    async def send(self, call: Call) -> Outcome: ...


class Semantics(Protocol):
    """Finds what is near to a request among what the cache of a place, (layer, replica), holds.

    look: searches, and returns the word for an error that nobody was told of yet, else "".
    nearest: the best of what it found that is held yet. keep: the cache will hold the answer.
    """

    async def look(self, place: Place, request: Any, held: Mapping[Any, Any]) -> str: ...

    def nearest(self, place: Place, request: Any, held: Mapping[Any, Any]) -> Match | None: ...

    def keep(self, place: Place, request: Any) -> None: ...
