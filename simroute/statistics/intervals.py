"""Intervals over replications. Nominal 95 % unless a rule says otherwise; how often they hold is
measured in docs/statistics.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

LEVEL = 0.95
FEW = 30
"""Events below which a share's interval is no narrower than exact binomial bounds: Student's t is
too short there."""


class Interval(NamedTuple):
    """A mean with 95 % bounds; None where one replication, or no number at all, allows none."""

    mean: float | None
    low: float | None
    high: float | None

    def plain(self) -> dict[str, float | None]:
        return self._asdict()


class Exposure(Protocol):
    """What replications met of faults that come at random: it decides for the metrics that it
    covers, since there outages are counted, not requests."""

    @property
    def replications(self) -> int:
        """How many there are."""

    @property
    def outages(self) -> int:
        """How many of them met any outage."""

    def unmet(self) -> list[str]:
        """What none of them met, in words, the likeliest first."""

    def covers(self, metric: str) -> bool:
        """Whether it decides for this metric."""

    def interval(
        self,
        values: Sequence[float | None],
        trials: Sequence[int] | None,
        level: float,
        *,
        metric: str = "",
    ) -> Interval:
        """Of this metric. `trials`: of each replication."""

    def difference(
        self, values: Sequence[float | None], level: float, *, metric: str = ""
    ) -> Interval:
        """Of paired differences of this metric."""

    def needed(
        self, values: Sequence[float | None], distance: float, level: float, *, metric: str = ""
    ) -> int | None:
        """Replications after which the bound would be less than `distance` from the estimate."""


@dataclass(frozen=True)
class Rule:
    """How intervals are made so that 95 % holds: at which level, and from how many first
    replications the spread is taken (None: from all).

    `met`: what the replications met of faults that come at random; None where there are none.
    """

    level: float = LEVEL
    pilot: int | None = None
    met: Exposure | None = field(default=None, compare=False)

    def shared(self, among: int) -> Rule:
        """The rule for each of so many intervals that are to hold together (Bonferroni)."""
        return Rule(1 - (1 - self.level) / max(among, 1), self.pilot, self.met)


PLAIN = Rule()


def interval(
    values: Sequence[float | None], pooled: tuple[int, int] | None = None, rule: Rule = PLAIN
) -> Interval:
    """Student's t over per-replication estimates. A share of few events is no narrower than the
    exact binomial bounds of its pooled counts."""
    known = [value for value in values if value is not None]
    if not known:
        return Interval(None, None, None)
    mean = math.fsum(known) / len(known)
    if len(known) < 2:
        return Interval(mean, None, None)
    half = half_width(known, rule)
    low, high = mean - half, mean + half
    if (
        pooled is not None
        and pooled[1] > 0
        and (half == 0 or min(pooled[0], pooled[1] - pooled[0]) < FEW)
    ):
        exact = binomial(*pooled, rule.level)
        return (
            Interval(mean, *exact)
            if half == 0
            else Interval(mean, min(low, exact[0]), max(high, exact[1]))
        )
    return Interval(mean, low, high)


def half_width(values: list[float], rule: Rule = PLAIN) -> float:
    """Half the width of the t interval around the mean. With a pilot, Stein's (1945): its spread,
    and its degrees of freedom."""
    pilot = values[: rule.pilot]
    if rule.pilot is not None and (len(pilot) < 2 or deviation(pilot) == 0):
        pilot = values  # nothing varied yet when it was judged how many are needed
    return t_quantile(len(pilot) - 1, rule.level) * deviation(pilot) / math.sqrt(len(values))


def deviation(values: list[float]) -> float:
    """Sample standard deviation."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def paired(
    first: Sequence[float | None],
    second: Sequence[float | None],
    rule: Rule = PLAIN,
    metric: str = "",
) -> Interval:
    """The interval of second - first, replication by replication: they met the same weather.
    `metric`: of which; shares count outages met."""
    gaps = [None if a is None or b is None else b - a for a, b in zip(first, second, strict=True)]
    if rule.met is not None and rule.met.covers(metric):
        found = rule.met.difference(gaps, rule.level, metric=metric)
        return Interval(
            found.mean,
            None if found.low is None else max(-1.0, found.low),
            None if found.high is None else min(1.0, found.high),
        )
    return interval(gaps, rule=rule)


def binomial(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Clopper and Pearson's exact bounds (1934)."""
    low, high = binomials(hits, trials, level)
    return float(low), float(high)


def binomials(hits: Any, trials: int, level: float = LEVEL) -> tuple[Any, Any]:
    """The same for an array of hits."""
    import numpy as np
    from scipy.special import betaincinv

    tail, missed = (1 - level) / 2, trials - hits
    low = np.where(np.equal(hits, 0), 0.0, betaincinv(np.maximum(hits, 1), missed + 1, tail))
    high = np.where(np.equal(missed, 0), 1.0, betaincinv(hits + 1, np.maximum(missed, 1), 1 - tail))
    return low, high


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - (1 - level) / 2))


def needed(
    values: Sequence[float | None], distance: float, rule: Rule = PLAIN, metric: str = ""
) -> int | None:
    """How many replications would make the bound on the side of `distance` (estimate - bound asked
    for) decide; None when that cannot be told."""
    if rule.met is not None and rule.met.covers(metric):
        return rule.met.needed(values, distance, rule.level, metric=metric)
    level = rule.level
    known = [value for value in values if value is not None]
    if len(known) < 2 or distance == 0:
        return None
    spread = deviation(known)
    if spread == 0:
        return None
    n = 2
    while n < 1_000_000 and t_quantile(n - 1, level) * spread / math.sqrt(n) >= abs(distance):
        n = max(n + 1, math.ceil(n * 1.1))
    return n if n < 1_000_000 else None
