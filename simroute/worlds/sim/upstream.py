"""The life of a send in the simulated world, from the policy's `send` to its row: slots, their
line, and what becomes of a call, by the weather when its service begins."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from heapq import heappush
from typing import TYPE_CHECKING, Any

from simpy.events import NORMAL

from simroute.core import Call, Outcome
from simroute.core.outcome import timed_out
from simroute.ledger import ATTEMPT_ROW, Ledger
from simroute.worlds.sim.events import CALLED_OFF, Callbacks, Service, Wake
from simroute.worlds.sim.kernel import Kernel, reached_limit
from simroute.worlds.sim.request import OpenBlock, SimRequest
from simroute.worlds.sim.stream import StreamRest

if TYPE_CHECKING:
    from simroute.models import spec
    from simroute.models.billing import RateCard
    from simroute.models.deployment import DeploymentModel

new = tuple.__new__
pack, pack_detail = ATTEMPT_ROW.pack, ATTEMPT_ROW.pack_detail


class Attempt(Service):
    """One send to one upstream: what a policy awaits, and the event of its end. Times in seconds;
    those without another word count from `began`, when the provider took it up."""

    call: Call | None  # None once it has been sent
    upstream: Upstream
    request: SimRequest
    number: int  # of the request's attempts, from 1
    target_number: int  # of the request's attempts at this target, from 1
    start_s: float  # when it was sent
    probe: bool
    draws: tuple[Any, ...]  # what the weather does to sends of the block: as `DrawLists` has it
    status: int  # 0: given up before its service began
    error: str
    retry_after: float | None
    began: float
    seconds: float  # to its end
    first: float  # to the first token
    decode: float  # from the first token to the last; negative: there will be no answer
    quality: float
    card: RateCard  # what it costs: the price when it began
    turn: Wake | None  # of a streamed call in the line: it begins, and `awaited` is known
    abandoned: bool
    left: float  # when the one that waited for an abandoned call stopped waiting
    cause: str  # why it failed, once it has: as `Outcome.cause` has it

    __slots__ = tuple(__annotations__)
    __init__ = object.__init__  # `start` sets the fields

    def start(self) -> None:
        """Sends the call: it is refused, begins, or waits for a slot."""
        call, self.call = self.call, None
        if call is None:
            raise RuntimeError("a send was awaited twice: call `send` again for another")
        upstream, number = self.upstream, 0
        request: Any = call[0]
        self.probe = call[2]
        request.open += 1
        request.attempts = self.number = request.attempts + 1
        if request.first is None:
            request.first = self
        else:
            number = request.count_send(upstream.index)
        self.request, self.target_number = request, number + 1
        self.start_s = now = upstream.kernel.env._now
        self.callbacks, self.abandoned = END, False
        self.status, self.error = 0, ""
        self.began = self.decode = -1.0
        self.task = self.turn = self.awaited = self.retry_after = None
        block = request.block
        key = (upstream.index, number) if number else upstream.index
        self.draws = block.draws.get(key) or upstream.draw(block, number)
        slots = upstream.slots
        if upstream.limits is None and (slots is None or upstream.busy < slots):
            upstream.begin(self, now)
        else:
            upstream.admit(self, now)

    def wait(self) -> Generator[Any, Any, Outcome]:
        try:
            if self.turn is not None:
                yield self.turn
            outcome: Outcome = yield self.awaited or self
            return outcome
        except BaseException as cut:  # nobody waits for it any more
            self.abandon(reached_limit(cut))
            raise

    def abandon(self, limit: str | None = None) -> None:
        """Nobody waits for it: it runs on and is billed whole, or (`abandoned: stops`) stops here
        and is billed so far."""
        if self.callbacks is None or self.abandoned:
            return
        upstream = self.upstream
        self.abandoned, self.left = True, upstream.kernel.env._now
        self.cause = "" if limit is None else timed_out(limit)
        if not upstream.stops:
            self.request.unbilled = [*(self.request.unbilled or ()), upstream.name]
            return
        self.callbacks = CALLED_OFF
        if self.due == math.inf:
            upstream.waiting.remove(self)
        elif upstream.slots is not None and self.began >= 0:
            upstream.leave(self, self.left)
        # an error or a hang costs nothing, nor what has not begun
        due = self.decode >= 0 and self.began >= 0
        self._close(*(self._bill(self.produced(self.left)) if due else NOTHING))

    def end(self) -> None:
        """The provider is done with it: slot, bill, row, and an outcome for who waits. This is the
        end of a whole answer that somebody waits for; `_end_otherwise` is that of all else."""
        if self.status != 200 or self.abandoned:
            self._end_otherwise()
            return
        request, upstream = self.request, self.upstream
        block, i, now = request.block, request.i, upstream.kernel.env._now
        if upstream.slots is not None:
            upstream.leave(self, now)
        tokens_in, tokens_out = block.input_tokens[i], block.output_tokens[i]
        cached = block.cached_tokens[i]
        if upstream.limits is not None:
            upstream.limits.charge_output(now, tokens_out)
        if block is upstream.billed and self.card is upstream.billed_at:
            nano = upstream.bills[i]
        else:
            nano = self.card.bill(tokens_in, tokens_out, cached, block.written_tokens[i])
        request.nano += nano
        request.served = self
        graded = upstream.graded[block.task[i]]
        if not graded:
            request.ungraded = True
        answer, usd = (block.question[i], self.quality, graded), nano / 1e9
        self._value = outcome = new(
            Outcome,
            (200, upstream.name, "", None, usd, tokens_in, tokens_out, "", "no", answer, None, ""),
        )
        upstream.add_row(
            pack(
                request.id,
                request.replica,
                self.number,
                self.target_number,
                upstream.index,
                self.start_s,
                now,
                tokens_in,
                tokens_out,
                cached if tokens_in else 0,
                nano,
                self.probe,
            )
        )
        self.awaited = None  # no cycle: a first token knows its rest, and that its attempt
        request.open -= 1
        if request.open == 0 and request.over is not None:
            request.close()
        task = self.task
        if task is not None and task.waits is self:
            task.proceed(outcome)

    def _end_otherwise(self) -> None:
        """The end of a failure, of a stream that broke off, and of what nobody waits for."""
        request, upstream = self.request, self.upstream
        now = upstream.kernel.env._now
        if upstream.slots is not None and self.began >= 0:
            upstream.leave(self, now)
        # an error or a hang costs nothing
        bill = self._bill(self.produced(now)) if self.decode >= 0 else NOTHING
        if self.abandoned and request.unbilled is not None:
            request.unbilled.remove(upstream.name)
        if self.status == 200:  # and abandoned: an answer without a grade, seen or not
            request.ungraded |= not upstream.graded[request.block.task[request.i]]
        name, wait, usd = upstream.name, self.retry_after, bill[2] / 1e9
        self._value = Outcome(self.status, name, self.error, wait, usd, *bill[:2])
        if not self.abandoned:
            self.cause = self._value.cause
        self._close(*bill)
        self.resume()

    def produced(self, now: float) -> int:
        """How many of the answer's tokens there are by `now`, or when it was cut."""
        tokens = self.request.block.output_tokens[self.request.i]
        now = min(now, self.began + self.seconds)
        # summed as the end was: rounding must not take a token away
        if now >= self.began + (self.first + self.decode):
            return tokens
        # no time per token: all come with the first
        share = (now - self.began - self.first) / self.decode if self.decode else 0.0
        return int(tokens * max(0.0, share))

    def _bill(self, tokens_out: int) -> tuple[int, int, int]:
        """Charges the request for so many tokens of the answer; returns (input tokens, output
        tokens, nano-USD)."""
        request, limits = self.request, self.upstream.limits
        block, i = request.block, request.i
        tokens_in = block.input_tokens[i]
        if limits is not None:
            limits.charge_output(self.upstream.kernel.env._now, tokens_out)
        nano = self.card.bill(
            tokens_in, tokens_out, block.cached_tokens[i], block.written_tokens[i]
        )
        request.nano += nano
        return tokens_in, tokens_out, nano

    def _close(self, tokens_in: int, tokens_out: int, nano: int) -> None:
        """Makes its row, and closes the request if this was the last of it."""
        request, upstream = self.request, self.upstream
        retry_after, abandoned, now = self.retry_after, self.abandoned, upstream.kernel.env._now
        error, ledger = "abandoned" if abandoned else self.error, upstream.ledger
        ledger.details[len(ledger.attempts)] = pack_detail(
            self.left if abandoned else now,
            499 if abandoned else self.status,
            ledger.errors.code(error) if error else 0,
            math.nan if retry_after is None else retry_after,
            abandoned,
            ledger.causes.code(self.cause),
        )
        upstream.add_row(
            pack(
                request.id,
                request.replica,
                self.number,
                self.target_number,
                upstream.index,
                self.start_s,
                now,
                tokens_in,
                tokens_out,
                request.block.cached_tokens[request.i] if tokens_in else 0,
                nano,
                self.probe,
            )
        )
        self.awaited = None  # no cycles: a first token knows its rest, and that its attempt
        request.open -= 1
        if request.open == 0 and request.over is not None:
            request.close()


