"""A simulated world in which deployments keep beginnings of prompts. Others have none of this."""

from __future__ import annotations

from typing import Any

import numpy as np

from simroute.core import Call
from simroute.models.prompt_cache import (
    Part,
    PromptCache,
    logged_parts,
    repeated_parts,
    time_factor,
)
from simroute.worlds.sim.attempt import END, Attempt
from simroute.worlds.sim.events import Callbacks
from simroute.worlds.sim.request import OpenBlock
from simroute.worlds.sim.upstream import Upstream
from simroute.worlds.sim.world import SimWorld


class CachedAttempt(Attempt):
    """A send of whose prompt the provider may know the beginning. read, written: tokens."""

    __slots__ = ("read", "written")
    read: int
    written: int

    def start(self) -> None:
        if self.call is not None:
            request: Any = self.call.request
            columns, i = request.block.block, request.i
            self.read, self.written = int(columns.cached_tokens[i]), int(columns.written_tokens[i])
        super().start()
        if self.callbacks is END:
            self.callbacks = CACHED_END

    def abandon(self, limit: str | None = None) -> None:
        self.tell()
        super().abandon(limit)

    def finish(self) -> None:
        """As `end`."""
        self.tell()
        self.end()

    def end_otherwise(self) -> None:
        self.tell()
        super().end_otherwise()

    def tell(self) -> None:
        """Puts its tokens where the bill and the row are made from: another send of the request
        may have others."""
        block, i = self.request.block, self.request.i
        block.cached_tokens[i], block.written_tokens[i] = self.read, self.written


CACHED_END: Callbacks = (CachedAttempt.finish,)


class CachingUpstream(Upstream):
    """A deployment that may keep beginnings of prompts. saved_nano: what reading them has saved,
    less what writing them has cost, so far."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        rules = self.model.spec.prompt_cache
        self.cache = None if rules is None else PromptCache(rules)
        self.rules, self.saved_nano = rules, 0
        latency = self.model.spec.latency
        self._latency = latency if self.model.spec.recorded is None else None
        self._fixed = latency.floor + about[4].gateway.overhead

    def draw(self, block: OpenBlock, number: int) -> tuple[Any, ...]:
        draws = super().draw(block, number)
        self.billed = None  # each is billed by itself
        return draws

    def admit(self, attempt: Attempt, now: float) -> None:
        if self.cache is not None:  # limits may not count what will be read
            attempt.read = self.cache.known(now, self._parts(attempt)[0])  # type: ignore[attr-defined]
        attempt.tell()  # type: ignore[attr-defined]
        super().admit(attempt, now)

    def begin(self, attempt: Attempt, now: float) -> None:
        if self.cache is None or attempt.request.id < 0:
            super().begin(attempt, now)
            return
        cached: Any = attempt
        before, kept = self._parts(attempt)
        cached.read = read = self.cache.known(now, before)
        whole = sum(part.tokens for part in kept)
        assert self.rules is not None
        cached.written = whole - read if whole >= self.rules.minimum else 0
        if read and self._latency is not None:
            self._shorten(attempt, read)
        super().begin(attempt, now)
        if attempt.decode >= 0:
            self.cache.keep(now, now + attempt.first, kept)
            i, block = attempt.request.i, attempt.request.block
            tokens = block.input_tokens[i], block.output_tokens[i]
            with_it = attempt.card.bill(*tokens, read, cached.written)
            self.saved_nano += attempt.card.bill(*tokens) - with_it
        else:
            cached.read = cached.written = 0

    def _shorten(self, attempt: Attempt, read: int) -> None:
        """What is read takes less time: the first token comes sooner."""
        i, (ttft, *others) = attempt.request.i, attempt.draws
        assert self._latency is not None
        assert self.rules is not None
        tokens = np.array(attempt.request.input_tokens)
        factor = float(time_factor(self._latency, self.rules, tokens, np.array(read)))
        sooner = self._fixed + (ttft[i] - self._fixed) * factor
        attempt.draws = ({i: sooner}, *others)

    def _parts(self, attempt: Attempt) -> tuple[list[Part], list[Part]]:
        request = attempt.request
        block, i = request.block, request.i
        prompts, place = request.world.weather.prompt_parts, block.block.prompt
        if prompts is not None and place is not None:
            parts = logged_parts(prompts, int(place[i]), block.input_tokens[i])
            return parts, parts
        return repeated_parts(block.block, block.task[i], block.lists.session[i], i)


class CachingWorld(SimWorld):
    """A simulated world whose deployments may keep beginnings of prompts."""

    endpoint = CachingUpstream

    def send(self, call: Call) -> Attempt:
        attempt: CachedAttempt = CachedAttempt()
        attempt.upstream, attempt.call = self.upstreams[call.target], call
        return attempt
