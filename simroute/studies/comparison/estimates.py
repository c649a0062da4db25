"""One figure of one policy, with its interval, from its replications."""

from __future__ import annotations

from collections.abc import Sequence

from simroute.metrics import Figures, is_share
from simroute.statistics.intervals import PLAIN, Interval, Rule, interval


def estimate(runs: Sequence[Figures], name: str, rule: Rule = PLAIN) -> Interval:
    """Of a metric."""
    return bounded(
        name, [run.metrics[name] for run in runs], [run.pooled.get(name) for run in runs], rule
    )


def bounded(
    name: str,
    values: Sequence[float | None],
    pooled: Sequence[tuple[int, int] | None],
    rule: Rule = PLAIN,
) -> Interval:
    """No figure can be negative, and no share more than 1: bounds are cut there. `pooled`: (hits,
    trials) of a share in each replication."""
    known = [each for each in pooled if each is not None]
    whole = len(known) == len(pooled)
    if rule.met is not None and rule.met.covers(name):
        found = rule.met.interval(
            values,
            [trials for _, trials in known] if whole else None,
            rule.level,
            metric=name,
        )
    else:
        found = interval(
            values,
            (sum(hits for hits, _ in known), sum(trials for _, trials in known)) if whole else None,
            rule,
        )
    if found.low is None or found.high is None:
        return found
    return Interval(
        found.mean, max(0.0, found.low), min(1.0, found.high) if is_share(name) else found.high
    )
