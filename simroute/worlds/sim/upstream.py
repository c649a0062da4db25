"""One provider endpoint on SimPy's clock: slots, their queue, and what becomes of a call, by the
weather when its service begins."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from simroute.core import Outcome, Rest
from simroute.worlds.sim.kernel import Kernel, Wake

if TYPE_CHECKING:
    from simroute.models.billing import Card
    from simroute.models.deployment import DeploymentModel
    from simroute.worlds.sim.request import SimRequest


class Attempt(Wake):
    """One send to one upstream, and the event of its end. Seconds count from `began`, when the
    provider took it up."""

    request: SimRequest
    upstream: Upstream
    number: int  # of the request's attempts, from 1
    target_number: int  # of the request's attempts at this target, from 1
    start: float
    status: int
    seconds: float
    probe: bool
    draws: Any  # what the weather does to this send, for the request's whole block
    card: Card  # what it costs: the price when it began
    began: float = -1.0
    first: float = 0.0  # seconds to the first token
    # seconds from the first token to the last; negative: there will be no answer
    decode: float = -1.0
    quality: float = 0.0
    error: str = ""
    retry_after: float | None = None
    # of a streamed call in the queue: its service begins, and with it is known whether a first
    # token will come
    turn: Wake | None = None
    first_token: Wake | None = None
    abandoned: bool = False
    left: float = 0.0  # when whoever waited for an abandoned one stopped waiting
    held: bool = False  # it has a slot
    queued: bool = False  # it waits for one

    def produced(self, now: float, tokens: int) -> int:
        """How many of the answer's tokens there are by `now`, or when it was cut."""
        now = min(now, self.began + self.seconds)
        # summed as the end was: rounding must not take a token away
        if now >= self.began + (self.first + self.decode):
            return tokens
        # no time per token: all come with the first
        share = (now - self.began - self.first) / self.decode if self.decode else 0.0
        return int(tokens * max(0.0, share))


