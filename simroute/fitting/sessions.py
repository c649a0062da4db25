"""How long conversations are, and how long somebody thinks between two turns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simroute.statistics.estimate import Estimate


class SessionFit(NamedTuple):
    """`turns`: requests to a session; `pauses`: seconds between two of them at p10, p50 and p90; a
    lognormal's `median` and `sigma`."""

    turns: Estimate
    pauses: tuple[float, float, float] | None
    median: Estimate | None
    sigma: Estimate | None


def fit_sessions(told: np.ndarray) -> SessionFit | None:
    """told: (2, requests of sessions) as a sample has them; None where the log knows no
    sessions."""
    turns, since = told[0][told[0] > 0], told[1][told[1] > 0]
    if len(turns) == 0:
        return None
    if len(since) < 10:
        return SessionFit(Estimate.of_mean(turns), None, None, None)
    log = np.log(since)
    middle, n, spread = Estimate.of_mean(log), len(log), float(log.std(ddof=1))
    low, high = (
        None if bound is None else float(np.exp(bound)) for bound in (middle.low, middle.high)
    )
    half = 1.96 * spread / np.sqrt(2 * n)
    p10, p50, p90 = np.quantile(since, (0.1, 0.5, 0.9)).tolist()
    return SessionFit(
        Estimate.of_mean(turns),
        (p10, p50, p90),
        Estimate(float(np.exp(middle.value)), low, high, n),
        Estimate(spread, spread - half, spread + half, n),
    )
