"""How deep an outage is, each time and from moment to moment: drawn anew for each, growing and
fading, flapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.faults import OutageWindow
from simroute.models.random import Streams

STEPS = 8
"""Levels in which an outage grows, and fades: what holds is constant on each."""


class Marks(NamedTuple):
    """Of one outage of a random schedule: whether it is full, and whether it reaches `also`."""

    full: bool
    also: bool


class Phase(NamedTuple):
    """A part of an outage, and how much of its depth there is (0 … 1)."""

    start: float
    end: float
    level: float


def draw_marks(name: str, outage: spec.Outage, streams: Streams, number: int) -> Marks:
    """Of the `number`-th (from 0) outage of this name."""
    full, also = streams.block("outage", name, "marks", block=number).random(2).tolist()
    return Marks(full < outage.depth.full, also < outage.also_share)


def deepen(
    windows: list[OutageWindow], outages: Mapping[str, spec.Outage], streams: Streams
) -> tuple[list[OutageWindow], dict[str, spec.Outage]]:
    """The same outages as parts in each of which what holds is constant: windows, and what each is
    by its name. Those that are always the same stay as they are."""
    known, parts = dict(outages), []
    numbers = dict.fromkeys(outages, 0)
    for window in windows:
        outage, number = outages[window.name], numbers[window.name]
        numbers[window.name] += 1
        if is_plain(outage):
            parts.append(window)
            continue
        deep = depth_of(window.name, outage, streams, number)
        for place, phase in enumerate(_phases(window, outage, streams, number)):
            part = f"{window.name}\0{number}.{place}"
            known[part] = at_level(deep, phase.level)
            parts.append(OutageWindow(part, phase.start, phase.end, window.targets))
    return parts, known


def own_name(part: str) -> str:
    """The outage that a part is of."""
    return part.partition("\0")[0]


def is_plain(outage: spec.Outage) -> bool:
    """Whether it is as deep each time, from its first to its last moment."""
    depth = outage.depth
    return not (depth.full or depth.spread or outage.ramp or outage.flapping.bad)


def is_drawn(outage: spec.Outage) -> bool:
    """Whether one that is scheduled is another in each replication all the same."""
    depth, flaps = outage.depth, outage.flapping.bad and outage.flapping.fair
    return bool(depth.full or depth.spread or flaps)


def at_level(outage: spec.Outage, level: float) -> spec.Outage:
    """An outage that is so much (0 … 1) of this one."""
    if level == 1:
        return outage
    return replace(
        outage,
        error_share=outage.error_share * level,
        hang_share=outage.hang_share * level,
        stall_share=outage.stall_share * level,
        slow_down=1 + (outage.slow_down - 1) * level,
    )


def depth_of(name: str, outage: spec.Outage, streams: Streams, number: int) -> spec.Outage:
    """How deep the `number`-th one is, whatever its duration."""
    if draw_marks(name, outage, streams, number).full:
        return replace(outage, error_share=1.0)
    spread = outage.depth.spread
    if not spread:
        return outage
    source = streams.block("outage", name, "depth", block=number)
    share, weight = outage.error_share, 1 / spread - 1
    slower = (outage.slow_down - 1) * source.standard_gamma(1 / spread) * spread
    if 0 < share < 1:
        share = (
            float(source.beta(share * weight, (1 - share) * weight))
            if weight
            else float(source.random() < share)
        )
    return replace(outage, error_share=share, slow_down=1 + float(slower))


def _phases(
    window: OutageWindow, outage: spec.Outage, streams: Streams, number: int
) -> Iterator[Phase]:
    ramp = _ramp(window, outage.ramp)
    if not outage.flapping.bad:
        yield from ramp
        return
    for start, end in _bad_spells(window, outage.flapping, streams, number):
        for phase in ramp:
            if phase.start < end and start < phase.end:
                yield Phase(max(start, phase.start), min(end, phase.end), phase.level)


def _ramp(window: OutageWindow, seconds: float) -> list[Phase]:
    """It grows in steps of the same length, holds, and fades; a short one has no time to hold."""
    start, end = window.start, window.end
    half = min(seconds, (end - start) / 2)
    if half <= 0:
        return [Phase(start, end, 1.0)]
    edges = [k * half / STEPS for k in range(STEPS + 1)]
    levels = [(k + 0.5) / STEPS for k in range(STEPS)]
    up = [Phase(start + a, start + b, f) for a, b, f in zip(edges, edges[1:], levels, strict=False)]
    down = [Phase(end - b, end - a, f) for a, b, f in zip(edges, edges[1:], levels, strict=False)]
    hold = [Phase(start + half, end - half, 1.0)] if end - start > 2 * half else []
    return [*up, *hold, *reversed(down)]


def _bad_spells(
    window: OutageWindow, flapping: spec.Flapping, streams: Streams, number: int
) -> Iterator[tuple[float, float]]:
    """Bad and fair by turns, exponential, bad first."""
    at = window.start
    source = streams.block("outage", window.name, "flapping", block=number)
    while at < window.end:
        units = source.standard_exponential((DRAWN, 2))
        for bad, fair in (units * np.array([flapping.bad, flapping.fair])).tolist():
            yield at, min(at + bad, window.end)
            at += bad + fair
            if at >= window.end:
                return


DRAWN = 64
"""Spells that are drawn at once."""
