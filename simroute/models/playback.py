"""The requests of a trace, a block at a time: a window of it, faster, over and over, or a bootstrap
of its sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from simroute.models import spec
from simroute.models.logged_behaviour import PlaybackClock
from simroute.models.questions import BLOCK
from simroute.models.random import Streams

MOVED = 300.0
"""A session of a bootstrap comes up to so many seconds earlier or later (in a shorter trace, up to
its length)."""


MOMENT = 1e12
"""Seconds after which a trace that is one moment would begin anew: never."""


class TraceColumns(Protocol):
    """Arrivals (s, from the first, in order) and lengths read from a file.

    One that is kept on disk has `requests`, `column(name)`, `block(start, stop)` and
    `select(places)` as well, with more columns.
    """

    arrival: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray


def playback_clock(load: spec.Workload, trace: Any) -> PlaybackClock:
    """How the run's time goes through the trace."""
    last = float(_arrival(trace)[-1])
    end = last if load.trace_to is None else min(load.trace_to, last)
    start, stop = request_range(load, trace)
    count = stop - start
    length = end - load.trace_from or MOMENT
    return PlaybackClock(
        load.trace_from,
        load.rate_scale,
        length if load.trace_loop == 1 else length * (1 + 1 / max(1, count)),
    )


def play_blocks(
    load: spec.Workload, trace: Any, horizon: float, streams: Streams
) -> Iterator[dict[str, np.ndarray]]:
    """Blocks of columns, all but the last of them full; `arrival` counts from the start of the
    window, in seconds of the run."""
    time = playback_clock(load, trace)
    start, stop = request_range(load, trace)
    if load.trace_jitter:
        yield from _jittered(trace, time, start, stop, horizon, streams, load.trace_loop)
        return
    held: list[dict[str, np.ndarray]] = []
    size = 0
    for turn in range(load.trace_loop):
        for place in range(start, stop, BLOCK):
            part = _part(trace, place, min(place + BLOCK, stop))
            part["arrival"] = (part["arrival"] - time.start + turn * time.length) / time.scale
            if part["arrival"][-1] > horizon:
                inside = part["arrival"] <= horizon
                part = {name: column[inside] for name, column in part.items()}
            held.append(part)
            size += len(part["arrival"])
            while size >= BLOCK:
                joined = _joined(held)
                yield {name: column[:BLOCK] for name, column in joined.items()}
                held = [{name: column[BLOCK:] for name, column in joined.items()}]
                size -= BLOCK
    if size:
        yield _joined(held)


def _jittered(
    trace: Any,
    time: PlaybackClock,
    start: int,
    stop: int,
    horizon: float,
    streams: Streams,
    loop: int,
) -> Iterator[dict[str, np.ndarray]]:
    """Each session as often as a Poisson number of mean 1 says (a bootstrap that needs no total),
    its copies at other times."""
    arrival = np.array(_arrival(trace)[start:stop])
    sessions = np.unique(_column(trace, "session", start, stop), return_inverse=True)[1]
    many = int(sessions.max()) + 1
    places, times = [], []
    for turn in range(loop):
        often = streams.block("jitter", turn, block=0).poisson(1.0, many)
        for copy in range(int(often.max())):
            here = np.flatnonzero(often[sessions] > copy)
            moved = min(MOVED, time.length) * (
                2 * streams.block("jitter", turn, "moved", copy, block=0).random(many) - 1
            )
            when = np.abs(arrival[here] - time.start + moved[sessions[here]])
            places.append(start + here)
            times.append(
                turn * time.length + np.where(when > time.length, 2 * time.length - when, when)
            )
    when, where = np.concatenate(times) / time.scale, np.concatenate(places)
    order = np.argsort(when, kind="stable")
    order = order[when[order] <= horizon]
    for place in range(0, len(order), BLOCK):
        chosen = order[place : place + BLOCK]
        part = _picked(trace, where[chosen])
        part["arrival"] = when[chosen]
        yield part


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return (
        parts[0]
        if len(parts) == 1
        else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def _arrival(trace: Any) -> np.ndarray:
    arrival: np.ndarray = trace.column("arrival") if hasattr(trace, "column") else trace.arrival
    return arrival


def _column(trace: Any, name: str, start: int, stop: int) -> np.ndarray:
    return (
        np.array(trace.column(name)[start:stop])
        if hasattr(trace, "column")
        else np.arange(start, stop)
    )


def _part(trace: Any, start: int, stop: int) -> dict[str, np.ndarray]:
    if hasattr(trace, "block"):
        return _told(trace, trace.block(start, stop))
    return {
        name: getattr(trace, name)[start:stop]
        for name in ("arrival", "input_tokens", "output_tokens")
    }


class Partition(NamedTuple):
    """The `number`-th of `among` equal parts of a replay, counted in blocks of requests."""

    number: int
    among: int

    def blocks(self, load: spec.Workload, trace: Any) -> range:
        """The numbers of its blocks."""
        start, stop = request_range(load, trace)
        many = -(-(stop - start) * load.trace_loop // BLOCK)
        return range(self.number * many // self.among, (self.number + 1) * many // self.among)

    def start_s(self, load: spec.Workload, trace: Any) -> float:
        """When its first request comes, in seconds of the run."""
        (start, stop), time = request_range(load, trace), playback_clock(load, trace)
        turn, place = divmod(self.blocks(load, trace).start * BLOCK, stop - start)
        return (
            float(_arrival(trace)[start + place]) - time.start + turn * time.length
        ) / time.scale


def request_range(load: spec.Workload, trace: Any) -> tuple[int, int]:
    """Places of the first request within `trace_from` … `trace_to`, and behind the last."""
    arrival = _arrival(trace)
    stop = (
        len(arrival)
        if load.trace_to is None
        else int(np.searchsorted(arrival, load.trace_to, "right"))
    )
    return int(np.searchsorted(arrival, load.trace_from)), stop


def _picked(trace: Any, places: np.ndarray) -> dict[str, np.ndarray]:
    if hasattr(trace, "select"):
        return _told(trace, trace.select(places))
    return {
        name: getattr(trace, name)[places] for name in ("arrival", "input_tokens", "output_tokens")
    }


def _told(trace: Any, part: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without what the log does not say."""
    if not trace.repeated_questions:
        del part["question"]
    if "session" not in trace.known_columns:
        del part["session"]
    return part
