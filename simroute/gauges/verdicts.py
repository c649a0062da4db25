"""How often something has been right lately, and how sure that is."""

from __future__ import annotations

from math import exp, inf, sqrt


class Verdicts:
    """Verdicts that lose weight with time: of two, one that is `memory` seconds older counts 1/e
    of the other. Before any, one of each kind is taken to have been there (Laplace)."""

    __slots__ = ("_at", "_memory", "_right", "_wrong")

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._at = -inf
        self._right = self._wrong = 0.0

    def add(self, now: float, right: bool) -> None:
        """A verdict came at `now`; a clock that steps back counts as standing still."""
        self._fade(now)
        if right:
            self._right += 1.0
        else:
            self._wrong += 1.0

    def look(self, now: float) -> tuple[float, float]:
        """Mean and standard deviation of the share of right ones: of a beta distribution with what
        is remembered."""
        self._fade(now)
        right, wrong = self._right + 1.0, self._wrong + 1.0
        number = right + wrong
        return right / number, sqrt(right * wrong / (number + 1.0)) / number

    def _fade(self, now: float) -> None:
        if now > self._at:
            fade = exp((self._at - now) / self._memory)
            self._right *= fade
            self._wrong *= fade
            self._at = now
