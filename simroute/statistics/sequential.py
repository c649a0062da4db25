"""How many replications: as many as make a figure so sure, or a verdict decided, without the error
of looking until it fits.

`METRIC±HALF`: Stein's two stages (1945). The first replications alone tell how many are needed; the
mean of all is independent of that spread, so mean ± t · (first spread) / √n holds in exactly 95 %
of normal studies, however n came about.

`decided`: looks at numbers of replications that are fixed beforehand (doubling), each with its part
of the 5 % (Bonferroni over looks), so that the intervals of all looks hold together in at least 95
%. The intervals reported at the end are those of that look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from simroute.statistics.intervals import (
    LEVEL,
    Confidence,
    deviation,
    replications_needed,
    t_quantile,
)
from simroute.statistics.multiple import is_significant, pair_count, simultaneous_difference

FIRST, MOST = 20, 1000
Values = Sequence[float | None]


@dataclass(frozen=True)
class StoppingRule:
    """The criterion, so many replications to begin with, and at most so many. `metric`, `half`: of
    a precision; None and 0 for `decided`."""

    criterion: str
    first: int = FIRST
    most: int = MOST
    metric: str | None = None
    half: float = 0.0

    @property
    def confidence(self) -> Confidence:
        """By which all intervals of such a study are made."""
        return Confidence(LEVEL, self.first) if self.metric else self.look_confidence

    @property
    def look_confidence(self) -> Confidence:
        """The same where it is asked at each look whether the criterion holds."""
        return Confidence(1 - (1 - LEVEL) / len(self.looks))

    @property
    def looks(self) -> list[int]:
        """The numbers of replications at which it may be asked whether all is decided."""
        found = [self.first]
        while found[-1] < self.most:
            found.append(min(2 * found[-1], self.most))
        return found

    def plain(self) -> dict[str, Any]:
        """As it is kept in `config.yaml`."""
        return {
            key: value
            for key, value in asdict(self).items()
            if key in ("criterion", "first", "most")
        }


def stein_replications(pilot: Values, half: float, level: float = LEVEL) -> int:
    """How many replications Stein's second stage wants in all, from the first ones alone: (t ·
    spread / half)², rounded up."""
    known = [value for value in pilot if value is not None]
    if len(known) < 2:
        return len(pilot)
    return max(
        len(pilot), math.ceil((t_quantile(len(known) - 1, level) * deviation(known) / half) ** 2)
    )


def flawless_replications(trials: int, half: float, level: float = LEVEL) -> int:
    """How often so many requests have to succeed without exception until 1 is known to ± half: 1 -
    (tail)^(1/requests) is the exact bound."""
    return (
        1
        if trials == 0 or half >= 0.5
        else math.ceil(math.log((1 - level) / 2) / math.log1p(-2 * half) / trials)
    )


@dataclass(frozen=True)
class Standing:
    """Where a study stands: whether each policy keeps the promise, and the series that decide.
    `share`: the metric of the promised success.

    `asked`: for each undecided policy how many replications the parts of the promise that are open
    want, None where that cannot be told.
    """

    keeps: Mapping[str, bool | None]
    success: Mapping[str, Values]
    cost: Mapping[str, Values]
    share: str = "success_rate"
    needed: Mapping[str, int | None] = field(default_factory=dict)


def is_decided(standing: Standing, confidence: Confidence) -> bool:
    """Every policy is known to keep the promise or not; and the cheapest that keeps it (else the
    most successful) is told from all others."""
    if None in standing.keeps.values():
        return False
    good = {policy: standing.cost[policy] for policy, kept in standing.keeps.items() if kept}
    return not _rivals(
        good or standing.success,
        standing.share if not good else "",
        len(standing.keeps),
        confidence,
    )


def replications_to_decide(standing: Standing, confidence: Confidence) -> int | None:
    """About how many replications would settle it, judging by these; None if that cannot be
    told."""
    keeps = standing.keeps
    wanted = [standing.needed.get(policy) for policy, kept in keeps.items() if kept is None]
    good = (
        {policy: standing.cost[policy] for policy, kept in keeps.items() if kept is not False}
        if any(keeps.values())
        else {}
    )
    values = good or standing.success
    for best, other in _rivals(values, standing.share if not good else "", len(keeps), confidence):
        gaps = [
            b - a
            for a, b in zip(values[best], values[other], strict=True)
            if a is not None and b is not None
        ]
        wanted.append(
            replications_needed(
                gaps, _mean(gaps), Confidence(confidence.simultaneous(pair_count(len(keeps))).level)
            )
        )
    return (
        None if None in wanted or not wanted else max(many for many in wanted if many is not None)
    )


def _rivals(
    values: Mapping[str, Values], share: str, among: int, confidence: Confidence
) -> list[tuple[str, str]]:
    """(the best, one that cannot be told from it). `share`: the metric of which more is better;
    none for costs."""
    known = [policy for policy in values if any(value is not None for value in values[policy])]
    if not known:
        return []
    best = max(known, key=lambda policy: _mean(values[policy]) if share else -_mean(values[policy]))
    return [
        (best, other)
        for other in known
        if other != best
        and not is_significant(
            simultaneous_difference(values[best], values[other], among, confidence, share)
        )
    ]


def _mean(values: Values) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known)
