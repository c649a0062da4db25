"""Ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.outcome import STATUS
from simroute.core.params import Doc, Period, Positive, Rate, Seconds, Share, Status
from simroute.gauges.backoff import Backoff
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.retry_tokens import FailureShare, RetryTokens

QUOTA = "insufficient_quota"
"""A 429 that waiting does not help."""


@dataclass(frozen=True)
class RetryBudget:
    """Retries may be a share of recent calls, and so many a second in any case (Finagle's
    RetryBudget); or of all calls, from a bucket of `tokens`. Either may be stopped while too much
    fails."""

    share: Annotated[Share, Doc("retries by calls of the last `ttl`")] = 0.2
    reserve: Annotated[Rate, Doc("retries there are in any case")] = 10.0
    ttl: Annotated[Period, Doc("how long a call counts")] = 10.0
    deposit: Annotated[
        Literal["call", "success"],
        Doc(
            "what counts for `share`: each call, or each that succeeds, so that none is left when "
            "all fail"
        ),
    ] = "call"
    tokens: Annotated[
        Positive | None,
        Doc(
            "a bucket of so many retries, full at first, that deposits fill by `share`; instead of "
            "`reserve` and `ttl`"
        ),
    ] = None
    failures: Annotated[
        Share | None, Doc("no retry while more than this share of the sends of the last `ttl` fail")
    ] = None


@layer("retry")
@dataclass
class Retry:
    """Sends a failed call again to the same target, after a pause; Retry-After lengthens the pause,
    or ends it all if it is too long.

    What a layer further in refused is not tried again: it would only be refused again. Nor is a 429
    for a quota that is used up (error insufficient_quota), whose Retry-After none knows. Nor are
    pings, nor the trials of a breaker that wants single sends (its `trial: send`).

    Example:

        retry:
          attempts: 3
          backoff: {initial: 0.5s, factor: 2, jitter: full}
          budget: {share: 0.2, reserve: 1}
        timeout: {total: 30s, first_token: 10s}

    Interplay: `attempts` helps where failures are brief and independent: with an error share e a
    call fails with e to the power of `attempts`, and 1 + e + e² … sends are made for it. In an
    outage it multiplies the load on what is failing, which `budget` bounds: retries up to `share`
    of recent calls plus `reserve` a second. `backoff` spreads them (the pauses add up in the
    caller's wait: before the n-th retry initial x factor^(n-1), at most `max`, and `jitter` keeps
    callers from coming back together). `retry_after` makes it wait as long as the provider asks,
    but gives up at once where that is more than `max_retry_after`, so that a fallback outside loses
    no time. A timeout must stand inside, or one hung call is never tried again. Inside a breaker a
    call counts as it ends after all its tries, and so does a trial: unless the breaker says `trial:
    send`, it is tried again like any other.
    """

    attempts: Annotated[Positive, Doc("sends in all, the first included")] = 2
    statuses: Annotated[tuple[Status, ...], Doc("outcomes worth another try")] = (
        408,
        429,
        500,
        502,
        503,
        504,
        529,
    )
    backoff: Annotated[Backoff, Doc("the pauses between tries")] = field(default_factory=Backoff)
    retry_after: Annotated[bool, Doc("wait at least as long as the provider asks")] = True
    max_retry_after: Annotated[Seconds, Doc("give up at once when it asks for more")] = 60.0
    budget: Annotated[
        RetryBudget | None, Doc("bounds retries by calls, so that they do not become the load")
    ] = None

    def __post_init__(self) -> None:
        self._budget: RetryBudgetState | RetryTokens | None = None
        self._failures: FailureShare | None = None
        if (given := self.budget) is not None:
            self._budget = (
                RetryBudgetState(given.share, given.reserve, given.ttl)
                if given.tokens is None
                else RetryTokens(given.share, given.tokens)
            )
            if given.failures is not None:
                self._failures = FailureShare(given.failures, given.ttl)

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self.budget is None:
            outcome = await send(call)
            return (
                outcome if outcome[STATUS] == 200 else await self._again(outcome, call, send, world)
            )
        self._deposit("call", world.now())
        outcome = self._told(await send(call), world)
        if outcome.status != 200:
            outcome = await self._again(outcome, call, send, world)
        if outcome.ok:
            self._deposit("success", world.now())
        return outcome

    async def _again(self, outcome: Outcome, call: Call, send: Send, world: World) -> Outcome:
        pause = 0.0
        for attempt in range(1, 1 if call.once else self.attempts):
            if outcome.ok or outcome.by or outcome.status not in self.statuses:
                break
            if outcome.error == QUOTA:
                break
            asked = (
                outcome.retry_after if self.retry_after and outcome.retry_after is not None else 0.0
            )
            if asked > self.max_retry_after or not self._affords(world.now()):
                break
            pause = self.backoff.delay(attempt, self._u(call, world), pause)
            world.emit(
                "retried", call, target=call.target, status=outcome.status, wait=max(pause, asked)
            )
            await world.sleep(max(pause, asked))
            outcome = self._told(await send(call), world)
        return outcome

    def _told(self, outcome: Outcome, world: World) -> Outcome:
        if self._failures is not None and not outcome.by:
            self._failures.add(world.now(), not outcome.ok)
        return outcome

    def _deposit(self, what: str, now: float) -> None:
        if self._budget is not None and self.budget is not None and self.budget.deposit == what:
            self._budget.deposit(now)

    def _u(self, call: Call, world: World) -> float:
        return 0.0 if self.backoff.jitter == "none" else world.uniform("jitter", call)

    def _affords(self, now: float) -> bool:
        if self._failures is not None and not self._failures.allows(now):
            return False
        return self._budget is None or self._budget.withdraw(now)