END: Callbacks = (Attempt.end,)
NOTHING = 0, 0, 0  # a bill


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
        self.kernel, self.ledger = kernel, ledger
        self.add_row = ledger.attempts.append
        self.index = index
        self.model = model
        self.target = model.target
        self.name = model.target.name
        self.graded = model.is_graded
        self.limits = model.limits
        self.slots, self.room = limits.concurrency, limits.queue
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

    def admit(self, attempt: Attempt, now: float) -> None:
        """Where slots or rates are limited: refuses a call, begins it, or has it wait."""
        slots, limits, request = self.slots, self.limits, attempt.request
        tokens = request.input_tokens, request.output_tokens, request.max_output_tokens
        full = slots is not None and self.busy >= slots
        if full and len(self.waiting) >= self.room:
            self._refuse(attempt, 503, "overloaded", None)
        elif limits is not None and (wait := limits.take(now, *tokens)) is not None:
            if wait == math.inf:
                self._refuse(attempt, 429, "too_large", None)
            else:
                self._refuse(attempt, 429, "rate_limited", wait)
        elif full:
            attempt.due = math.inf
            attempt.turn = Wake() if request.streamed else None
            self.waiting.append(attempt)
        else:
            self.begin(attempt, now)

    def draw(self, block: OpenBlock, number: int) -> tuple[Any, ...]:
        """Draws what the `number`-th send (from 0) of each request of a block meets here."""
        key = self.index if number == 0 else (self.index, number)
        # a plain tuple is unpacked in a quarter of the time of a named one
        draws = block.draws[key] = tuple(self.model.draw_lists(block.block, number))
        if number == 0:
            # whole answers of the block at the price of now; another block's, or what begins at
            # another price, is billed by itself
            if self.kernel.env._now >= self.until:
                self.refresh(self.kernel.env._now)
            self.billed, self.billed_at = block, self.card
            self.bills = self.card.bill_many(*block.block.billed_tokens).tolist()
        return draws

    def leave(self, attempt: Attempt, now: float) -> None:
        """Gives the slot back; the next in the line takes it."""
        self.busy -= 1
        until = now if now < self._closes else self._closes
        if until > attempt.began:
            self.busy_seconds += until - attempt.began
        if self.waiting:
            following = self.waiting.popleft()
            if following.turn is not None:
                self.kernel.schedule(following.turn, now)
            self.begin(following, now)

    def _refuse(self, attempt: Attempt, status: int, error: str, retry_after: float | None) -> None:
        attempt.status, attempt.error, attempt.retry_after = status, error, retry_after
        attempt.seconds = attempt.draws[2][attempt.request.i]
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
        self.decide(attempt)
        kernel, end = self.kernel, now + attempt.seconds
        if attempt.awaited is None:
            attempt.due = end
        heappush(kernel.queue, (end, NORMAL, kernel.number(), attempt))

    def decide(self, attempt: Attempt) -> None:
        """What becomes of a call that begins now: status and seconds, of an answer the tokens."""
        request, conditions = attempt.request, self.conditions
        block, i = request.block, request.i
        ttft, decode, error_s, u_outcome, u_truncation, quality = attempt.draws
        if block.invalid[i]:
            attempt.status, attempt.error = block.invalid[i], "invalid"
            attempt.seconds = error_s[i] * conditions.slow_down
        elif u_outcome[i] >= conditions.failure_share:
            attempt.status, attempt.quality = 200, quality[i]
            attempt.first = first = ttft[i] * conditions.slow_down
            attempt.decode = rest = decode[i] * conditions.slow_down
            attempt.seconds = first + rest
            if request.streamed:
                self.stream(attempt, u_truncation[i], self.model.spec.truncated)
        else:
            attempt.status = conditions.failure_status(u_outcome[i])
            attempt.seconds, attempt.error = error_s[i] * conditions.slow_down, "error"
            if attempt.status == 0:
                attempt.status, attempt.seconds, attempt.error = 504, self._hang_limit, "hang"

    def stream(self, attempt: Attempt, cut: float, truncated: float) -> None:
        """The first token comes as an outcome of its own, with the rest behind it; `cut` below
        `truncated` ends the answer early."""
        if cut < truncated:
            attempt.status, attempt.error = 502, "truncated"
            attempt.seconds = attempt.first + attempt.decode * cut / truncated
        if attempt.abandoned:  # while it was in the line: it runs on, and nobody reads it
            return
        request, end = attempt.request, attempt.began + attempt.seconds
        rest = StreamRest(attempt, end)
        if request.rests is None:
            request.rests = [rest]
        else:
            request.rests.append(rest)
        attempt.awaited = token = Wake()
        token._value = new(Outcome, (200, self.name, "", None, 0.0, 0, 0, "", "no", None, rest, ""))
        attempt.due = due = attempt.began + attempt.first
        self.kernel.schedule(token, due)
