"""What belongs to a question rather than to a request: the same numbers whoever asks it, and
however often."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simroute.models.random import Streams

BLOCK = 4096
"""Requests to a block; part of what a seed means."""

UNIQUE = 1 << 40
"""Question UNIQUE + i is asked once, by request i; smaller numbers come from the catalogue of
repeats."""

FORMS = {"case": 1, "space": 2}
"""In what a repeat may differ that has the words of its question: in both, if the sum."""


def styled(index: np.ndarray, forms: np.ndarray) -> np.ndarray:
    """The wordings of requests that ask in the words of a question, and write them as nobody else
    does; forms: sums of `FORMS`."""
    return np.asarray(-1 - (4 * index + forms))


def plain(wording: int, question: int, ignored: Sequence[str] = tuple(FORMS)) -> int:
    """A wording without what is ignored of its form."""
    if wording >= 0:
        return wording
    forms = (-1 - wording) % 4
    return question if forms & ~sum(FORMS[form] for form in ignored) == 0 else wording


Draw = Callable[[np.random.Generator], np.ndarray]


class Questions:
    """Draws by question. Those of the catalogue are made once and kept: memory grows with
    `catalogue`, never with the horizon. Those of the latest block are kept as well, since several
    models answer it."""

    def __init__(self, streams: Streams, catalogue: int) -> None:
        self._streams = streams
        self._blocks = -(-catalogue // BLOCK)
        self._kept: dict[tuple[str | int, ...], np.ndarray] = {}
        self._latest: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}

    def uniforms(self, question: np.ndarray, number: int, *key: str) -> np.ndarray:
        """A uniform in [0, 1) for each question of block `number`."""
        return self._pick(_uniform, question, number, ("uniform", *key))

    def normals(self, question: np.ndarray, number: int, *key: str) -> np.ndarray:
        """A standard normal for each question of block `number`."""
        return self._pick(_normal, question, number, ("normal", *key))

    def _pick(
        self, draw: Draw, question: np.ndarray, number: int, key: tuple[str, ...]
    ) -> np.ndarray:
        asked, drawn = self._latest.get(key, (None, None))
        if asked is not question or drawn is None:
            drawn = draw(self._streams.block("question", *key, block=number))[: len(question)]
            again = question < UNIQUE
            if again.any():
                kept = self._catalogue(draw, key)
                drawn = np.where(again, kept[np.where(again, question, 0)], drawn)
            drawn.flags.writeable = False
            self._latest[key] = question, drawn
        return drawn

    def _catalogue(self, draw: Draw, key: tuple[str, ...]) -> np.ndarray:
        kept = self._kept.get(key)
        if kept is None:
            kept = np.concatenate(
                [
                    draw(self._streams.block("catalogue", *key, block=number))
                    for number in range(self._blocks)
                ]
            )
            self._kept[key] = kept
        return kept


def _uniform(source: np.random.Generator) -> np.ndarray:
    return source.random(BLOCK)


def _normal(source: np.random.Generator) -> np.ndarray:
    return source.standard_normal(BLOCK)
