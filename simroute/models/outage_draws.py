"""The outages of a run: scheduled ones, random ones, and those that count requests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simroute.models import spec
from simroute.models.faults import (
    MOST_SPELLS,
    OutageWindow,
    affected_deployments,
    resolve_time,
)
from simroute.models.outage_depth import draw_marks
from simroute.models.outage_process import (
    OutageProcess,
    draw_durations,
    mean_cycle,
    mean_duration,
)
from simroute.models.random import Streams

DRAWN = 256
"""Outages that are drawn at once."""
Spells = list[tuple[float, float]]
"""(start, end) in seconds, by start."""


def draw_outages(
    scenario: spec.Scenario,
    streams: Streams,
    horizon: float,
    arrivals: np.ndarray | None = None,
) -> list[OutageWindow]:
    """All outages that begin before the horizon, by start. arrivals: of the run's requests; without
    them, outages that count requests are left out."""
    windows = []
    for name, outage in scenario.outages.items():
        if outage.start is not None and outage.end is not None:
            spells = [(resolve_time(outage.start, horizon), resolve_time(outage.end, horizon))]
        elif outage.after_requests is None:
            spells = _renewal(name, outage, streams, horizon, scenario.workload)
        elif arrivals is not None:
            spells = list(_counted(name, outage, streams, arrivals[arrivals < horizon]))
        else:
            continue
        targets = affected_deployments(outage, scenario.deployments)
        more = affected_deployments(outage, scenario.deployments, also=True)
        for number, (start, end) in enumerate(spells):
            also = bool(outage.also) and draw_marks(name, outage, streams, number).also
            windows.append(OutageWindow(name, start, end, more if also else targets))
    return sorted(windows, key=lambda window: window.start)


def check_outages(outage: spec.Outage, horizon: float) -> None:
    """Raises ValueError when a random outage would come too often within the horizon to be kept, or
    flap too often."""
    if outage.mean_between is not None:
        cycle = mean_cycle(outage)
        if horizon / cycle > MOST_SPELLS:
            raise ValueError(
                f"mean_between and repair make about {horizon / cycle:,.0f} outages; at most "
                f"{MOST_SPELLS:,} are kept"
            )
    flapping = outage.flapping
    if flapping.bad > 0:
        under = horizon
        if outage.mean_between is not None:
            under = mean_duration(outage) * (1 + horizon / mean_cycle(outage))
        elif outage.start is not None and outage.end is not None:
            under = resolve_time(outage.end, horizon) - resolve_time(outage.start, horizon)
        times = under / (flapping.bad + flapping.fair)
        if times > MOST_SPELLS:
            raise ValueError(
                f"flapping changes about {times:,.0f} times; at most {MOST_SPELLS:,} are kept"
            )


def _renewal(
    name: str, outage: spec.Outage, streams: Streams, horizon: float, load: spec.Workload
) -> Spells:
    """Fair times and durations by turns, from fair weather at t = 0, or as if they had gone on for
    ever."""
    if outage.mean_between is None:
        raise ValueError(
            f"outages.{name}: give start and end for a scheduled outage, or mean_between for "
            f"random ones"
        )
    check_outages(outage, horizon)
    process = OutageProcess(outage, load)
    spells: Spells = []
    t, block, left = process.begins_at, 0, None
    if outage.stationary:
        down, rest = process.first(streams.block("outage", name, "first", block=0), 1)
        if down[0]:
            spells.append((t, t + float(rest[0])))
            t += float(rest[0])
        else:
            left = float(rest[0])
    while t < horizon:
        source = streams.block("outage", name, block=block)
        fair, lasts = process.fair_times(source, DRAWN), process.durations(source, DRAWN)
        if left is not None:
            fair[0], left = left, None
        for up, down_for in zip(fair.tolist(), lasts.tolist(), strict=True):
            start = process.start_after(t, up)
            t = start + down_for
            if start >= horizon:
                return _within(spells)
            spells.append((start, t))
        block += 1
    return _within(spells)


def _within(spells: Spells) -> Spells:
    """What is left of them from t = 0 on."""
    return [(max(start, 0.0), end) for start, end in spells if end > 0]


def _counted(
    name: str, outage: spec.Outage, streams: Streams, arrivals: np.ndarray
) -> Iterator[tuple[float, float]]:
    """Each begins behind the n-th request since the last one ended, or since t = 0."""
    assert outage.after_requests is not None
    first, number = 0, 0
    while first + outage.after_requests <= len(arrivals):
        last = float(arrivals[first + outage.after_requests - 1])
        source = streams.block("outage", name, block=number)
        start = float(np.nextafter(last, np.inf))
        end = start + float(draw_durations(outage, source, 1)[0])
        yield start, end
        first, number = int(np.searchsorted(arrivals, end)), number + 1
