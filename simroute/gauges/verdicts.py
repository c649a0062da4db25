"""How often something has been right lately, and how sure that is."""

from __future__ import annotations

from math import exp, inf, sqrt
from statistics import NormalDist

from simroute.gauges.newest import Newest

STANDARD = NormalDist()


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


class Beliefs:
    """Of each of many names a guess of the share that is right, from its `Verdicts`. explore: by
    how many deviations it may be better than the mean."""

    def __init__(self, memory: float, explore: float) -> None:
        self._memory, self._explore = memory, explore
        self._verdicts: Newest[tuple[str, ...], Verdicts] = Newest()

    def add(self, now: float, name: tuple[str, ...], right: bool) -> None:
        """A verdict came."""
        self._of(name).add(now, right)

    def optimistic(self, now: float, name: tuple[str, ...]) -> float:
        """The upper end of what it may be."""
        mean, deviation = self._of(name).look(now)
        return mean + self._explore * deviation

    def drawn(self, now: float, name: tuple[str, ...], coin: float) -> float:
        """What it may be, drawn; `coin`: uniform in [0, 1)."""
        mean, deviation = self._of(name).look(now)
        return mean + self._explore * STANDARD.inv_cdf(min(max(coin, 1e-12), 1 - 1e-12)) * deviation

    def _of(self, name: tuple[str, ...]) -> Verdicts:
        verdicts = self._verdicts.get(name)
        if verdicts is None:
            verdicts = self._verdicts[name] = Verdicts(self._memory)
        return verdicts
