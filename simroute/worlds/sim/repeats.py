"""Deployments that know a repeated send by its idempotency key. Others have none of this."""

from __future__ import annotations

import math
from typing import Any

from simroute.core import Outcome
from simroute.worlds.sim.attempt import FILTERED, NOTHING, Attempt
from simroute.worlds.sim.events import CALLED_OFF, Callbacks
from simroute.worlds.sim.upstream import Upstream


class SendKey:
    """What makes sends of a request one. by: number of the deployment -> the send that stands for
    all of them there, and when the first of these was let in (s)."""

    __slots__ = ("by",)

    def __init__(self) -> None:
        self.by: dict[int, tuple[Attempt, float]] = {}


class KnowsRepeats(Upstream):
    """A deployment that gives a repeated send the answer of the first one.

    Where that is still to come and nobody waits for it, the repeat takes its place: slot, line,
    times and bill. Where it is there already, it comes at once, and costs nothing more. What was
    refused, has failed or will fail is tried anew, and so is what stopped because nobody waited
    (`abandoned: stops`).
    """

    def admit(self, attempt: Attempt, now: float) -> None:
        if not self._resume(attempt, now):
            super().admit(attempt, now)

    def begin(self, attempt: Attempt, now: float) -> None:
        if not self._resume(attempt, now):
            super().begin(attempt, now)

    def settle(self, attempt: Attempt, now: float, tokens_out: int, nano: int) -> None:
        """Limits know a call by when they let it in."""
        sent, key = attempt.start_s, attempt.key
        if key is not None:
            attempt.start_s = key.by[self.index][1]
        super().settle(attempt, now, tokens_out, nano)
        attempt.start_s = sent

    def _resume(self, attempt: Attempt, now: float) -> bool:
        """Whether there is an answer for this send, or will be, without another one's work."""
        key: SendKey | None = attempt.key
        if key is None:
            return False
        first, let_in = key.by.get(self.index, (attempt, now))
        if first is attempt or (first.abandoned and self.stops):
            taken = False
        elif first.callbacks is None:
            taken = first.status == 200
            if taken:
                self._give_again(attempt, first, now)
        elif taken := first.abandoned and first.due == math.inf:
            self._take_place(attempt, first)
        elif taken := first.abandoned and first.status == 200:
            self._take_over(attempt, first, now)
        key.by[self.index] = attempt, let_in if taken or first is attempt else now
        return taken

    def _take_place(self, attempt: Attempt, first: Attempt) -> None:
        """In the line."""
        self.enter_line(attempt)
        self.waiting.pop()
        self.waiting[self.waiting.index(first)] = attempt
        self._let_go(first)

    def _take_over(self, attempt: Attempt, first: Attempt, now: float) -> None:
        """What is left of its times; the slot is held on."""
        self._inherit(attempt, first)
        attempt.callbacks, first.callbacks = first.callbacks, CALLED_OFF
        attempt.began, until = now, min(now, self._closes)
        if until > first.began:
            self.busy_seconds += until - first.began
        whole = first.began + (first.first + first.decode)
        attempt.first = max(0.0, first.began + first.first - now)
        attempt.decode = max(0.0, whole - now - attempt.first)
        attempt.seconds = attempt.first + attempt.decode
        self._let_go(first)
        self._answer(attempt, now)

    def _give_again(self, attempt: Attempt, first: Attempt, now: float) -> None:
        """It holds no slot, since its service never begins."""
        self._inherit(attempt, first)
        attempt.callbacks = AGAIN
        attempt.began = now
        attempt.first = attempt.decode = attempt.seconds = 0.0
        self._answer(attempt, now)
        attempt.began = -1.0

    def _inherit(self, attempt: Attempt, first: Attempt) -> None:
        attempt.status, attempt.error = 200, first.error
        attempt.quality, attempt.card = first.quality, first.card
        for column in ("read", "written"):  # of a world that keeps prompts
            if hasattr(first, column):
                setattr(attempt, column, getattr(first, column))

    def _answer(self, attempt: Attempt, now: float) -> None:
        if attempt.request.streamed:
            self.stream(attempt, 1.0)
        end = now + attempt.seconds
        if attempt.awaited is None:
            attempt.due = end
        self.kernel.schedule(attempt, end)

    def _let_go(self, first: Attempt) -> None:
        """Its bill, and what it used of limits, will be those of the repeat."""
        first.began, first.due = -1.0, 0.0
        first.request.unbilled.remove(self.name)  # type: ignore[union-attr]
        first._close(*NOTHING)


def _end_again(attempt: Any) -> None:
    """An answer that was given, and billed, before: as `Attempt.end`."""
    request, upstream = attempt.request, attempt.upstream
    if attempt.abandoned:
        request.unbilled.remove(upstream.name)
        attempt._close(*NOTHING)
        return
    block, i = request.block, request.i
    tokens = block.input_tokens[i], attempt.produced(upstream.kernel.env._now)
    nano = attempt.card.bill(*tokens, block.cached_tokens[i], block.written_tokens[i])
    graded = upstream.graded[block.task[i]]
    request.ungraded |= not graded
    request.served = attempt
    answer = block.question[i], attempt.quality, graded
    error = FILTERED if attempt.error == FILTERED else ""  # as the first was told it
    attempt._value = Outcome(200, upstream.name, error, None, nano / 1e9, *tokens, "", "no", answer)
    attempt.cause = ""
    attempt._close(*tokens, 0)
    attempt.resume()


AGAIN: Callbacks = (_end_again,)


def knowing_repeats(kind: type[Upstream]) -> type[Upstream]:
    """A kind of deployment, with that."""
    return type(f"{kind.__name__}WithKeys", (KnowsRepeats, kind), {})
