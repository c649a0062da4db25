"""The life of a send in the simulated world, from the policy's `send` to its row."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from simroute.core import Call, Outcome
from simroute.core.outcome import timed_out
from simroute.core.value import blank
from simroute.ledger import ATTEMPT_ROW
from simroute.worlds.sim.events import CALLED_OFF, Callbacks, Service
from simroute.worlds.sim.kernel import reached_limit
from simroute.worlds.sim.request import SimRequest

if TYPE_CHECKING:
    from simroute.models.billing import RateCard

pack, pack_detail = ATTEMPT_ROW.pack, ATTEMPT_ROW.pack_detail


class Attempt(Service):
    """One send to one upstream: what a policy awaits, and the event of its end. Times in seconds;
    those without another word count from `began`, when the provider took it up."""

    call: Call | None  # None once it has been sent
    upstream: Any  # the `Upstream` that it is sent to
    request: SimRequest
    number: int  # of the request's attempts, from 1
    target_number: int  # of the request's attempts at this target, from 1
    start_s: float  # when it was sent
    probe: bool
    draws: tuple[Any, ...]  # what the weather does to sends of the block: as `Upstream.draw` has it
    status: int  # 0: given up before its service began
    error: str
    retry_after: float | None
    began: float
    seconds: float  # to its end
    first: float  # to the first token
    decode: float  # from the first token to the last; negative: there will be no answer
    stops: float  # of a stream that stalls: to its last token
    quality: float
    card: RateCard  # what it costs: the price when it began
    abandoned: bool
    left: float  # when the one that waited for an abandoned call stopped waiting
    cause: str  # why it failed, once it has: as `Outcome.cause` has it
    key: Any  # a `SendKey`, where a deployment knows repeated sends

    __slots__ = tuple(__annotations__)
    __init__ = object.__init__  # `start` sets the fields

    def start(self) -> None:
        """Sends the call: it is refused, begins, or waits for a slot."""
        call = self.call
        if call is None:
            raise RuntimeError("a send was awaited twice: call `send` again for another")
        self.call = None
        upstream, number = self.upstream, 0
        request: Any = call.request
        self.probe = call.probe
        request.open += 1
        request.attempts = self.number = request.attempts + 1
        if request.first is None:
            request.first = self
        else:
            number = request.count_send(upstream.index)
        self.start_s = now = upstream.env._now
        # one by one: in a tuple or a chain they take longer
        self.request = request
        self.target_number = number + 1
        self.callbacks = END
        self.abandoned = False
        self.error = ""
        self.decode = -1.0
        self.task = None
        self.awaited = None
        self.retry_after = None
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
            if self.due == math.inf and self.awaited is not None:
                yield self.awaited  # its turn in the line: then it is known what is awaited
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
        self.abandoned, self.left = True, upstream.env._now
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
        end of a whole answer that somebody waits for; `end_otherwise` is that of all else."""
        if self.abandoned:
            self.end_otherwise()
            return
        request, upstream = self.request, self.upstream
        block, i, now = request.block, request.i, upstream.env._now
        if upstream.slots is not None:
            upstream.leave(self, now)
        tokens_in, tokens_out = block.input_tokens[i], block.output_tokens[i]
        cached = block.cached_tokens[i]
        if block is upstream.billed and self.card is upstream.billed_at:
            nano = upstream.bills[i]
        else:
            nano = self.card.bill(tokens_in, tokens_out, cached, block.written_tokens[i])
        request.nano += nano
        if upstream.settles:
            upstream.settle(self, now, tokens_out, nano)
        request.served = self
        graded = upstream.graded[block.task[i]]
        if not graded:
            request.ungraded = True
        answer, usd = (block.question[i], self.quality, graded), nano / 1e9
        add_row = upstream.add_row
        self._value = outcome = blank(Outcome)
        outcome.status = 200
        outcome.target = upstream.name
        outcome.error = outcome.by = outcome.limit = ""
        outcome.retry_after = outcome.rest = None
        outcome.usd = usd
        outcome.input_tokens = tokens_in
        outcome.output_tokens = tokens_out
        outcome.cached = "no"
        outcome.answer = answer
        add_row(
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
                cached,
                nano,
                self.probe,
            )
        )
        self.awaited = None  # no cycle: a first token knows its rest, and that its attempt
        request.open -= 1
        if request.over is not None and request.open == 0:
            request.close()
        task = self.task
        if task is not None and task.waits is self:
            task.proceed(outcome)

    def end_otherwise(self) -> None:
        """The end of a failure, of a stream that broke off, of an answer that is not what it should
        be, and of what nobody waits for."""
        request, upstream = self.request, self.upstream
        now = upstream.env._now
        if upstream.slots is not None and self.began >= 0:
            upstream.leave(self, now)
        # an error or a hang costs nothing
        bill = self._bill(self.produced(now)) if self.decode >= 0 else NOTHING
        if self.abandoned and request.unbilled is not None:
            request.unbilled.remove(upstream.name)
        name, wait, usd, answer = upstream.name, self.retry_after, bill[2] / 1e9, None
        error = self.error
        if self.status == 200:  # abandoned, or not what it should be (`ODD`), graded or not
            block, i = request.block, request.i
            error = FILTERED if error == FILTERED else ""  # all others are not to be told apart
            graded = upstream.graded[block.task[i]]
            request.ungraded |= not graded
            if not self.abandoned:
                request.served, request.special = self, True
                answer = block.question[i], self.quality, graded
        self._value = Outcome(self.status, name, error, wait, usd, *bill[:2], "", "no", answer)
        if not self.abandoned:
            self.cause = self._value.cause
        self._close(*bill)
        self.resume()

    def produced(self, now: float) -> int:
        """How many of the answer's tokens there are by `now`, or when it was cut."""
        tokens: int = self.upstream.whole_length(self.request.block.output_tokens[self.request.i])
        now = min(now, self.began + (self.stops if self.error == STALLED else self.seconds))
        # summed as the end was: rounding must not take a token away
        if now >= self.began + (self.first + self.decode):
            return tokens
        # no time per token: all come with the first
        share = (now - self.began - self.first) / self.decode if self.decode else 0.0
        return int(tokens * max(0.0, share))

    def silent_at(self, silence: float) -> float:
        """When for the first time no token of a stream has come for so many seconds. The first is
        there at `first`, the others follow at equal distances."""
        first, tokens = self.began + self.first, self.request.block.output_tokens[self.request.i]
        gap: float = self.decode / max(self.upstream.whole_length(tokens), 1)
        if gap > silence:
            return first + silence
        if self.error != STALLED:
            return math.inf
        return first + gap * self.produced(self.began + self.stops) + silence

    def _bill(self, tokens_out: int) -> tuple[int, int, int]:
        """Charges the request for so many tokens of the answer; returns (input tokens, output
        tokens, nano-USD)."""
        request = self.request
        block, i = request.block, request.i
        tokens_in = block.input_tokens[i]
        nano = self.card.bill(
            tokens_in, tokens_out, block.cached_tokens[i], block.written_tokens[i]
        )
        request.nano += nano
        return tokens_in, tokens_out, nano

    def _close(self, tokens_in: int, tokens_out: int, nano: int) -> None:
        """Makes its row, and closes the request if this was the last of it."""
        request, upstream = self.request, self.upstream
        retry_after, abandoned, now = self.retry_after, self.abandoned, upstream.env._now
        error, ledger = "abandoned" if abandoned else self.error, upstream.ledger
        # not if it was refused
        if upstream.settles and (self.began >= 0 or self.due == math.inf):
            upstream.settle(self, now, tokens_out, nano)
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


class Refusal:
    """What a policy awaits that sends where its request forbids: it has its outcome at once, and
    the provider hears nothing of it."""

    __slots__ = ("outcome",)

    def __init__(self, target: str | None) -> None:
        self.outcome = Outcome.rejected("forbids", 403, target)

    def __await__(self) -> Generator[Any, Any, Outcome]:
        return self.outcome
        yield


END: Callbacks = (Attempt.end,)
ODD: Callbacks = (lambda attempt: attempt.end_otherwise(),)
"""Of all but a whole answer."""
NOTHING = 0, 0, 0  # a bill
FILTERED = "content_filter"  # as a gateway reads it in `finish_reason`
STALLED = "stalled"  # the error of a stream that stops after its first token, and does not end
