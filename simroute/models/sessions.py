"""Conversations: how many turns they have, when their turns come, and how their prompts grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simroute.models import spec
from simroute.models.pauses import draw_pauses
from simroute.models.playback import BlockColumns
from simroute.models.questions import BLOCK
from simroute.models.random import Streams


def has_sessions(load: spec.Workload) -> bool:
    """Whether made-up requests come in conversations."""
    return load.trace is None and load.sessions.turns > 1


def draw_turns(sessions: spec.Sessions, streams: Streams, number: int) -> np.ndarray:
    """How many turns each of `BLOCK` conversations has: one and a negative binomial, which is
    geometric at `shape` 1 and evener above."""
    more = sessions.turns - 1.0
    if more <= 0:
        return np.ones(BLOCK, np.int64)
    source = streams.block("turns", block=number)
    shape = sessions.shape
    return np.asarray(1 + source.negative_binomial(shape, shape / (shape + more), BLOCK), np.int64)


@dataclass(frozen=True)
class Conversations:
    """All conversations that begin within a horizon, in order of their beginnings. A turn's number
    is that of the first of its conversation and its place in it."""

    sessions: spec.Sessions
    streams: Streams
    begins: np.ndarray

    @cached_property
    def turns(self) -> np.ndarray:
        """Of each."""
        blocks = range(-(-len(self.begins) // BLOCK))
        drawn = [draw_turns(self.sessions, self.streams, number) for number in blocks]
        return np.concatenate([np.zeros(0, np.int64), *drawn])[: len(self.begins)]

    @cached_property
    def first(self) -> np.ndarray:
        """The number of each one's first turn; behind the last, how many turns there are."""
        return np.concatenate([[0], np.cumsum(self.turns)])

    def place(self, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(conversation, whether it is its last) of turns by number."""
        session = np.searchsorted(self.first, number, side="right") - 1
        return session, number + 1 == self.first[session + 1]

    def by_the_clock(self, horizon: float) -> Iterator[BlockColumns]:
        """All turns before the horizon in order of time, each a time to think after the one before
        it, answered or not."""
        total = int(self.first[-1])
        blocks = range(-(-total // BLOCK))
        gaps = [self.pauses(number) for number in blocks]
        gap = np.concatenate([np.zeros(0), *gaps])[:total]
        gap[self.first[:-1]] = 0.0
        passed = np.cumsum(gap)
        when = self.begins.repeat(self.turns) + passed - passed[self.first[:-1]].repeat(self.turns)
        session, ends = self.place(np.arange(total))
        order = np.argsort(when, kind="stable")
        order = order[when[order] < horizon]
        for start in range(0, len(order), BLOCK):
            mine = order[start : start + BLOCK]
            yield {"arrival": when[mine], **session_columns(session[mine], ends[mine])}

    def pauses(self, number: int) -> np.ndarray:
        """Seconds to think at each of a block of turns."""
        source = self.streams.block("session pause", block=number)
        return draw_pauses(self.sessions.think, source, BLOCK)


def session_columns(session: np.ndarray, ends: np.ndarray) -> BlockColumns:
    """What is known of requests by their conversation."""
    return {"owner": session, "talk": session, "session": session, "ends": ends}


class Contexts:
    """How long what was said before is in each open conversation, in tokens; its prompts and
    answers make it longer, up to `most`, after which the oldest part is left out. Blocks have to
    come in order."""

    def __init__(self, sessions: spec.Sessions) -> None:
        self._most, self._known = round(sessions.context), dict[int, int]()
        self._grows = sessions.grows

    def add(self, columns: dict[str, Any], ends: np.ndarray) -> None:
        """Puts what was said before in front of each prompt of a block (`context_tokens`, part of
        `input_tokens`)."""
        if not self._grows:
            return
        known, most, before = self._known, self._most, []
        system = columns["system_tokens"]
        said_now = columns["input_tokens"] - (0 if system is None else system)
        for session, new, answer, over in zip(
            columns["session"].tolist(),
            said_now.tolist(),
            columns["output_tokens"].tolist(),
            ends.tolist(),
            strict=True,
        ):
            said = known.get(session, 0)
            before.append(said)
            if over:
                known.pop(session, None)
            else:
                known[session] = min(most, said + new + answer)
        columns["context_tokens"] = context = np.array(before, np.int64)
        columns["input_tokens"] = columns["input_tokens"] + context
