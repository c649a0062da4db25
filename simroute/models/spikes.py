"""Flash crowds: for a while, arrivals come so many times as fast as they would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.models.rate_profile import ArrivalProfile


class ArrivalLaw(Protocol):
    """Expected arrivals over time, and the way back."""

    def count(self, t: np.ndarray) -> np.ndarray:
        """How many are expected until so many seconds from t = 0."""
        ...

    def when(self, count: np.ndarray) -> np.ndarray:
        """Seconds from t = 0 until so many are expected."""
        ...


def mean_arrivals(load: spec.Workload, rate: float, horizon: float) -> ArrivalLaw:
    """The mean `rate` (1/s) with the hours and days of the profile, and the spikes."""
    law: ArrivalLaw = ArrivalProfile(load.profile, rate)
    return SpikedArrivals(load.spikes, law, horizon) if load.spikes else law


class SpikedArrivals:
    """Another law, its rate multiplied during each spike. Exact: between two edges, so many
    arrivals of the other law are so many times their number here."""

    def __init__(
        self, spikes: Mapping[str, spec.Spike], within: ArrivalLaw, horizon: float
    ) -> None:
        spans = [
            (resolve_time(spike.start, horizon), resolve_time(spike.end, horizon), spike.factor)
            for spike in spikes.values()
        ]
        edges = np.unique([0.0, *(edge for start, end, _ in spans for edge in (start, end))])
        factors = np.ones(len(edges) - 1)
        for start, end, factor in spans:
            factors[(edges[:-1] >= start) & (edges[:-1] < end)] *= factor
        self._law = within
        self._plain = np.asarray(within.count(edges), float)
        self._counts = np.concatenate([[0.0], np.cumsum(np.diff(self._plain) * factors)])

    def count(self, t: np.ndarray) -> np.ndarray:
        """As `ArrivalLaw`; before t = 0 and after the last spike, as without any."""
        plain = np.asarray(self._law.count(t), float)
        return _map(plain, self._plain, self._counts)

    def when(self, count: np.ndarray) -> np.ndarray:
        """As `ArrivalLaw`."""
        return self._law.when(_map(np.asarray(count, float), self._counts, self._plain))


def check_spike(spike: spec.Spike, horizon: float) -> None:
    """Raises ValueError when it ends before it begins, or begins after all is over."""
    start, end = resolve_time(spike.start, horizon), resolve_time(spike.end, horizon)
    if end <= start:
        raise ValueError(f"ends at {end:g} s, not after its start at {start:g} s")
    if start >= horizon:
        raise ValueError(
            f"begins at {start:g} s, after the horizon of {horizon:g} s; shares such as start: "
            f"30% fit any horizon"
        )


def _map(value: np.ndarray, source: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Along the broken line through (source, image), of slope 1 beyond both ends."""
    inside = np.interp(value, source, image)
    beyond = image[-1] + (value - source[-1])
    return np.where(value < source[0], value, np.where(value > source[-1], beyond, inside))
