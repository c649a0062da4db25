"""How many replications a study needs, without the error of looking until the result fits.

`METRIC±HALF`: Stein's two stages (1945). The first replications alone tell how many are needed; the
mean of all is independent of that spread, so mean ± t · (first spread) / √n holds in exactly 95 %
of normal studies, however n came about.

`decided`: looks at numbers of replications that are fixed beforehand (doubling), each with its part
of the 5 % (Bonferroni over looks), so that the intervals of all looks hold together in at least 95
%. The intervals reported at the end are those of the last look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simroute.statistics.intervals import (
    LEVEL,
    NOMINAL,
    Confidence,
    deviation,
    paired_gaps,
    replications_needed,
    t_quantile,
)
from simroute.statistics.multiple import is_significant, pair_count, simultaneous_difference

FIRST, MOST = 20, 1000
Values = Sequence[float | None]


@dataclass(frozen=True)
class StoppingRule:
    """When a study has enough replications.

    `criterion`: as `--until` has it; `first`, `most`: replications to begin with, and at most;
    `metric`, `half`: the figure and the half-width of a precision, None and 0 for `decided`.
    """

    criterion: str
    first: int = FIRST
    most: int = MOST
    metric: str | None = None
    half: float = 0.0

    @property
    def confidence(self) -> Confidence:
        """That of all intervals of such a study."""
        return Confidence(LEVEL, self.first) if self.metric else self.look_confidence

    @property
    def look_confidence(self) -> Confidence:
        """That of all intervals where each look asks whether the criterion holds."""
        return NOMINAL.simultaneous(len(self.looks))

    @property
    def looks(self) -> list[int]:
        """The numbers of replications at which there is a look."""
        looks = [self.first]
        while looks[-1] < self.most:
            looks.append(min(2 * looks[-1], self.most))
        return looks

    def plain(self) -> dict[str, Any]:
        """As in `config.yaml`."""
        return {"criterion": self.criterion, "first": self.first, "most": self.most}


def stein_replications(pilot: Values, half: float, level: float = LEVEL) -> int:
    """Replications in all that Stein's second stage asks for, from those of the pilot: (t · spread
    / half)², rounded up."""
    known = [value for value in pilot if value is not None]
    if len(known) < 2:
        return len(pilot)
    spread = t_quantile(len(known) - 1, level) * deviation(known)
    return max(len(pilot), math.ceil((spread / half) ** 2))


def flawless_replications(trials: int, half: float, level: float = LEVEL) -> int:
    """Replications without a failure that show a share of 1 to ± half. `trials`: requests of a
    replication; after n requests the exact bound is 1 - (tail)^(1/n)."""
    if trials == 0 or half >= 0.5:
        return 1
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-2 * half) / trials)


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    `keeps`: whether each policy keeps the promise, None while that is undecided; `success`, `cost`:
    values by replication; `share`: the metric of the promised success; `needed`: of each undecided
    policy, the replications that would decide (None: not known).
    """

    keeps: Mapping[str, bool | None]
    success: Mapping[str, Values]
    cost: Mapping[str, Values]
    share: str = "success_rate"
    needed: Mapping[str, int | None] = field(default_factory=dict)


def is_decided(standing: Standing, confidence: Confidence) -> bool:
    """Whether each policy is known to keep the promise or not, and the cheapest that keeps it (else
    the most successful) differs significantly from all others."""
    if None in standing.keeps.values():
        return False
    good = {policy: standing.cost[policy] for policy, keeps in standing.keeps.items() if keeps}
    return not _undecided_pairs(standing, good, confidence)


def replications_to_decide(standing: Standing, confidence: Confidence) -> int | None:
    """About how many replications would decide, judging by these; None if not known."""
    keeps = standing.keeps
    needed = [standing.needed.get(policy) for policy, kept in keeps.items() if kept is None]
    good = {}
    if any(keeps.values()):
        good = {
            policy: standing.cost[policy] for policy, kept in keeps.items() if kept is not False
        }
    each = confidence.simultaneous(pair_count(len(keeps)))
    for best, other in _undecided_pairs(standing, good, confidence):
        gaps = paired_gaps(best, other)
        needed.append(replications_needed(gaps, _mean(gaps), each))
    return largest_needed(needed)


def largest_needed(counts: Sequence[int | None]) -> int | None:
    """The largest of these numbers of replications; None if one is not known, or there is none."""
    known = [count for count in counts if count is not None]
    return max(known) if known and len(known) == len(counts) else None


def _undecided_pairs(
    standing: Standing, good: Mapping[str, Values], confidence: Confidence
) -> list[tuple[Values, Values]]:
    """(values of the best policy, values of one that does not differ significantly from it): by
    cost among the `good` policies, by success if there is none."""
    values, metric = (good, "") if good else (standing.success, standing.share)
    known = [policy for policy in values if any(value is not None for value in values[policy])]
    if not known:
        return []
    sign = -1 if good else 1
    best = max(known, key=lambda policy: sign * _mean(values[policy]))
    among = len(standing.keeps)
    return [
        (values[best], values[other])
        for other in known
        if other != best
        and not is_significant(
            simultaneous_difference(values[best], values[other], among, confidence, metric)
        )
    ]


def _mean(values: Values) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known)
