"""How long conversations are, and the pauses between their turns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simroute.statistics.estimate import Estimate

MIN_PAUSES = 10


class SessionFit(NamedTuple):
    """turns: requests a session. pauses: seconds between two of them at p10, p50 and p90. median
    (s), sigma: of a lognormal. None where there are too few pauses."""

    turns: Estimate
    pauses: tuple[float, float, float] | None
    median: Estimate | None
    sigma: Estimate | None


def fit_sessions(sessions: np.ndarray) -> SessionFit | None:
    """sessions: (2, requests), as a sample has them. None where the log knows no sessions."""
    turns, pauses = sessions[0][sessions[0] > 0], sessions[1][sessions[1] > 0]
    if len(turns) == 0:
        return None
    if len(pauses) < MIN_PAUSES:
        return SessionFit(Estimate.of_mean(turns), None, None, None)
    log = np.log(pauses)
    mean, n, sigma = Estimate.of_mean(log), len(log), float(log.std(ddof=1))
    low, high = (None if bound is None else float(np.exp(bound)) for bound in (mean.low, mean.high))
    half = 1.96 * sigma / np.sqrt(2 * n)
    p10, p50, p90 = np.quantile(pauses, (0.1, 0.5, 0.9)).tolist()
    return SessionFit(
        Estimate.of_mean(turns),
        (p10, p50, p90),
        Estimate(float(np.exp(mean.value)), low, high, n),
        Estimate(sigma, sigma - half, sigma + half, n),
    )
