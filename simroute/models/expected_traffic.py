"""How many requests are expected in any span of time, beyond the horizon of a run too."""

from __future__ import annotations

import numpy as np

from simroute.models import spec
from simroute.models.spikes import mean_arrivals


class ExpectedTraffic:
    """Arrivals at the mean `rate` (1/s), with the hours and days of the workload's profile, which
    goes on for ever, and the spikes of a run of `horizon` seconds. A trace has none: its mean rate
    stands for all of the time."""

    def __init__(self, load: spec.Workload, rate: float, horizon: float) -> None:
        if load.trace is not None:
            load = spec.Workload()
        self.rate, self._law = rate, mean_arrivals(load, rate, horizon)

    def requests(self, begin: float, end: float) -> float:
        """How many are expected between two moments, s from t = 0; both may lie before it."""
        before, after = self._law.count(np.array([begin, end])).tolist()
        return float(after - before)

    def moment(self, begin: float, requests: float) -> float:
        """When (s from t = 0) so many are expected to have come since `begin`."""
        before = self._law.count(np.array(begin))
        return float(self._law.when(before + requests))
