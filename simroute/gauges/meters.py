"""Requests and tokens a minute, both or nothing, and the line of those who wait for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from simroute.core import Allowance, Outcome
from simroute.gauges.bucket import Bucket
from simroute.gauges.latency import Recent
from simroute.gauges.line import Asks, Line, Order

MINUTE = 60.0
NOTHING_SAID = Allowance(math.nan, math.nan, math.nan)


class Turn(Protocol):
    """What one who waits is told by: a gate."""

    def open(self, value: bool) -> None: ...


T = TypeVar("T", bound=Turn)


class Turnstile(Generic[T]):
    """A line of which one at a time has his turn: whoever is next when the one before has gone.
    asked: the sizes of all of them, whoever has the turn included. is_plain: first come, first
    served, and any number."""

    def __init__(self, order: Order) -> None:
        self._line: Line[T] = Line(order)
        self._sizes: dict[T, int] = {}
        self._turn: T | None = None
        self.asked, self.is_plain = 0, order == Order()

    def __len__(self) -> int:
        return len(self._sizes)

    def join(self, turn: T, request: Asks, size: int) -> None:
        """Stand in line: opened with True when it is its turn, with False when it must go."""
        self._sizes[turn] = size
        self.asked += size
        last = self._line.join(turn, request, max(size, 1))
        if last is not None:
            last.open(False)
        self._call()

    def leave(self, turn: T) -> None:
        """Go, with or without; the next has his turn."""
        self.asked -= self._sizes.pop(turn)
        self._line.leave(turn)
        if self._turn is turn:
            self._turn = None
        self._call()

    def _call(self) -> None:
        if self._turn is None and len(self._line):
            self._turn = self._line.pop()
            self._turn.open(True)
        elif self._turn is None:
            self._line.begin_anew()


class Sized(Protocol):
    """How large a request is."""

    @property
    def input_tokens(self) -> int: ...
    @property
    def max_output_tokens(self) -> int: ...


class Meters(Generic[T]):
    """Of one target, or of whoever has such a rate. A request beyond a whole limit takes all of
    it."""

    def __init__(
        self,
        rpm: float | None,
        tpm: float | None,
        window: float = MINUTE,
        order: Order | None = None,
    ) -> None:
        self.requests = None
        if rpm is not None:
            at_once = rpm if window == MINUTE else rpm * window / MINUTE
            self.requests = Bucket(max(1.0, at_once), rpm / MINUTE)
        self.tokens = Bucket(max(1.0, tpm), tpm / MINUTE) if tpm is not None else None
        self.output = Recent(3600.0)
        self.shut_until = 0.0
        self.line: Turnstile[T] = Turnstile(order or Order())

    def estimate(self, request: Sized) -> int:
        """Tokens: the input and the output seen lately."""
        output = self.output.mean
        tokens = round(
            request.input_tokens + (output if output is not None else request.max_output_tokens / 8)
        )
        return tokens if self.tokens is None else min(tokens, int(self.tokens.capacity))

    def wait(self, now: float, requests: int, tokens: int) -> float:
        """Seconds until there has been room for so many, one after another; together they may be
        more than a bucket holds."""
        wait = max(0.0, self.shut_until - now)
        for bucket, amount in ((self.requests, requests), (self.tokens, tokens)):
            if bucket is not None:
                full = bucket.capacity
                wait = max(
                    wait,
                    bucket.wait(now, min(amount, full)) + max(0.0, amount - full) / bucket.refill,
                )
        return wait

    def take(self, now: float, tokens: int) -> float:
        """0 if there is room for one more request, which is now taken, else the seconds until there
        will be."""
        wait = self.wait(now, 1, tokens)
        if wait == 0:
            self.give(now, -1, -tokens)
        return wait

    def give(self, now: float, requests: int, tokens: int) -> None:
        """Give back what was reserved and not used; negative: take, or owe."""
        for bucket, amount in ((self.requests, requests), (self.tokens, tokens)):
            if bucket is not None:
                bucket.settle(now, amount, 0)

    def settle(self, now: float, reserved: int, outcome: Outcome) -> None:
        """A call for which so many tokens were reserved has ended: what it did not use is given
        back, unless it failed at the provider, who counts it; a 429 says when there is room."""
        if outcome.status == 429 and outcome.retry_after is not None and not outcome.by:
            self.shut(now + outcome.retry_after)
        if outcome.error == "rejected" or outcome.cached != "no":
            self.give(now, 1, reserved)
        elif outcome.ok:
            self.output.add(now, outcome.output_tokens)
            self.give(now, 0, reserved - outcome.input_tokens - outcome.output_tokens)

    def shut(self, until: float) -> None:
        """Nothing fits before that moment."""
        self.shut_until = max(self.shut_until, until)

    def believe(self, now: float, told: Mapping[str, Allowance]) -> None:
        """The provider says what is left: where that is less than was counted here, it holds."""
        for word, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            _, left, reset = told.get(word, NOTHING_SAID)
            if bucket is None:
                if left < 1 and reset > 0:
                    self.shut(now + reset)
            elif left < (level := bucket.level(now)):
                bucket.spend(now, level - left)
