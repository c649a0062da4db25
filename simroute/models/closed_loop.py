"""Requests that come when the answer before them has come: a fixed number of callers, or
conversations that begin at their own moments.

A request's number belongs to its caller and turn (turn times the number of callers, plus the
caller), or to its conversation and turn, and so do its draws: a caller's k-th request is the same
whatever the policy did before, only its moment differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.pauses import draw_pauses
from simroute.models.questions import BLOCK
from simroute.models.random import Streams
from simroute.models.sessions import Conversations, draw_turns, has_sessions, session_columns

MakeBlock = Callable[[int, dict[str, np.ndarray]], Block]
"""The block of a number, from what is known of it beforehand."""
OWNERS = {"user": "owner", "replica": "owner", "feature": "talk", "task": "talk"}
"""What belongs to a caller, or to a conversation, and not to a request."""


class Turns(NamedTuple):
    """A block of requests, what each caller does once it has its answer: think for so many seconds,
    and ask the request of this number (-1: no more)."""

    block: Block
    pause: list[float]
    following: list[int]


class ClosedLoop(Protocol):
    """Requests of which each may bring the next."""

    def starts(self, horizon: float) -> tuple[np.ndarray, np.ndarray]:
        """The requests that follow none: moments (s), in order, and numbers."""
        ...

    def turns(self, number: int) -> Turns:
        """The block of this number; blocks are asked for in order."""
        ...


class FixedCallers:
    """The requests of `callers.count` callers, in conversations if there are any."""

    def __init__(self, load: spec.Workload, streams: Streams, make: MakeBlock) -> None:
        self._load, self._callers, self._streams, self._make = load, load.callers, streams, make
        self._talks = has_sessions(load)
        self._left = [0] * self._callers.count  # turns of the caller's conversation, to come
        self._talk = list(range(-self._callers.count, 0))  # its number

    def starts(self, horizon: float) -> tuple[np.ndarray, np.ndarray]:
        callers, count = self._callers, self._callers.count
        when = np.zeros(count)
        if callers.staggered:
            when = draw_pauses(callers.think, self._streams.block("begins", block=0), count)
        order = np.argsort(when, kind="stable")
        order = order[when[order] < horizon]
        return when[order], order

    def turns(self, number: int) -> Turns:
        count, index = self._callers.count, number * BLOCK + np.arange(BLOCK)
        caller = index % count
        known = {"arrival": np.zeros(BLOCK), "owner": caller, "session": caller}
        source = self._streams.block("think", block=number)
        pause = draw_pauses(self._callers.think, source, BLOCK)
        if self._talks:
            talk, ends = self._conversations(number, caller)
            known |= session_columns(talk, ends) | {"owner": caller}
            source = self._streams.block("session pause", block=number)
            pause = np.where(ends, pause, draw_pauses(self._load.sessions.think, source, BLOCK))
        return Turns(self._make(number, known), pause.tolist(), (index + count).tolist())

    def _conversations(self, number: int, caller: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(conversation, whether it is its last turn) of the requests of a block."""
        lengths = draw_turns(self._load.sessions, self._streams, number).tolist()
        left, talk, count = self._left, self._talk, self._callers.count
        talks, ends = [], []
        for who, length in zip(caller.tolist(), lengths, strict=True):
            if left[who] == 0:
                left[who] = length
                talk[who] += count
            left[who] -= 1
            talks.append(talk[who])
            ends.append(left[who] == 0)
        return np.array(talks), np.array(ends)


class AnsweredSessions:
    """Conversations that begin by the rate, and go on when their callers have been answered."""

    def __init__(self, known: Conversations, make: MakeBlock) -> None:
        self._known, self._make = known, make

    def starts(self, horizon: float) -> tuple[np.ndarray, np.ndarray]:
        return self._known.begins, self._known.first[:-1]

    def turns(self, number: int) -> Turns:
        total = int(self._known.first[-1])
        index = np.arange(number * BLOCK, min((number + 1) * BLOCK, total))
        session, ends = self._known.place(index)
        known = {"arrival": np.zeros(len(index)), **session_columns(session, ends)}
        following = np.where(ends, -1, index + 1)
        pause = self._known.pauses(number)[: len(index)]
        return Turns(self._make(number, known), pause.tolist(), following.tolist())


def follows_answers(load: spec.Workload) -> bool:
    """Whether when requests come depends on when others were answered."""
    answered = has_sessions(load) and load.sessions.next == "answer"
    return load.trace is None and (load.callers.count > 0 or answered)


def depends_on_answers(load: spec.Workload) -> bool:
    """Whether which requests come, or when, depends on what became of others."""
    return follows_answers(load) or load.again.share > 0


def needs_callers(load: spec.Workload) -> bool:
    """Whether callers do more than come at their moment."""
    waits = load.patience is not None or any(task.patience for task in load.tasks.values())
    return waits or depends_on_answers(load)


def stated_rate(load: spec.Workload) -> float | None:
    """The mean arrivals a second that a scenario states; None where a trace has them, or callers
    whose pace is that of their answers."""
    known = load.trace is None and load.clients is None and not load.callers.count
    return load.rate if known else None


def traffic_words(load: spec.Workload) -> str:
    """How requests come, in a few words."""
    if load.trace is not None:
        return "trace"
    talks = f", {load.sessions.turns:g} turns a session" if has_sessions(load) else ""
    if load.callers.count:
        return f"{load.callers.count:,} callers in a closed loop{talks}"
    if load.clients is not None:
        return "clients by their own rates"
    return f"{load.rate:g} requests/s{talks}"


def owner_uniforms(streams: Streams, name: str, owner: np.ndarray) -> np.ndarray:
    """A uniform in [0, 1) of each request's caller or conversation (numbers from 0)."""
    drawn = np.zeros(len(owner))
    block, place = np.divmod(owner, BLOCK)
    for number in np.unique(block).tolist():
        mine = block == number
        drawn[mine] = streams.block("owner", name, block=number).random(BLOCK)[place[mine]]
    return drawn


def closed_loop(load: spec.Workload, streams: Streams, make: MakeBlock) -> ClosedLoop | None:
    """The callers of a workload, where there is a fixed number."""
    return FixedCallers(load, streams, make) if load.trace is None and load.callers.count else None
