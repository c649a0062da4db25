"""Requests that come when the answer before them has come: a fixed number of callers.

A request's number belongs to its caller and turn (turn times the number of callers, plus the
caller), and so do its draws: a caller's k-th request is the same whatever the policy did before,
only its moment differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.pauses import draw_pauses
from simroute.models.questions import BLOCK
from simroute.models.random import Streams

MakeBlock = Callable[[int, dict[str, np.ndarray]], Block]
"""The block of a number, from what is known of it beforehand."""
OF_CALLER = frozenset(("user", "feature", "replica"))
"""What belongs to a caller, not to a request."""


class Turns(NamedTuple):
    """A block of requests, what each caller does once it has its answer: think for so many seconds,
    and ask the request of this number (-1: no more)."""

    block: Block
    pause: list[float]
    following: list[int]


class ClosedLoop:
    """The requests of `callers.count` callers."""

    def __init__(self, load: spec.Workload, streams: Streams, make: MakeBlock) -> None:
        self._callers, self._streams, self._make = load.callers, streams, make

    def starts(self, horizon: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The first requests: moments (s), in order, and numbers."""
        callers, count = self._callers, self._callers.count
        when = np.zeros(count)
        if callers.staggered:
            when = draw_pauses(callers.think, self._streams.block("begins", block=0), count)
        order = np.argsort(when, kind="stable")
        order = order[when[order] < horizon]
        yield when[order], order

    def turns(self, number: int) -> Turns:
        """The block of this number."""
        count, index = self._callers.count, number * BLOCK + np.arange(BLOCK)
        caller = index % count
        known = {"arrival": np.zeros(BLOCK), "owner": caller, "session": caller}
        source = self._streams.block("think", block=number)
        pause = draw_pauses(self._callers.think, source, BLOCK)
        return Turns(self._make(number, known), pause.tolist(), (index + count).tolist())


def follows_answers(load: spec.Workload) -> bool:
    """Whether when requests come depends on when others were answered."""
    return load.trace is None and load.callers.count > 0


def needs_callers(load: spec.Workload) -> bool:
    """Whether callers do more than come at their moment."""
    waits = load.patience is not None or any(task.patience for task in load.tasks.values())
    return waits or depends_on_answers(load)


def stated_rate(load: spec.Workload) -> float | None:
    """The mean arrivals a second that a scenario states; None where a trace has them, or callers
    whose pace is that of their answers."""
    return None if load.trace is not None or load.callers.count else load.rate


def traffic_words(load: spec.Workload) -> str:
    """How requests come, in a few words."""
    if load.trace is not None:
        return "trace"
    if load.callers.count:
        return f"{load.callers.count:,} callers in a closed loop"
    return f"{load.rate:g} requests/s"


def depends_on_answers(load: spec.Workload) -> bool:
    """Whether which requests come, or when, depends on what became of others."""
    return follows_answers(load) or load.again.share > 0


def owner_uniforms(streams: Streams, name: str, owner: np.ndarray) -> np.ndarray:
    """A uniform in [0, 1) of each request's caller (numbers from 0)."""
    drawn = np.zeros(len(owner))
    block, place = np.divmod(owner, BLOCK)
    for number in np.unique(block).tolist():
        mine = block == number
        drawn[mine] = streams.block("owner", name, block=number).random(BLOCK)[place[mine]]
    return drawn