class Upstream:
    """One deployment while a run lasts. Limits and room in the queue are asked when a call is sent;
    conditions and price hold from when it begins.

    `hang_limit`: seconds until a hung call is cut; `abandon(attempt)` is told when nobody reads a
    stream any more; `closes`: when busy seconds end.
    """

    def __init__(
        self,
        kernel: Kernel,
        index: int,
        model: DeploymentModel,
        hang_limit: float,
        abandon: Callable[[Attempt], None],
        closes: float,
    ) -> None:
        limits = model.spec.limits
        self.kernel = kernel
        self.index = index
        self.model = model
        self.target = model.target
        self.name = model.target.name
        self.limits = model.limits
        self.slots, self.room = limits.concurrency, limits.queue
        self.busy = 0
        self.busy_seconds = 0.0
        self._hang_limit, self._abandon, self._closes = hang_limit, abandon, closes
        self._waiting: deque[Attempt] = deque()
        self.until = -math.inf
        self.refresh(0.0)

    def refresh(self, now: float) -> None:
        """Look up the weather and the price; both hold until `until`."""
        self.conditions, fair = self.model.conditions(now)
        self.card, listed = self.model.tariff.at(now)
        self.until = min(fair, listed)

    def take(self, attempt: Attempt, number: int) -> None:
        """A call arrives, the `number`-th (from 0) of its request here: it is refused, begins, or
        waits for a slot."""
        request = attempt.request
        i, held = request.i, request.held
        draws = held.draws.get((self.index, number))
        if draws is None:
            draws = held.draws[self.index, number] = self.model.draws(held.block, number)
        attempt.draws = draws
        slots = self.slots
        if slots is not None and self.busy >= slots and len(self._waiting) >= self.room:
            return self._refuse(attempt, 503, "overloaded", None, draws.error_s[i])
        if self.limits is not None:
            columns = request.columns
            wait = self.limits.ask(
                attempt.start,
                columns.input_tokens[i],
                columns.output_tokens[i],
                request.max_output_tokens,
            )
            if wait == math.inf:
                return self._refuse(attempt, 429, "too_large", None, draws.error_s[i])
            if wait is not None:
                return self._refuse(attempt, 429, "rate_limited", wait, draws.error_s[i])
        if slots is None:
            self._begin(attempt)
        else:
            self._admit(attempt, slots)

    def leave(self, attempt: Attempt) -> None:
        """Give the slot back; the next in the queue takes it."""
        attempt.held = False
        self.busy -= 1
        self.busy_seconds += max(0.0, min(self.kernel.now(), self._closes) - attempt.began)
        if self._waiting:
            self._hold(self._waiting.popleft())

    def forget(self, attempt: Attempt) -> None:
        """Take a call that has not begun out of the queue."""
        self._waiting.remove(attempt)

    def _refuse(
        self, attempt: Attempt, status: int, error: str, retry_after: float | None, seconds: float
    ) -> None:
        attempt.status, attempt.error, attempt.retry_after, attempt.seconds = (
            status,
            error,
            retry_after,
            seconds,
        )
        self.kernel.schedule(attempt, attempt.start + seconds)

    def _admit(self, attempt: Attempt, slots: int) -> None:
        if self.busy < slots:
            self._hold(attempt)
            return
        attempt.queued = True
        attempt.turn = Wake([]) if attempt.request.streamed else None
        self._waiting.append(attempt)

    def _hold(self, attempt: Attempt) -> None:
        self.busy += 1
        attempt.held, attempt.queued = True, False
        if attempt.turn is not None:
            self.kernel.schedule(attempt.turn, self.kernel.now())
        self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        """What becomes of it: from the weather and the price now, and the draws that belong to
        (request, target, number)."""
        kernel = self.kernel
        attempt.began = now = kernel.env._now
        if now >= self.until:
            self.refresh(now)
        attempt.card = self.card
        self._fate(attempt)
        kernel.schedule(attempt, now + attempt.seconds)

    def _fate(self, attempt: Attempt) -> None:
        conditions, draws, request = self.conditions, attempt.draws, attempt.request
        i = request.i
        if request.columns.invalid[i]:
            attempt.status, attempt.seconds, attempt.error = (
                request.columns.invalid[i],
                draws.error_s[i] * conditions.slow_down,
                "invalid",
            )
        elif draws.coin[i] >= conditions.bad:
            attempt.status = 200
            attempt.first = draws.ttft[i] * conditions.slow_down
            attempt.decode = draws.decode[i] * conditions.slow_down
            attempt.seconds = attempt.first + attempt.decode
            attempt.quality = draws.quality[i]
            if request.streamed:
                self._stream(attempt, draws.cut[i], self.model.spec.truncated)
        else:
            attempt.status = conditions.verdict(draws.coin[i])
            attempt.seconds = draws.error_s[i] * conditions.slow_down
            attempt.error = "error"
            if attempt.status == 0:
                attempt.status, attempt.seconds, attempt.error = 504, self._hang_limit, "hang"

    def _stream(self, attempt: Attempt, cut: float, truncated: float) -> None:
        """The first token comes as an outcome of its own, with the rest behind it; `cut` below
        `truncated` ends the answer early."""
        if cut < truncated:
            attempt.status, attempt.error = 502, "truncated"
            attempt.seconds = attempt.first + attempt.decode * cut / truncated
        if attempt.abandoned:  # while it was in the queue: it runs on, and nobody reads it
            return
        rest = Rest(partial(_Remainder, attempt))
        rest.then(lambda final: self._abandon(attempt) if final.status == 499 else None)
        request = attempt.request
        request.rests = [*(request.rests or ()), rest]
        if request.streams is None:
            request.streams = {self.name: attempt}
        else:
            request.streams[self.name] = attempt
        attempt.first_token = Wake([])
        attempt.first_token._value = Outcome(200, self.name, rest=rest)
        self.kernel.schedule(attempt.first_token, attempt.began + attempt.first)


class _Remainder:
    """What is still to come of a streamed answer: its final outcome, when its attempt has ended."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __await__(self) -> Generator[Any, Any, Outcome]:
        outcome: Outcome = yield self._attempt
        return outcome
