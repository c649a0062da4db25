"""The requests of a trace, a block at a time: a window of it, faster, over and over, or a bootstrap
of its sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from simroute.models import spec
from simroute.models.logged_behaviour import LoggedBehaviour
from simroute.models.questions import BLOCK
from simroute.models.random import Streams

MAX_SHIFT = 300.0
"""A session of a bootstrap comes up to so many seconds earlier or later (in a shorter trace, up to
its length)."""
NEVER = 1e12
"""Seconds after which a trace of a single moment begins anew."""
BlockColumns = dict[str, np.ndarray]


class TraceColumns(Protocol):
    """A trace as columns, one entry a request, in order of arrival.

    requests: int. first_ns: arrival of the first, ns since 1970, or, if `relative`, on the trace's
        own clock. repeated_questions: how many questions came more than once.
    names: column (user, feature, task, team) -> names by code. known_columns: canonical columns
        that hold a value in some row.
    prompt_parts: by request, where its parts begin (and the end of all); numbers of parts of
        prompts, of which equal beginnings have equal ones. None where it does not tell.
    targets: "provider/model". routes: targets, by index, to which a request was sent in order;
        fallback_chains: the same, followed by what was most often tried after they failed.
    """

    requests: int
    first_ns: int
    relative: bool
    repeated_questions: int
    names: dict[str, list[str]]
    known_columns: list[str]
    targets: list[str]
    routes: list[list[int]]
    fallback_chains: list[list[int]]

    @property
    def prompt_parts(self) -> tuple[np.ndarray, np.ndarray] | None: ...

    def column(self, name: str) -> np.ndarray:
        """All of one column: `arrival` (s since the first), `input_tokens`, `output_tokens` and
        `session` are always there."""
        ...

    def block(self, start: int, stop: int) -> BlockColumns:
        """The columns of requests `start` to `stop` - 1."""
        ...

    def select(self, places: np.ndarray) -> BlockColumns:
        """The columns of the requests at these places."""
        ...

    def behaviour(self, target: str) -> LoggedBehaviour:
        """How one of `targets` behaved. Raises ValueError."""
        ...


class PlaybackClock(NamedTuple):
    """Maps seconds of the run to seconds of the trace: from `start` on, `scale` times as fast,
    again from `start` after `length`."""

    start: float
    scale: float
    length: float

    def trace_time(self, t: np.ndarray) -> np.ndarray:
        """Seconds of the trace at these seconds of the run."""
        return np.asarray(self.start + np.mod(t * self.scale, self.length))

    def run_time(self, trace_time: np.ndarray, turn: int) -> np.ndarray:
        """Seconds of the run at these seconds of the trace, in the `turn`-th pass (from 0)."""
        return (trace_time - self.start + turn * self.length) / self.scale


class Partition(NamedTuple):
    """The `number`-th (from 0) of `among` equal parts of a playback, in blocks of requests."""

    number: int
    among: int


class Playback:
    """A trace as a workload plays it. `start`, `stop`: indices of the first request within
    `trace_from` … `trace_to`, and behind the last."""

    def __init__(self, load: spec.Workload, trace: TraceColumns) -> None:
        self._load, self._trace = load, trace
        arrival = trace.column("arrival")
        last = float(arrival[-1])
        end = last if load.trace_to is None else min(load.trace_to, last)
        self.start = int(np.searchsorted(arrival, load.trace_from))
        self.stop = len(arrival)
        if load.trace_to is not None:
            self.stop = int(np.searchsorted(arrival, load.trace_to, "right"))
        length = end - load.trace_from or NEVER
        if load.trace_loop > 1:
            length *= 1 + 1 / max(1, self.stop - self.start)
        self.clock = PlaybackClock(load.trace_from, load.rate_scale, length)

    def blocks(self, horizon: float, streams: Streams) -> Iterator[BlockColumns]:
        """Columns of `BLOCK` requests at a time (the last may be shorter); `arrival` in seconds of
        the run, none behind the horizon. Columns that the trace does not know are left out."""
        parts = self._bootstrap(horizon, streams) if self._load.trace_jitter else self._all(horizon)
        for columns in parts:
            if not self._trace.repeated_questions:
                columns.pop("question", None)
            if "session" not in self._trace.known_columns:
                columns.pop("session", None)
            yield columns

    def _add_prompts(self, columns: BlockColumns, places: np.ndarray) -> None:
        """Says which prompts of the trace these are, where it tells what they are made of."""
        if self._trace.prompt_parts is not None:
            columns["prompt"] = places

    def block_numbers(self, part: Partition) -> range:
        """The numbers of a part's blocks."""
        count = -(-(self.stop - self.start) * self._load.trace_loop // BLOCK)
        return range(part.number * count // part.among, (part.number + 1) * count // part.among)

    def first_arrival(self, part: Partition) -> float:
        """When a part's first request comes, in seconds of the run."""
        first = self.block_numbers(part).start * BLOCK
        turn, index = divmod(first, self.stop - self.start)
        arrival = np.asarray(self._trace.column("arrival")[self.start + index])
        return float(self.clock.run_time(arrival, turn))

    def _all(self, horizon: float) -> Iterator[BlockColumns]:
        pending: list[BlockColumns] = []
        size = 0
        for turn in range(self._load.trace_loop):
            for first in range(self.start, self.stop, BLOCK):
                columns = self._trace.block(first, min(first + BLOCK, self.stop))
                self._add_prompts(columns, np.arange(first, min(first + BLOCK, self.stop)))
                columns["arrival"] = self.clock.run_time(columns["arrival"], turn)
                if columns["arrival"][-1] > horizon:
                    inside = columns["arrival"] <= horizon
                    columns = {name: column[inside] for name, column in columns.items()}
                pending.append(columns)
                size += len(columns["arrival"])
                while size >= BLOCK:
                    joined = _concatenate(pending)
                    yield {name: column[:BLOCK] for name, column in joined.items()}
                    pending = [{name: column[BLOCK:] for name, column in joined.items()}]
                    size -= BLOCK
        if size:
            yield _concatenate(pending)

    def _bootstrap(self, horizon: float, streams: Streams) -> Iterator[BlockColumns]:
        """Each session as often as a Poisson number of mean 1 says (a bootstrap that needs no
        total), each of its copies shifted by a time of its own."""
        clock = self.clock
        within = self._trace.column("arrival")[self.start : self.stop] - clock.start
        session = np.unique(
            self._trace.column("session")[self.start : self.stop], return_inverse=True
        )[1]
        sessions = int(session.max()) + 1
        indices, times = [], []
        for turn in range(self._load.trace_loop):
            copies = streams.block("jitter", turn, block=0).poisson(1.0, sessions)
            for copy in range(int(copies.max())):
                here = np.flatnonzero(copies[session] > copy)
                shift = min(MAX_SHIFT, clock.length) * (
                    2 * streams.block("jitter", turn, "moved", copy, block=0).random(sessions) - 1
                )
                when = np.abs(within[here] + shift[session[here]])
                when = np.where(when > clock.length, 2 * clock.length - when, when)
                indices.append(self.start + here)
                times.append(turn * clock.length + when)
        arrival, index = np.concatenate(times) / clock.scale, np.concatenate(indices)
        order = np.argsort(arrival, kind="stable")
        order = order[arrival[order] <= horizon]
        for first in range(0, len(order), BLOCK):
            chosen = order[first : first + BLOCK]
            columns = self._trace.select(index[chosen])
            self._add_prompts(columns, index[chosen])
            columns["arrival"] = arrival[chosen]
            yield columns


def _concatenate(parts: list[BlockColumns]) -> BlockColumns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
