"""Intervals over replications, at 95 % unless a `Confidence` says otherwise. How often they hold
the truth is measured in docs/statistics.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

LEVEL = 0.95
FEW_EVENTS = 30
"""Events below which a share's interval is no narrower than exact binomial bounds: Student's t is
too short there."""


class Interval(NamedTuple):
    """A mean with 95 % bounds. Bounds are None with one replication, all is None with no number."""

    mean: float | None
    low: float | None
    high: float | None

    def clamp(self, least: float, most: float = math.inf) -> Interval:
        """With its bounds cut to [least, most]; the mean stays."""
        return Interval(
            self.mean,
            None if self.low is None else max(least, self.low),
            None if self.high is None else min(most, self.high),
        )

    def plain(self) -> dict[str, float | None]:
        """As in summary.json."""
        return self._asdict()


class Exposure(Protocol):
    """What replications met of faults that come at random. It makes the intervals of the metrics
    that it covers: there outages are counted, not requests."""

    @property
    def replications(self) -> int:
        """The number of replications."""

    @property
    def outages(self) -> int:
        """The number of replications that met any outage."""

    def unmet_states(self) -> list[str]:
        """Names of the states of faults that no replication met, the likeliest first."""

    def covers(self, metric: str) -> bool:
        """Whether it makes the intervals of this metric."""

    def interval(
        self,
        values: Sequence[float | None],
        trials: Sequence[int] | None,
        level: float,
        *,
        metric: str = "",
    ) -> Interval:
        """The interval of a metric. `trials`: requests of each replication."""

    def difference(
        self, values: Sequence[float | None], level: float, *, metric: str = ""
    ) -> Interval:
        """The interval of paired differences of a metric."""

    def replications_needed(
        self, values: Sequence[float | None], distance: float, level: float, *, metric: str = ""
    ) -> int | None:
        """Replications after which the bound would be less than `distance` from the estimate."""


@dataclass(frozen=True)
class Confidence:
    """How intervals are made so that they hold the truth in 95 % of studies.

    `level`: that of one interval; `pilot`: first replications from which the spread is taken (None:
    from all); `exposure`: what was met of faults that come at random, None where there are none.
    """

    level: float = LEVEL
    pilot: int | None = None
    exposure: Exposure | None = field(default=None, compare=False)

    def simultaneous(self, count: int) -> Confidence:
        """The confidence of each of `count` intervals that hold together (Bonferroni)."""
        return replace(self, level=1 - (1 - self.level) / max(count, 1))


NOMINAL = Confidence()


def interval(
    values: Sequence[float | None],
    pooled: tuple[int, int] | None = None,
    confidence: Confidence = NOMINAL,
) -> Interval:
    """Student's t interval of the mean, from a value of each replication.

    `pooled`: (hits, trials) of a share. With few hits or few misses its interval is no narrower
    than their exact binomial bounds.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Interval(None, None, None)
    mean = math.fsum(known) / len(known)
    if len(known) < 2:
        return Interval(mean, None, None)
    half = half_width(known, confidence)
    low, high = mean - half, mean + half
    if pooled is None or pooled[1] <= 0:
        return Interval(mean, low, high)
    hits, trials = pooled
    if half != 0 and min(hits, trials - hits) >= FEW_EVENTS:
        return Interval(mean, low, high)
    exact = binomial(hits, trials, confidence.level)
    if half == 0:
        return Interval(mean, *exact)
    return Interval(mean, min(low, exact[0]), max(high, exact[1]))


def half_width(values: list[float], confidence: Confidence = NOMINAL) -> float:
    """Half the width of the t interval around the mean. With a pilot (Stein 1945) its spread and
    its degrees of freedom are those of the pilot."""
    pilot = values[: confidence.pilot]
    if confidence.pilot is not None and (len(pilot) < 2 or deviation(pilot) == 0):
        pilot = values  # nothing varied yet when the number of replications was chosen
    return t_quantile(len(pilot) - 1, confidence.level) * deviation(pilot) / math.sqrt(len(values))


def deviation(values: list[float]) -> float:
    """Sample standard deviation."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def paired_gaps(
    first: Sequence[float | None], second: Sequence[float | None]
) -> list[float | None]:
    """second - first of each replication, None where either is."""
    return [None if a is None or b is None else b - a for a, b in zip(first, second, strict=True)]


def paired_difference(
    first: Sequence[float | None],
    second: Sequence[float | None],
    confidence: Confidence = NOMINAL,
    metric: str = "",
) -> Interval:
    """The interval of second - first, paired by replication, since both met the same weather.
    `metric`: whose values they are; where random faults decide it, outages are counted."""
    gaps = paired_gaps(first, second)
    exposure = confidence.exposure
    if exposure is not None and exposure.covers(metric):
        return exposure.difference(gaps, confidence.level, metric=metric).clamp(-1.0, 1.0)
    return interval(gaps, confidence=confidence)


def binomial(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact bounds of a share: `hits` of `trials`."""
    low, high = clopper_pearson(hits, trials, (1 - level) / 2)
    return float(low), float(high)


def clopper_pearson(hits: Any, trials: int, tail: float) -> tuple[Any, Any]:
    """Exact bounds of shares (Clopper and Pearson 1934), for a number or an array of `hits`.
    `tail`: the probability beyond each bound, .025 for 95 %."""
    import numpy as np
    from scipy.special import betaincinv

    misses = trials - hits
    low = np.where(np.equal(hits, 0), 0.0, betaincinv(np.maximum(hits, 1), misses + 1, tail))
    high = np.where(np.equal(misses, 0), 1.0, betaincinv(hits + 1, np.maximum(misses, 1), 1 - tail))
    return low, high


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - (1 - level) / 2))


def replications_needed(
    values: Sequence[float | None],
    distance: float,
    confidence: Confidence = NOMINAL,
    metric: str = "",
) -> int | None:
    """Replications with which an interval would be narrow enough to decide; None if not known.
    `distance`: the estimate minus the limit that its bound must not cross."""
    if confidence.exposure is not None and confidence.exposure.covers(metric):
        return confidence.exposure.replications_needed(
            values, distance, confidence.level, metric=metric
        )
    known = [value for value in values if value is not None]
    if len(known) < 2 or distance == 0:
        return None
    spread = deviation(known)
    if spread == 0:
        return None
    n = 2
    while n < 1_000_000 and (
        t_quantile(n - 1, confidence.level) * spread / math.sqrt(n) >= abs(distance)
    ):
        n = max(n + 1, math.ceil(n * 1.1))
    return n if n < 1_000_000 else None
