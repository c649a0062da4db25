"""What is known of several targets: how fast they were lately, how many calls they have, and who
has failed too often."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core.params import Doc, Period, Positive, Range, Seconds, Share, Unit
from simroute.gauges.latency import Recent
from simroute.gauges.quantile import RecentQuantile

Metric = Literal[
    "nothing",
    "price",
    "input_price",
    "output_price",
    "latency",
    "first_token",
    "token_time",
    "in_flight",
    "requests",
    "tokens",
]
TIMED = ("latency", "first_token", "token_time")
Quantile = Literal["p50", "p75", "p90", "p95", "p99"]
Bound = float | dict[Quantile, float]
"""At most so much; of a time also at several quantiles, all of which must hold."""


@dataclass(frozen=True)
class Measure:
    """A number for each target, the less the better. Prices are USD per million tokens (`price`: a
    mix of three input tokens to one of output). Measured lately: the time of the whole answer
    (`latency`), to its first token, and of an output token (`token_time`: that of the whole answer
    by its output tokens). `in_flight`: calls under way; `requests` and `tokens`: those of the
    present minute.

    average: `fading`, a mean in which a time that is `memory` older weighs 1/e; `peak`, which takes
    a longer time at once and forgets it like that, also without news; `last`, the mean of the last
    `samples`; `quantile`, that of the last `samples`.
    """

    of: Annotated[Metric, Doc("what is compared")] = "nothing"
    average: Annotated[
        Literal["fading", "peak", "last", "quantile"], Doc("how times are summed up")
    ] = "fading"
    memory: Annotated[Period, Doc("fading, peak: how long a time is remembered")] = 60.0
    samples: Annotated[Positive, Doc("last, quantile: how many times are remembered")] = 10
    quantile: Annotated[
        Share, Doc("quantile: which; also that of bounds on times that name none")
    ] = 0.5
    unknown: Annotated[Seconds, Doc("what stands for a time before the first is known")] = 0.0
    busy: Annotated[bool, Doc("times the calls under way, one more counted")] = False
    failures: Annotated[bool, Doc("the time of a failure counts as that of an answer does")] = False
    timed_out: Annotated[
        Seconds | None, Doc("a call that ran into a timeout counts as so long; default: not")
    ] = None
    refresh: Annotated[
        Seconds, Doc("all is known as it was at the last multiple of this; 0: as it is")
    ] = 0.0


@dataclass(frozen=True)
class Avoid:
    """Who is put behind all others: where at least `calls` calls of the last `window` ended and
    more than `share` of them failed."""

    window: Annotated[Period, Doc("how far back calls are looked at")] = 30.0
    share: Annotated[
        float, Unit("share"), Range(0, 1), Doc("more failures than this, by calls")
    ] = 0.5
    calls: Annotated[Positive, Doc("fewer calls decide nothing")] = 5


class Peak:
    """A time that goes up at once and down slowly, towards 0 as long as nothing is heard. Source:
    Finagle's Peak EWMA load metric (Twitter, 2015); tower's has the value of the beginning."""

    __slots__ = ("_at", "_value", "memory")

    def __init__(self, memory: float, unknown: float) -> None:
        self.memory, self._value, self._at = memory, unknown, math.nan

    def add(self, now: float, value: float) -> None:
        """Something was measured."""
        fade = self._fade(now)
        if value > self._value:
            self._value = value
        else:
            self._value = self._value * fade + value * (1 - fade)
        self._at = max(now, self._at)

    def at(self, now: float) -> float:
        """What it is now; looking changes nothing."""
        return self._value * self._fade(now)

    def _fade(self, now: float) -> float:
        if math.isnan(self._at):
            self._at = now
        return math.exp(min(0.0, self._at - now) / self.memory)


class Times:
    """What is known of one time of one target."""

    __slots__ = ("_fading", "_kept", "_last", "_peak", "_unknown")

    def __init__(self, measure: Measure) -> None:
        self._unknown = measure.unknown
        self._fading = Recent(measure.memory) if measure.average == "fading" else None
        self._peak = Peak(measure.memory, measure.unknown) if measure.average == "peak" else None
        self._last: deque[float] = deque(maxlen=measure.samples)
        self._kept = (
            (RecentQuantile(measure.samples, 1), measure.quantile)
            if measure.average == "quantile"
            else None
        )

    def add(self, now: float, value: float) -> None:
        """Something was measured."""
        if self._fading is not None:
            self._fading.add(now, value)
        elif self._peak is not None:
            self._peak.add(now, value)
        elif self._kept is not None:
            self._kept[0].add(value)
        else:
            self._last.append(value)

    def at(self, now: float) -> float:
        """What it is now."""
        known: float | None
        if self._fading is not None:
            known = self._fading.mean
        elif self._peak is not None:
            known = self._peak.at(now)
        elif self._kept is not None:
            known = self._kept[0].at(self._kept[1])
        else:
            known = sum(self._last) / len(self._last) if self._last else None
        return self._unknown if known is None else known


class FailedLately:
    """How many of the last calls failed (one that is exactly `window` old is out)."""

    __slots__ = ("_ends", "_failed", "_rule")

    def __init__(self, rule: Avoid) -> None:
        self._rule, self._failed = rule, 0
        self._ends: deque[tuple[float, bool]] = deque()

    def add(self, now: float, failed: bool) -> None:
        """A call ended."""
        self._ends.append((now, failed))
        self._failed += failed

    def is_avoided(self, now: float) -> bool:
        """Whether too many of them failed."""
        ends = self._ends
        while ends and ends[0][0] + self._rule.window <= now:
            self._failed -= ends.popleft()[1]
        return len(ends) >= self._rule.calls and self._failed > self._rule.share * len(ends)
