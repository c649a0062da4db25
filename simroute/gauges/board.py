"""What a chooser knows of each of its targets, told by the calls that it sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from simroute.core.outcome import Outcome
from simroute.core.target import Price
from simroute.gauges.measure import TIMED, Avoid, Bound, FailedLately, Measure, Metric, Times
from simroute.gauges.quantile import RecentQuantile

MINUTE = 60.0
TIMEOUTS = (408, 504)
BOUND_BY = 500
"""Times by which a bound is held against their quantile."""
PRICES: dict[str, Callable[[Price], float]] = {
    "price": lambda price: price.blended,
    "input_price": lambda price: price.input,
    "output_price": lambda price: price.output,
}
Asked = Callable[[str], Price]
Limit = tuple[Metric, float, float]
"""What is bounded, at which quantile, and by how much."""
Looked = tuple[str | None, Metric, float | None]
"""A target, what is looked at, and at which quantile for a bound; None: as the measure."""


class Record:
    """One target's calls. minute: number of the minute that `requests` and `tokens` are of."""

    __slots__ = ("bounds", "failed", "in_flight", "minute", "requests", "times", "tokens")

    def __init__(self, measure: Measure, bounds: Iterable[Metric], avoid: Avoid | None) -> None:
        self.in_flight = 0
        self.minute, self.requests, self.tokens = -math.inf, 0, 0
        self.times = Times(measure) if measure.of in TIMED else None
        self.bounds = {name: RecentQuantile(BOUND_BY, 1) for name in bounds if name in TIMED}
        self.failed = None if avoid is None else FailedLately(avoid)

    def turn(self, now: float) -> None:
        """Counts afresh where another minute has begun."""
        if (minute := now // MINUTE) > self.minute:
            self.minute, self.requests, self.tokens = minute, 0, 0


class Board:
    """Records of all targets, by what is measured and bounded, and what follows from them.

    require: who has more than that of anything is left out; prefer: is put behind the others;
    avoid: behind all others. Where prices are asked for, `price` is what a target charges now.
    """

    def __init__(
        self,
        measure: Measure,
        avoid: Avoid | None = None,
        require: Mapping[Metric, Bound] | None = None,
        prefer: Mapping[Metric, Bound] | None = None,
    ) -> None:
        self.measure, self.avoid = measure, avoid
        self.require = limits(require or {}, measure.quantile)
        self.prefer = limits(prefer or {}, measure.quantile)
        self._records: dict[str | None, Record] = {}
        self._stale: dict[Looked, float] = {}
        self._period = -math.inf

    def of(self, name: str | None) -> Record:
        """What is known of one target."""
        record = self._records.get(name)
        if record is None:
            bounds = [metric for metric, *_ in self.require + self.prefer]
            record = self._records[name] = Record(self.measure, bounds, self.avoid)
        return record

    # -- what calls tell ---------------------------------------------------------------------------

    def begin(self, now: float, name: str | None) -> None:
        """A call is sent there."""
        self._look_at_all(now)
        record = self.of(name)
        record.turn(now)
        record.in_flight += 1
        record.requests += 1

    def leave(self, name: str | None) -> None:
        """Nobody waits for it any more."""
        self.of(name).in_flight -= 1

    def end(
        self, now: float, name: str | None, seconds: tuple[float, float], outcome: Outcome
    ) -> None:
        """It has ended. seconds: to its first token, and in all."""
        self._look_at_all(now)
        record, measure = self.of(name), self.measure
        record.turn(now)
        record.in_flight -= 1
        if outcome.by or outcome.status == 499:  # nobody was asked, or nobody listened
            record.requests -= bool(outcome.by and record.requests)
            return
        record.tokens += outcome.input_tokens + outcome.output_tokens
        if record.failed is not None:
            record.failed.add(now, outcome.status >= 500 or outcome.status == 408)
        times: dict[str, float] = {"first_token": seconds[0], "latency": seconds[1]}
        if outcome.output_tokens > 0:
            times["token_time"] = seconds[1] / outcome.output_tokens
        if outcome.ok:
            for bound, known in record.bounds.items():
                if bound in times:
                    known.add(times[bound])
        if record.times is None:
            return
        if outcome.status in TIMEOUTS and measure.timed_out is not None:
            record.times.add(now, measure.timed_out)
        elif measure.of in times and (outcome.ok or measure.failures):
            record.times.add(now, times[measure.of])

    # -- what follows ------------------------------------------------------------------------------

    def value(self, now: float, name: str, price: Asked) -> float:
        """The measure of one target, the less the better."""
        return self._known(now, (name, self.measure.of, None), price)

    def allowed(self, now: float, names: Sequence[str], price: Asked) -> list[str]:
        """Those that have no more of anything than is required, as far as is known."""
        return [name for name in names if not self._is_beyond(now, name, self.require, price)]

    def first(
        self, now: float, names: Sequence[str], levels: Mapping[str, float], price: Asked
    ) -> list[str]:
        """Those of the first rank: not avoided, if there are such, then of the lowest level, then
        preferred."""
        if self.avoid is None and not self.prefer and not levels:
            return list(names)
        ranks = {}
        for name in names:
            failed = self.of(name).failed
            is_avoided = failed is not None and failed.is_avoided(now)
            beyond = self._is_beyond(now, name, self.prefer, price)
            ranks[name] = is_avoided, levels.get(name, 0.0), beyond
        least = min(ranks.values())
        return [name for name in names if ranks[name] == least]

    def _is_beyond(self, now: float, name: str, bounds: Sequence[Limit], price: Asked) -> bool:
        return any(
            self._known(now, (name, metric, quantile), price) > most
            for metric, quantile, most in bounds
        )

    def _known(self, now: float, what: Looked, price: Asked) -> float:
        if not self.measure.refresh:
            return self._look(now, what, price)
        self._look_at_all(now)
        if what not in self._stale:
            self._stale[what] = self._look(now, what, price)
        return self._stale[what]

    def _look_at_all(self, now: float) -> None:
        """Where it is time for it, and before anything else is learnt; at prices when they are
        asked for."""
        if not self.measure.refresh or now // self.measure.refresh <= self._period:
            return
        self._period = now // self.measure.refresh
        bounds = [(metric, quantile) for metric, quantile, _ in self.require + self.prefer]
        self._stale = {
            (name, metric, quantile): self._look(now, (name, metric, quantile))
            for name in self._records
            for metric, quantile in [(self.measure.of, None), *bounds]
            if metric not in PRICES
        }

    def _look(self, now: float, what: Looked, price: Asked | None = None) -> float:
        """NaN for a bound of which nothing is known."""
        name, metric, quantile = what
        record = self.of(name)
        record.turn(now)
        if metric in TIMED and quantile is not None:
            known = record.bounds[metric].at(quantile)
            return math.nan if known is None else known
        value = {
            "in_flight": float(record.in_flight),
            "requests": float(record.requests),
            "tokens": float(record.tokens),
        }.get(metric, 1.0)
        if metric in TIMED and record.times is not None:
            value = record.times.at(now)
        elif price is not None and metric in PRICES and name is not None:
            value = PRICES[metric](price(name))
        is_plain = quantile is not None or not self.measure.busy
        return value if is_plain else value * (record.in_flight + 1)


def limits(bounds: Mapping[Metric, Bound], usual: float) -> list[Limit]:
    """Each bound at each of its quantiles; at the usual one where it names none."""
    found: list[Limit] = []
    for metric, bound in bounds.items():
        if isinstance(bound, dict):
            found += [(metric, float(name[1:]) / 100, most) for name, most in bound.items()]
        else:
            found.append((metric, usual, bound))
    return found
