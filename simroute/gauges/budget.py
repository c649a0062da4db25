"""How much of a sum is spent, how fast, and what level that is."""

from __future__ import annotations

import math

from simroute.gauges.meter import SharedMeter, SpendMeter

FREE, SHIFTING, EXHAUSTED = range(3)
WORDS = {SHIFTING: "shifted", EXHAUSTED: "exhausted"}


class SpendRate:
    """USD a second lately, from a total that grows: of two sums, one that is `memory` seconds older
    weighs 1/e of the other. A steady rate is told as that rate from the beginning on."""

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self._began = self._at = math.nan
        self._total = self._sum = 0.0

    def see(self, now: float, total: float) -> float:
        """So much has been spent by now, since the period began; returns USD a second."""
        if math.isnan(self._began):
            self._began = self._at = now
        if now > self._at:
            self._sum *= math.exp((self._at - now) / self.memory)
            self._at = now
        self._sum = max(0.0, self._sum + total - self._total)
        self._total = total
        seen = -math.expm1((self._began - now) / self.memory)
        return self._sum / (self.memory * seen) if seen > 0 else 0.0

    def renew(self) -> None:
        """A period begins: the total starts from nothing."""
        self._total = 0.0


class Account:
    """A sum for each period, and what has been spent of it.

    `news` collects (word, share), each level once a period; the reader empties it. shared: a meter
    that lasts, in place of its own. rate: where spending is forecast. allowed: USD that may be
    spent by now.
    """

    def __init__(self, usd: float, name: str = "", shared: SharedMeter | None = None) -> None:
        self.usd, self.allowed, self.name = usd, usd, name
        self.own = SpendMeter()
        self.shared = shared
        self.meter: SpendMeter | SharedMeter = self.own if shared is None else shared
        self.rate: SpendRate | None = None
        self.news: list[tuple[str, float]] = []
        self._level = FREE
        self._told = FREE, -math.inf
        self._begin = -math.inf

    async def look(self) -> None:
        """Ask the meter that lasts what counts now."""
        if self.shared is not None:
            await self.shared.look()

    @property
    def share(self) -> float:
        """What has been spent of what is allowed by now."""
        return self.meter.spent / self.allowed if self.allowed else 1.0

    def level(self, now: float, span: tuple[float, float], at: float, back: float) -> int:
        """The level in the period of this begin and end, by what is spent of what is allowed, or,
        with a rate, by what will be spent of the sum at its end: SHIFTING from the share `at` on,
        until it is below `back` again; EXHAUSTED at 100 %."""
        begin, end = span
        share = expected = self.share
        if self.rate is not None and self.usd:
            if begin != self._begin:
                self._begin = begin
                self.rate.renew()
            spent = self.meter.spent
            expected = (spent + self.rate.see(now, spent) * max(0.0, end - now)) / self.usd
        edge = min(at, back) if self._level else at
        self._level = EXHAUSTED if share >= 1 else SHIFTING if expected >= edge else FREE
        self._tell(self._level, share if self._level == EXHAUSTED else expected, begin)
        return self._level

    def exhaust(self, begin: float) -> None:
        """Something was refused that did not fit any more."""
        self._tell(EXHAUSTED, self.share, begin)

    def _tell(self, level: int, share: float, period: float) -> None:
        """Each level once a period, though corrected estimates may move the share to and fro across
        it."""
        told, before = self._told
        if period != before and told:
            self.news.append(("renewed", share))
        told = told if period == before else FREE
        if level > told:
            self.news.append((WORDS[level], share))
        self._told = max(level, told), period
