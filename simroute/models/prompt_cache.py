"""Beginnings of prompts that a provider keeps: prompts as parts that follow each other, and which
of these it still knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block


class Part(NamedTuple):
    """A piece of a prompt: the same key, the same words, of which this many tokens. whole: it comes
    as a whole or not at all, whatever its length is taken to be."""

    key: Hashable
    tokens: int
    whole: bool = False


class _Entry:
    """A part that is kept. tokens: of it, that can be read; from `ready` (s) on `grown`. last: when
    it was used."""

    __slots__ = ("grown", "last", "ready", "tokens")

    def __init__(self) -> None:
        self.tokens = self.grown = 0
        self.ready = self.last = 0.0


class PromptCache:
    """What one deployment keeps while a run lasts."""

    def __init__(self, rules: spec.PromptCache) -> None:
        self._rules = rules
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()  # used longest ago first
        self.held = 0
        """Tokens of all entries."""

    def known(self, now: float, parts: Sequence[Part]) -> int:
        """How many tokens of a prompt's beginning could be read."""
        rules, read = self._rules, 0
        for key, tokens, whole in parts:
            entry = self._entries.get(key)
            if entry is None or now - entry.last > rules.lifetime:
                break
            there = entry.grown if now >= entry.ready else entry.tokens
            there = tokens if whole and there else min(tokens, there)
            read += there
            if there < tokens:
                break
        return whole_steps(rules, read)

    def keep(self, now: float, ready: float, parts: Sequence[Part]) -> None:
        """A prompt has been read, and can be read again from `ready` (s) on."""
        entries, rules = self._entries, self._rules
        if sum(part.tokens for part in parts) < rules.minimum:
            return
        for key, tokens, _ in parts:
            entry = entries.get(key)
            if entry is None:
                entry = entries[key] = _Entry()
            elif now - entry.last > rules.lifetime:
                self.held -= entry.grown
                entry.tokens = entry.grown = 0
            if now >= entry.ready:
                entry.tokens = entry.grown
            entry.last = now
            if tokens > entry.grown:
                self.held += tokens - entry.grown
                entry.grown, entry.ready = tokens, ready
        for part in reversed(parts):  # beginnings last: without them the rest is of no use
            entries.move_to_end(part.key)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Drops what is over, and the oldest of what does not fit."""
        rules, entries = self._rules, self._entries
        most = float("inf") if rules.size is None else rules.size
        while entries:
            oldest = next(iter(entries.values()))
            if self.held <= most and now - oldest.last <= rules.lifetime:
                return
            entries.popitem(last=False)
            self.held -= oldest.grown


def whole_steps(rules: spec.PromptCache, tokens: int) -> int:
    """Of so many tokens that are known, those that are read."""
    return 0 if tokens < rules.minimum else tokens - tokens % rules.step


Prompts = tuple[np.ndarray, np.ndarray]
"""`TraceColumns.prompt_parts`."""


def logged_parts(prompts: Prompts, place: int, tokens: int) -> list[Part]:
    """The parts of a prompt of so many tokens as a trace tells them, as equally long."""
    starts, parts = prompts
    mine = parts[starts[place] : starts[place + 1]].tolist()
    count = len(mine)
    return [
        Part(("part", part), tokens * (k + 1) // count - tokens * k // count, whole=True)
        for k, part in enumerate(mine)
    ]


def repeated_parts(block: Block, task: int, session: int, i: int) -> tuple[list[Part], list[Part]]:
    """(of the prompt at place i, what may have been sent before; what is to be kept of it): the
    system prompt of its task, and the words of its conversation."""
    system = 0 if block.system_tokens is None else int(block.system_tokens[i])
    before = [Part(("system", task), system)] if system else []
    if block.context_tokens is None:
        return before, before
    said, whole = int(block.context_tokens[i]), int(block.input_tokens[i]) - system
    return [*before, Part(session, said)], [*before, Part(session, whole)]


def most_known(rules: spec.PromptCache, block: Block) -> np.ndarray:
    """For each request, how many tokens could be read if nothing was ever forgotten."""
    if block.prompt is not None:
        known = block.input_tokens
        return np.where(known < rules.minimum, 0, known - known % rules.step)
    known = np.zeros(block.size, np.int64)
    for part in (block.system_tokens, block.context_tokens):
        if part is not None:
            known += part
    return np.where(known < rules.minimum, 0, known - known % rules.step)


def time_factor(
    latency: spec.Latency, rules: spec.PromptCache, tokens: np.ndarray, read: np.ndarray
) -> np.ndarray:
    """The median time to the first token with so much read from the cache, over that without."""
    median = latency.base + latency.per_1k_input * tokens / 1000
    less = latency.per_1k_input * rules.saves * read / 1000
    return np.where(median > 0, (median - less) / np.where(median > 0, median, 1.0), 1.0)
