"""Which policies can be told apart when several are compared at once: paired intervals that hold
together, for every pair.

The best of several is picked by looking, so an interval for each pair at 95 % would find winners
among equals: of four equal policies the best and the worst "differ" in one study of five. Here each
pair's interval is so much wider that all of them hold together in 95 % (Bonferroni): whatever the
correlation that common random numbers cause, and whichever policy turns out best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simroute.statistics.intervals import NOMINAL, Confidence, Interval, paired_difference

Values = Sequence[float | None]


def pair_count(policies: int) -> int:
    """The number of pairs, whose intervals have to hold together."""
    return policies * (policies - 1) // 2


def simultaneous_difference(
    first: Values, second: Values, among: int, confidence: Confidence = NOMINAL, metric: str = ""
) -> Interval:
    """The paired interval of second - first that holds together with those of all pairs of `among`
    policies. Of two policies it is the ordinary paired interval."""
    return paired_difference(first, second, confidence.simultaneous(pair_count(among)), metric)


def is_significant(difference: Interval) -> bool:
    """Whether 0 lies outside the interval. Without bounds nothing is significant."""
    return (
        difference.low is not None
        and difference.high is not None
        and not difference.low <= 0 <= difference.high
    )


def indistinguishable(
    best: str,
    values: Mapping[str, Values],
    among: int,
    confidence: Confidence = NOMINAL,
    metric: str = "",
) -> list[str]:
    """The policies that do not differ significantly from `best`, the best of `values`. None of them
    is known with one replication."""
    differences = {
        policy: simultaneous_difference(values[best], values[policy], among, confidence, metric)
        for policy in values
        if policy != best
    }
    return [
        policy
        for policy, difference in differences.items()
        if difference.low is not None and not is_significant(difference)
    ]


def possible_best(
    values: Mapping[str, Values], more: bool, confidence: Confidence = NOMINAL, metric: str = ""
) -> list[str]:
    """The policies that may be the best: in 95 of 100 studies the truly best one is among them.
    `more`: more is better."""
    means = {
        policy: sum(known) / len(known)
        for policy, series in values.items()
        if (known := [value for value in series if value is not None])
    }
    if not means:
        return []
    best = max(means, key=lambda policy: means[policy] if more else -means[policy])
    measured = {policy: values[policy] for policy in means}
    others = indistinguishable(best, measured, len(values), confidence, metric)
    return [policy for policy in values if policy == best or policy in others]
