"""How the arrival rate varies over the week, and the exact way back from expected counts to
times."""

from __future__ import annotations

import numpy as np

from simroute.models import spec
from simroute.models.calendar import hour_of_week

HOUR, WEEK = 3600.0, 168


class ArrivalProfile:
    """Piecewise constant rate, hour by hour, periodic over the week, with the mean `rate` (1/s)."""

    def __init__(self, profile: spec.Profile, rate: float) -> None:
        hours = np.tile(np.array(profile.hours or [1.0] * 24, float), 7)
        days = np.repeat(np.array(profile.days or [1.0] * 7, float), 24)
        weights = hours * days
        self._flat = not profile.hours and not profile.days
        self._rate = rate
        self._edges = np.arange(WEEK + 1) * HOUR
        self._counts = np.concatenate([[0.0], np.cumsum(weights / weights.mean() * rate * HOUR)])
        self._offset = hour_of_week(profile.starts) * HOUR
        self._start = float(np.interp(self._offset, self._edges, self._counts))

    def count(self, t: np.ndarray) -> np.ndarray:
        """How many arrivals are expected until so many seconds from t = 0: the inverse of
        `when`."""
        if self._flat:
            return np.asarray(t * self._rate)
        weeks, within = np.divmod(t + self._offset, self._edges[-1])
        return np.asarray(
            weeks * self._counts[-1] + np.interp(within, self._edges, self._counts) - self._start
        )

    def when(self, count: np.ndarray) -> np.ndarray:
        """Seconds from t = 0 until so many arrivals are expected."""
        if self._flat:
            return np.asarray(count / self._rate)
        weeks, within = np.divmod(count + self._start, self._counts[-1])
        return np.asarray(
            weeks * self._edges[-1] + np.interp(within, self._counts, self._edges) - self._offset
        )
