"""When random outages begin and how long they last: an alternating renewal process, on a clock of
its own where some hours have more of them."""

from __future__ import annotations

import math

import numpy as np

from simroute.models import spec
from simroute.models.calendar import HOUR, workload_calendar
from simroute.models.rate_profile import ArrivalProfile

BURN_IN = 28 * 86_400.0
"""Seconds before t = 0 from which a stationary process with hours of its own is played: whole
weeks, so that the hour of the week is the same."""
Rng = np.random.Generator


class OutageProcess:
    """Fair times (Weibull; shape 1 is exponential) and durations of one random outage, by turns.

    With `starts`, fair time passes on a clock that runs as fast as outages begin at that hour: its
    mean over a week is that of any clock, so `mean_between` stays what it says.
    """

    def __init__(self, outage: spec.Outage, load: spec.Workload) -> None:
        assert outage.mean_between is not None
        self._outage, self._mean = outage, outage.mean_between
        self._scale = self._mean / math.gamma(1 + 1 / outage.shape)
        starts = outage.starts
        self._hours: ArrivalProfile | None = None
        if starts.hours or starts.days:
            hour = workload_calendar(load).start / HOUR - 4 * 24  # 1970 began on a Thursday
            week = spec.Profile(starts.hours, starts.days, (hour + starts.utc_offset) % 168)
            self._hours = ArrivalProfile(week, 1.0)

    @property
    def begins_at(self) -> float:
        """From when on it is to be drawn, s."""
        return -BURN_IN if self._outage.stationary and self._hours is not None else 0.0

    def fair_times(self, source: Rng, count: int) -> np.ndarray:
        """Seconds of its clock from the end of one outage to the start of the next."""
        return np.asarray(
            self._scale * np.power(source.standard_exponential(count), 1 / self._outage.shape)
        )

    def durations(self, source: Rng, count: int) -> np.ndarray:
        """Seconds that outages last."""
        return draw_durations(self._outage, source, count)

    def first(self, source: Rng, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Of a process that has gone on for ever: whether it is in an outage at `begins_at`, and
        for how long that will last, or how much of the fair time is left.

        What is left of a spell that is met is a uniform part of a length-biased one.
        """
        outage, law = self._outage, self._outage.repair_law
        down = source.random(count) < 1 - self._mean / mean_cycle(outage)
        met = self._scale * np.power(
            source.standard_gamma(1 + 1 / outage.shape, count), 1 / outage.shape
        )
        if law == "lognormal":
            longer = outage.repair * math.exp(outage.repair_sigma**2)
            last = longer * np.exp(outage.repair_sigma * source.standard_normal(count))
        elif law == "exponential":
            last = outage.repair * source.standard_gamma(2.0, count)
        else:
            last = np.full(count, outage.repair)
        return down, source.random(count) * np.where(down, last, met)

    def start_after(self, end: float, fair: float) -> float:
        """When an outage begins that comes so much fair time after `end` (s)."""
        if self._hours is None:
            return end + fair
        return float(self.starts(np.array([end]), np.array([fair]))[0])

    def starts(self, end: np.ndarray, fair: np.ndarray) -> np.ndarray:
        """`start_after` for many."""
        if self._hours is None:
            return np.asarray(end + fair)
        return self._hours.when(self._hours.count(end) + fair)


def draw_durations(outage: spec.Outage, source: Rng, count: int) -> np.ndarray:
    """Seconds that outages last, by their law."""
    if outage.repair_law == "fixed":
        return np.full(count, outage.repair)
    if outage.repair_law == "exponential":
        return np.asarray(outage.repair * source.standard_exponential(count))
    return np.asarray(outage.repair * np.exp(outage.repair_sigma * source.standard_normal(count)))


def mean_duration(outage: spec.Outage) -> float:
    """Seconds."""
    if outage.repair_law == "lognormal":
        return outage.repair * math.exp(outage.repair_sigma**2 / 2)
    return outage.repair


def mean_cycle(outage: spec.Outage) -> float:
    """Seconds from the start of a random outage to that of the next, on average."""
    assert outage.mean_between is not None
    return outage.mean_between + mean_duration(outage)
