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
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from simroute.errors import InputError, nearest
from simroute.metrics import METRICS
from simroute.statistics.intervals import LEVEL, PLAIN, Rule, deviation, needed, t_quantile
from simroute.statistics.multiple import apart, pairs, told

DECIDED = "decided"
PRECISION = re.compile(r"\s*([A-Za-z0-9_]+)\s*(?:±|\+-|\+/-)\s*([0-9.eE+-]+)\s*")
FIRST, MOST = 20, 1000
Values = Sequence[float | None]


@dataclass(frozen=True)
class Until:
    """The criterion, so many replications to begin with, and at most so many. `metric`, `half`: of
    a precision; None and 0 for `decided`."""

    criterion: str
    first: int = FIRST
    most: int = MOST
    metric: str | None = None
    half: float = 0.0

    @property
    def rule(self) -> Rule:
        """By which all intervals of such a study are made."""
        return Rule(LEVEL, self.first) if self.metric else self.looking

    @property
    def looking(self) -> Rule:
        """The same where it is asked at each look whether the criterion holds."""
        return Rule(1 - (1 - LEVEL) / len(self.looks))

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


def until(criterion: str, first: int = FIRST, most: int = MOST) -> Until:
    """Of what the command line or `config.yaml` says. Raises InputError."""
    if first < 2 or most < first:
        raise InputError(
            f"--until: from {first} to {most} replications; at least 2 are needed first, and no "
            f"more than --max-replications"
        )
    if criterion.strip() == DECIDED:
        return Until(DECIDED, first, most)
    match = PRECISION.fullmatch(criterion)
    half = _number(match.group(2)) if match else None
    if match is None or half is None or not 0 < half < math.inf:
        raise InputError(
            f"--until {criterion!r}: expected METRIC±NUMBER, such as success_rate±0.0005 (or "
            f"+-), or decided"
        )
    if match.group(1) not in METRICS:
        raise InputError(
            f"--until {criterion!r}: no metric is called {match.group(1)!r}; "
            f"{nearest(match.group(1), METRICS)}"
        )
    return Until(f"{match.group(1)}±{match.group(2)}", first, most, match.group(1), half)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def rule(plain: Mapping[str, Any] | None) -> Rule:
    """Of a configuration's `until`."""
    return PLAIN if plain is None else until(**plain).rule


def total(pilot: Values, half: float, level: float = LEVEL) -> int:
    """How many replications Stein's second stage wants in all, from the first ones alone: (t ·
    spread / half)², rounded up."""
    known = [value for value in pilot if value is not None]
    if len(known) < 2:
        return len(pilot)
    return max(
        len(pilot), math.ceil((t_quantile(len(known) - 1, level) * deviation(known) / half) ** 2)
    )


def flawless(trials: int, half: float, level: float = LEVEL) -> int:
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
    asked: Mapping[str, int | None] = field(default_factory=dict)


def settled(standing: Standing, rule: Rule) -> bool:
    """Every policy is known to keep the promise or not; and the cheapest that keeps it (else the
    most successful) is told from all others."""
    if None in standing.keeps.values():
        return False
    good = {policy: standing.cost[policy] for policy, kept in standing.keeps.items() if kept}
    return not _rivals(
        good or standing.success, standing.share if not good else "", len(standing.keeps), rule
    )


def missing(standing: Standing, rule: Rule) -> int | None:
    """About how many replications would settle it, judging by these; None if that cannot be
    told."""
    keeps = standing.keeps
    wanted = [standing.asked.get(policy) for policy, kept in keeps.items() if kept is None]
    good = (
        {policy: standing.cost[policy] for policy, kept in keeps.items() if kept is not False}
        if any(keeps.values())
        else {}
    )
    values = good or standing.success
    for best, other in _rivals(values, standing.share if not good else "", len(keeps), rule):
        gaps = [
            b - a
            for a, b in zip(values[best], values[other], strict=True)
            if a is not None and b is not None
        ]
        wanted.append(needed(gaps, _mean(gaps), Rule(rule.shared(pairs(len(keeps))).level)))
    return (
        None if None in wanted or not wanted else max(many for many in wanted if many is not None)
    )


def _rivals(
    values: Mapping[str, Values], share: str, among: int, rule: Rule
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
        if other != best and not told(apart(values[best], values[other], among, rule, share))
    ]


def _mean(values: Values) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known)
