"""One figure of one policy, with its interval, from its replications."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simroute.metrics import Figures, is_share
from simroute.statistics.intervals import NOMINAL, Confidence, Interval, interval


def metric_interval(
    runs: Sequence[Figures], name: str, confidence: Confidence = NOMINAL
) -> Interval:
    """Of a metric."""
    return series_interval(
        name,
        [run.metrics[name] for run in runs],
        [run.pooled.get(name) for run in runs],
        confidence,
    )


def series_interval(
    name: str,
    values: Sequence[float | None],
    pooled: Sequence[tuple[int, int] | None],
    confidence: Confidence = NOMINAL,
) -> Interval:
    """No figure can be negative, and no share more than 1: bounds are cut there. `pooled`: (hits,
    trials) of a share in each replication."""
    known = [each for each in pooled if each is not None]
    whole = len(known) == len(pooled)
    if confidence.exposure is not None and confidence.exposure.covers(name):
        found = confidence.exposure.interval(
            values,
            [trials for _, trials in known] if whole else None,
            confidence.level,
            metric=name,
        )
    else:
        found = interval(
            values,
            (sum(hits for hits, _ in known), sum(trials for _, trials in known)) if whole else None,
            confidence,
        )
    return found.clamp(0.0, 1.0 if is_share(name) else math.inf)
