"""A deployment in the simulated world: its slots, their line, and what becomes of a send, by the
weather when its service begins."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from heapq import heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from simroute.core import Outcome
from simroute.ledger import Ledger
from simroute.models.strain import Strain, is_strained
from simroute.worlds.sim.attempt import ODD, STALLED, Attempt
from simroute.worlds.sim.events import Wake
from simroute.worlds.sim.failures import fail_by_kind
from simroute.worlds.sim.kernel import Kernel
from simroute.worlds.sim.request import OpenBlock
from simroute.worlds.sim.stream import StreamRest

if TYPE_CHECKING:
    from simroute.models import spec
    from simroute.models.deployment import DeploymentModel


class RareColumn:
    """Numbers of a block that few sends read: an array, since a list of all of them takes as long
    as hundreds of reads."""

    __slots__ = ("_item",)

    def __init__(self, values: np.ndarray) -> None:
        self._item = values.item

    def __getitem__(self, i: int) -> Any:
        return self._item(i)


class Upstream:
    """One deployment while a run lasts: limits and room in the line are asked when a call is sent,
    conditions and price when it begins. closes: when busy seconds end."""

    def __init__(
        self,
        kernel: Kernel,
        ledger: Ledger,
        index: int,
        model: DeploymentModel,
        scenario: spec.Scenario,
        closes: float,
    ) -> None:
        limits = model.spec.limits
        self.kernel, self.env, self.ledger = kernel, kernel.env, ledger
        self.add_row = ledger.attempts.append
        self.index = index
        self.model = model
        self.target = model.target
        self.name = model.target.name
        self.graded = model.is_graded
        self.truncated = model.spec.truncated
        self.limits = granted = model.limits
        self.settles = granted is not None and (granted.settles or granted.has_quota)
        self.slots: float | None = limits.concurrency
        self.room = limits.queue
        latency, is_described = model.spec.latency, model.empirical is None
        self.strain = Strain(latency) if is_described and is_strained(latency) else None
        if self.strain is not None and self.slots is None:
            self.slots = math.inf  # nobody waits, and all are counted
        self.busy = 0
        self.busy_seconds = 0.0
        self.stops = scenario.abandoned == "stops"
        self._hang_limit, self._closes = scenario.hang_limit, closes
        self.waiting: deque[Attempt] = deque()
        self.until = -math.inf
        self.refresh(0.0)
        self.billed: OpenBlock | None = None
        self.billed_at, self.bills = self.card, list[int]()

    def refresh(self, now: float) -> None:
        """Looks up the weather and the price; both hold until `until`."""
        self.conditions, fair = self.model.conditions(now)
        self.card, listed = self.model.tariff.at(now)
        self.until = min(fair, listed)
        self.breaks = bool(self.truncated or self.conditions.stall_share)

    def admit(self, attempt: Attempt, now: float) -> None:
        """Where slots or rates are limited: refuses a call, begins it, or has it wait."""
        attempt.status, attempt.began = 0, -1.0  # as long as its service has not begun
        slots, limits, request = self.slots, self.limits, attempt.request
        full = slots is not None and self.busy >= slots
        if full and len(self.waiting) >= self.room:
            self._refuse(attempt, 503, "overloaded", None)
        elif limits is not None and limits.has_quota and (status := limits.unpaid(now)):
            self._refuse(attempt, status, "insufficient_quota", None)
        elif limits is not None and (wait := limits.take(now, *request.tokens)) is not None:
            if wait == math.inf:
                self._refuse(attempt, 429, "too_large", None)
            else:
                self._refuse(attempt, 429, "rate_limited", limits.retry_after(wait))
        elif full:
            self.enter_line(attempt)
        else:
            self.begin(attempt, now)

    def enter_line(self, attempt: Attempt) -> None:
        """It waits for a slot."""
        attempt.status, attempt.began, attempt.due = 0, -1.0, math.inf
        attempt.awaited = Wake() if attempt.request.streamed else None
        self.waiting.append(attempt)

    def draw(self, block: OpenBlock, number: int) -> tuple[Any, ...]:
        """Draws what the `number`-th send (from 0) of each request of a block meets here."""
        key = self.index if number == 0 else (self.index, number)
        ttft, decode, error_s, u_outcome, u_truncation, quality = self.model.draw_arrays(
            block.block, number
        )
        if (invalid := block.block.invalid).any():
            u_outcome = np.where(invalid, -1.0, u_outcome)  # they fail whatever the weather
        # second sends are few, and so are reads of some columns; a plain tuple is unpacked in a
        # quarter of the time of a named one
        listed: Callable[[np.ndarray], Any] = RareColumn if number else np.ndarray.tolist
        draws = block.draws[key] = (
            listed(ttft),
            listed(decode),
            error_s,
            listed(u_outcome),
            u_truncation,
            listed(quality),
        )
        if number == 0:
            # whole answers of the block at the price of now; another block's, or what begins at
            # another price, is billed by itself
            if self.kernel.env._now >= self.until:
                self.refresh(self.kernel.env._now)
            self.billed, self.billed_at = block, self.card
            self.bills = self.card.bill_many(*block.block.billed_tokens).tolist()
        return draws

    def whole_length(self, tokens: int) -> int:
        """The tokens of a whole answer from here, to a request that is worth so many."""
        return tokens

    def leave(self, attempt: Attempt, now: float) -> None:
        """Gives the slot back; the next in the line takes it."""
        self.busy -= 1
        if now < self._closes:
            self.busy_seconds += now - attempt.began
        elif self._closes > attempt.began:
            self.busy_seconds += self._closes - attempt.began
        if self.strain is not None and not self.busy:
            self.strain.rest(now)
        if self.waiting:
            following = self.waiting.popleft()
            if following.awaited is not None:
                self.kernel.schedule(following.awaited, now)
                following.awaited = None
            self.begin(following, now)

    def settle(self, attempt: Attempt, now: float, tokens_out: int, nano: int) -> None:
        """A call that was let in has ended: what it used of the limits."""
        limits, request = self.limits, attempt.request
        assert limits is not None
        if limits.settles:
            used = request.tokens._replace(output=tokens_out)
            answered = attempt.status == 200 and attempt.decode >= 0
            limits.end(attempt.start_s, now, used, answered)
        if nano:
            limits.bill(now, nano / 1e9)

    def _refuse(self, attempt: Attempt, status: int, error: str, retry_after: float | None) -> None:
        attempt.status, attempt.error, attempt.retry_after = status, error, retry_after
        attempt.callbacks = ODD
        attempt.seconds = float(attempt.draws[2][attempt.request.i])
        attempt.due = due = attempt.start_s + attempt.seconds
        self.kernel.schedule(attempt, due)

    def begin(self, attempt: Attempt, now: float) -> None:
        """Its service begins: what becomes of it is that of the weather and the price now."""
        if self.slots is not None:
            self.busy += 1
        attempt.began = now
        if now >= self.until:
            self.refresh(now)
        attempt.card = self.card
        request, conditions = attempt.request, self.conditions
        i = request.i
        ttft, decode, _, u_outcome, u_truncation, quality = attempt.draws
        if u_outcome[i] < conditions.failure_share:
            self.fail(attempt)
            if attempt.status != 200:  # a failure may be an answer that is worth nothing
                attempt.callbacks = ODD
        else:
            attempt.status = 200
            attempt.quality = quality[i]
            attempt.first = first = ttft[i] * conditions.slow_down
            attempt.decode = rest = decode[i] * conditions.slow_down
            attempt.seconds = first + rest
            if self.strain is not None:
                self.lengthen(attempt, now)
            if request.streamed:
                self.stream(attempt, float(u_truncation[i]) if self.breaks else 1.0)
        end = now + attempt.seconds
        if attempt.awaited is None:
            attempt.due = end
        kernel = self.kernel
        if kernel.events.setdefault(end, attempt) is attempt:
            heappush(kernel.instants, end)
        else:  # another event has this very instant
            kernel.schedule(attempt, end)

    def lengthen(self, attempt: Attempt, now: float) -> None:
        """Lengthens its times by what else is under way, or by a cold start."""
        assert self.strain is not None
        added, factor = self.strain.begin(now, self.busy)
        attempt.first = attempt.first * factor + added
        attempt.decode *= factor
        attempt.seconds = attempt.first + attempt.decode

    def fail(self, attempt: Attempt) -> None:
        """What becomes of a call that begins now and is not answered: status and seconds."""
        request, conditions = attempt.request, self.conditions
        _, _, error_s, u_outcome, _, _ = attempt.draws
        invalid, i = request.block.invalid, request.i
        attempt.seconds = float(error_s[i]) * conditions.slow_down
        if invalid[i]:
            attempt.status, attempt.error = invalid[i], "invalid"
            return
        coin = u_outcome[i]
        failure = conditions.failure_status(coin) if coin >= 0.0 else "context_length"
        if failure in (0, "hang"):
            attempt.status, attempt.seconds, attempt.error = 504, self._hang_limit, "hang"
        elif isinstance(failure, str):
            fail_by_kind(self, attempt, failure)
        else:
            attempt.status, attempt.error = failure, "error"

    def stream(self, attempt: Attempt, cut: float) -> None:
        """The first token comes as an outcome of its own, with the rest behind it; `cut` below
        `truncated` ends the answer early, and in the next `stall_share` of the others it stops."""
        truncated = self.truncated
        stalled = (1.0 - truncated) * self.conditions.stall_share
        if cut < truncated:
            attempt.status, attempt.error = 502, "truncated"
            attempt.seconds = attempt.first + attempt.decode * cut / truncated
        elif cut - truncated < stalled:
            attempt.status, attempt.error = 504, STALLED
            attempt.stops = attempt.first + attempt.decode * (cut - truncated) / stalled
            attempt.seconds = max(attempt.stops, self._hang_limit)
        if attempt.status != 200:
            attempt.callbacks = ODD
        if attempt.abandoned:  # while it was in the line: it runs on, and nobody reads it
            return
        request, end = attempt.request, attempt.began + attempt.seconds
        rest = StreamRest(attempt, end)
        if request.rests is None:
            request.rests = [rest]
        else:
            request.rests.append(rest)
        attempt.awaited = token = Wake()
        token._value = Outcome(200, self.name, rest=rest)
        attempt.due = due = attempt.began + attempt.first
        self.kernel.schedule(token, due)


class CappedUpstream(Upstream):
    """One whose answers have a largest length: their times and their quality are drawn so, and here
    they are known for what they are."""

    def whole_length(self, tokens: int) -> int:
        return min(tokens, self.model.spec.max_output_tokens or tokens)

    def begin(self, attempt: Attempt, now: float) -> None:
        super().begin(attempt, now)
        tokens = attempt.request.output_tokens
        if attempt.status == 200 and tokens > self.whole_length(tokens):
            attempt.callbacks, attempt.error = ODD, attempt.error or "length"
