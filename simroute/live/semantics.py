"""What a semantic cache needs in real time: an embedder, asked for many texts at once, and an index
of what it said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from simroute.core import Match
from simroute.live.vectors import Vector, VectorIndex, unit
from simroute.worlds.live.answers import CHARACTERS_A_TOKEN

Embed = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]
"""What a user gives: texts to vectors."""
GATHER_S = 0.002
"""For so long texts are gathered, which then go together."""
MOST_TEXTS = 64
LIMIT_S = 2.0
"""An embedder that takes longer has failed."""
PAUSE_S = 10.0
"""After a failure nobody asks for so long: else each request would wait for it."""
MOST_CHARACTERS = 8_000
"""Longer questions are not compared: one too long for a model would fail all that go with it."""
Told = asyncio.Future[tuple[Vector, int] | str]
"""A vector and its nano-USD; of a batch that failed, an error's word for the first, "" for others
and while nobody asks."""


class Question(NamedTuple):
    """A request as a semantic cache sees it: the text of its last user message, and a digest of all
    else, its client included. Only questions of one context are compared."""

    context: Hashable
    text: str


class Meaning(NamedTuple):
    """Of one request: its question, the vector of it, and what is near by (layer, replica)."""

    context: Hashable
    vector: Vector
    near: dict[tuple[str, int], list[Match]]


class Embedded(NamedTuple):
    """Vectors of texts, and the tokens that they were billed, where that was told."""

    vectors: Sequence[Sequence[float]]
    tokens: int | None = None


class Semantics:
    """An embedder with what it said so far.

    embed: returns vectors, or `Embedded` with them. price: USD for a million tokens that it reads.
    """

    def __init__(self, embed: Embed, price: float = 0.0) -> None:
        self.embed, self.price = embed, price
        self._indexes: dict[tuple[str, int], VectorIndex] = {}
        self._waiting: list[tuple[str, Told]] = []
        self._batches: set[asyncio.Task[None]] = set()
        self._silent_until = -1.0

    async def look(self, place: tuple[str, int], request: Any, held: Mapping[Any, Any]) -> str:
        """Finds what is near to a request among the answers that a cache holds; the request pays
        for it. Returns the word for an error that nobody was told of yet, else ""."""
        meaning: Meaning | None = request.meaning
        if meaning is None:
            question: Question | None = request.question()
            if question is None or not 0 < len(question.text) <= MOST_CHARACTERS:
                return ""
            got = await self._vector(question.text)
            if isinstance(got, str):
                return got
            vector, nano = got
            request.nano += nano
            meaning = request.meaning = Meaning(question.context, vector, {})
        index = self._indexes.setdefault(place, VectorIndex())
        meaning.near[place] = await index.nearest(meaning.context, meaning.vector, held)
        return ""

    @staticmethod
    def nearest(place: tuple[str, int], request: Any, held: Container[Hashable]) -> Match | None:
        """The nearest one that `look` has found and that is still held."""
        near = request.meaning.near.get(place, ()) if request.meaning is not None else ()
        return next((match for match in near if match.key in held), None)

    def keep(self, place: tuple[str, int], request: Any) -> None:
        """A cache will hold the answer to this request."""
        if request.meaning is not None:
            index = self._indexes.setdefault(place, VectorIndex())
            key = request.plain_keys.get(place, request.key)
            index.put(request.meaning.context, key, request.meaning.vector)

    def _vector(self, text: str) -> Told:
        loop = asyncio.get_running_loop()
        future: Told = loop.create_future()
        if loop.time() < self._silent_until:
            future.set_result("")
            return future
        if not self._waiting:
            loop.call_later(GATHER_S, self._send)
        self._waiting.append((text, future))
        if len(self._waiting) >= MOST_TEXTS:
            self._send()
        return future

    def _send(self) -> None:
        batch = [(text, future) for text, future in self._waiting if not future.done()]
        self._waiting = []
        if batch:  # else they went before, or away
            task = asyncio.get_running_loop().create_task(self._ask(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def _ask(self, batch: list[tuple[str, Told]]) -> None:
        results: Sequence[tuple[Vector, int] | str]
        try:
            results = await self._results([text for text, _ in batch])
        except Exception as error:
            now = asyncio.get_running_loop().time()
            word = type(error).__name__ if now >= self._silent_until else ""
            self._silent_until = now + PAUSE_S
            batch = [(text, future) for text, future in batch if not future.done()]
            results = [word, *[""] * len(batch)]
        for (_, future), result in zip(batch, results, strict=False):
            if not future.done():
                future.set_result(result)

    async def _results(self, texts: list[str]) -> list[tuple[Vector, int]]:
        """Raises whatever the embedder does, ValueError for what are no vectors."""
        given = await _within(LIMIT_S, self.embed(texts))
        told = given if isinstance(given, Embedded) else Embedded(given)
        vectors = [unit(numbers) for numbers in told.vectors]
        if len(vectors) != len(texts):
            raise ValueError("an embedding for each text")
        characters = sum(map(len, texts))
        tokens = characters / CHARACTERS_A_TOKEN if told.tokens is None else told.tokens
        a_character = 1000 * self.price * tokens / characters  # nano-USD
        return [
            (vector, round(a_character * len(text)))
            for text, vector in zip(texts, vectors, strict=True)
        ]


async def _within(seconds: float, work: Awaitable[Any]) -> Any:
    """Raises TimeoutError when it is not there in time, whatever it makes of its cancellation."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise TimeoutError
    return task.result()
