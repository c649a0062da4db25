"""One figure of one policy, with its interval, from its replications."""

from __future__ import annotations

from simroute.metrics import METRICS, Figures
from simroute.studies.statistics import PLAIN, Interval, Rule, interval


def estimate(runs: list[Figures], name: str, rule: Rule = PLAIN) -> Interval:
    """Of a metric. None of them can be negative, and no share more than 1: bounds are cut there."""
    pooled = [run.pooled.get(name) for run in runs]
    counts = None if None in pooled else (sum(p[0] for p in pooled if p), sum(p[1] for p in pooled if p))
    found = interval([run.metrics[name] for run in runs], counts, rule)
    if found.low is None or found.high is None:
        return found
    return Interval(found.mean, max(0.0, found.low), min(1.0, found.high) if METRICS[name][0] == "share" else found.high)


def kept(success: Interval, promise: float) -> bool | None:
    """Whether the promised success is kept, on the unfavourable bound; None if that is undecided."""
    if success.low is None or success.high is None:
        return None
    return True if success.low >= promise else False if success.high < promise else None
