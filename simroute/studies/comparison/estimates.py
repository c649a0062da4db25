"""A figure of a policy with its interval, from the policy's replications."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simroute.metrics import Figures, is_share
from simroute.statistics.intervals import NOMINAL, Confidence, Interval, interval


def metric_interval(
    runs: Sequence[Figures], metric: str, confidence: Confidence = NOMINAL
) -> Interval:
    """The interval of a metric."""
    values = [run.metrics[metric] for run in runs]
    return series_interval(metric, values, [run.pooled.get(metric) for run in runs], confidence)


def series_interval(
    metric: str,
    values: Sequence[float | None],
    pooled: Sequence[tuple[int, int] | None],
    confidence: Confidence = NOMINAL,
) -> Interval:
    """The interval of a metric, from its values by replication. Its bounds are cut at 0, those of a
    share at 1 as well. `pooled`: (hits, trials) of a share in each replication."""
    known = [counts for counts in pooled if counts is not None]
    is_whole = len(known) == len(pooled)
    exposure = confidence.exposure
    if exposure is not None and exposure.covers(metric):
        trials = [trials for _, trials in known] if is_whole else None
        result = exposure.interval(values, trials, confidence.level, metric=metric)
    else:
        sums = sum(hits for hits, _ in known), sum(trials for _, trials in known)
        result = interval(values, sums if is_whole else None, confidence)
    return result.clamp(0.0, 1.0 if is_share(metric) else math.inf)
