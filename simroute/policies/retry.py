"""Ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import FAILURES, Doc, Period, Positive, Seconds, Status
from simroute.core.target import next_alike
from simroute.gauges.backoff import Backoff
from simroute.gauges.pauses import PauseRules, Pauses
from simroute.gauges.retry_after import RetryAfterRule
from simroute.gauges.retry_purse import FreePurse, Purse, RetryBudget

Lasting = Literal["insufficient_quota", "invalid_body"]
"""Errors of answers: a 429 for a quota that is used up, a 200 with a body that nobody can read."""
SHUT = "breaker", "limit", "throttle"
"""Layers that refuse for one target, where another may be free."""


@layer("retry")
@dataclass
class Retry:
    """Sends a failed call again, after a pause, to the same deployment or to the next one alike;
    Retry-After lengthens the pause, or ends it all if it is too long.

    What a layer further in refused is not tried again: it would only be refused again. Nor is what
    stands in `hopeless`: a 429 for a quota that is used up, unless another is to be asked. Nor are
    pings, nor the trials of a breaker that wants single sends (its `trial: send`). A pause that one
    deployment asks for is not made before another is asked.

    With `idempotency_key` a try after a timeout gets the answer of the first send, in what is left
    of its time, and both are billed once, at deployments that know such keys (`idempotency_keys`;
    live: `idempotency_header`) and go on working when nobody waits. What failed is tried anew, and
    copies of a hedge inside are works of their own.

    Sources: AWS, Exponential Backoff And Jitter (2015); Finagle's RetryBudget; gRPC proposal A6;
    botocore 1.44.5; Brooker, Fixing retries with token buckets and circuit breakers (2022); for
    keys draft-ietf-httpapi-idempotency-key-header and Stripe's API. (OpenAI's and Anthropic's
    clients make a key for each call and name no header to send it by, openai 3.57 and anthropic
    2.14; Anthropic's API honours none: anthropic-sdk-typescript, pull request 1144, August 2026.)

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
    caller's wait: before the n-th retry initial x factor^(n-1), at most `max`, and `jitter`, or a
    little `added` to each, keeps callers from coming back together). `retry_after` makes it wait as
    long as the provider asks, but gives up at once where that is more than `max_retry_after`, so
    that a fallback outside loses no time; other clients have other rules (`retry_after_rule`).
    `where: model` asks another deployment of the same model, which helps where one alone is ill,
    and pauses before it only gain what a crowd of callers needs (`pause_elsewhere`); `deadline`
    spares tries whose caller will be gone: it counts from the request's arrival, whatever layers
    outside have used of it. A timeout
    must stand inside, or one hung call is never tried again; inside a breaker a call counts as it
    ends after all its tries, and so does a trial: unless the breaker says `trial: send`, it is
    tried again like any other.
    """

    attempts: Annotated[Positive, Doc("sends in all, the first included")] = 2
    statuses: Annotated[tuple[Status, ...], Doc("outcomes worth another try")] = FAILURES
    backoff: Annotated[Backoff, Doc("the pauses between tries")] = field(default_factory=Backoff)
    retry_after: Annotated[bool, Doc("wait at least as long as the provider asks")] = True
    max_retry_after: Annotated[Seconds, Doc("give up at once when it asks for more")] = 60.0
    budget: Annotated[
        RetryBudget | None, Doc("bounds retries by calls, so that they do not become the load")
    ] = None
    retry_after_rule: Annotated[RetryAfterRule, Doc("how Retry-After is obeyed")] = field(
        default_factory=RetryAfterRule
    )
    throttled: Annotated[
        Backoff | None, Doc("the pauses after 429; default: as after any other failure")
    ] = None
    where: Annotated[
        Literal["same", "model", "family"],
        Doc("asked then: the same deployment, or the next of its model or family, and round again"),
    ] = "same"
    pause_elsewhere: Annotated[
        bool, Doc("pause also before a retry that goes to another deployment")
    ] = True
    last_pause: Annotated[
        bool, Doc("pause after the last try too, as a loop does that sleeps after each failure")
    ] = False
    idempotency_key: Annotated[
        bool,
        Doc("all tries carry one key, so that who knows such keys works, and bills, once"),
    ] = False
    hopeless: Annotated[
        tuple[Lasting, ...],
        Doc("errors of which the same deployment is not asked again, whatever the status"),
    ] = ("insufficient_quota",)
    deadline: Annotated[
        Period | None,
        Doc("no retry that could not end within so long of the request's arrival"),
    ] = None
    takes: Annotated[Seconds, Doc("what a try takes at least, for `deadline`")] = 0.0

    def __post_init__(self) -> None:
        self._purse = FreePurse() if self.budget is None else Purse(self.budget)
        self._is_plain = self.budget is None and not self.idempotency_key
        throttled = self.backoff if self.throttled is None else self.throttled
        most = self.max_retry_after if self.retry_after else None
        lasts = self.retry_after and self.retry_after_rule.last_pause and self.attempts > 1
        self._ends_late = self.last_pause or lasts
        self._pauses = PauseRules(self.backoff, throttled, self.retry_after_rule, most)

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._is_plain:
            outcome = await send(call)
            return (
                outcome if outcome.status == 200 else await self._again(outcome, call, send, world)
            )
        if self.idempotency_key and not call.once:
            call = world.keyed(call)
        self._purse.came(world.now())
        outcome = self._told(await send(call), world)
        if outcome.status != 200:
            return await self._again(outcome, call, send, world)
        self._purse.succeeded(world.now(), None)
        return outcome

    async def _again(self, outcome: Outcome, call: Call, send: Send, world: World) -> Outcome:
        pauses = Pauses(self._pauses, lambda stream: world.uniform(stream, call))
        purse, paid = self._purse, None  # nothing is paid for the first send
        tries = 1 if call.once else self.attempts
        for attempt in range(1, tries + (self._ends_late and not call.once)):
            other = self._other(call, world)
            if not self._may_help(outcome, other):
                break
            asked = outcome.retry_after if other is None else None
            pausing = other is None or self.pause_elsewhere
            wait = pauses.next(attempt, outcome.status, asked) if pausing else 0.0
            if wait == inf or self._is_late(call, world.now() + wait):
                break
            if attempt == tries:
                await world.sleep(wait if self.last_pause else pauses.asked)
                break
            paid = purse.pay(world.now(), outcome.status)
            if paid is None:
                break
            world.emit("retried", call, target=call.target, status=outcome.status, wait=wait)
            await world.sleep(wait)
            call = call if other is None else call.to(other)
            outcome = self._told(await send(call), world)
        if outcome.ok:
            purse.succeeded(world.now(), paid)
        return outcome

    def _may_help(self, outcome: Outcome, other: str | None) -> bool:
        """Whether another try may end otherwise: never at one that refuses by itself."""
        if outcome.ok or outcome.status not in self.statuses:
            return False
        if other is None:
            return not outcome.by and outcome.error not in self.hopeless
        return outcome.by in ("", *SHUT)

    def _other(self, call: Call, world: World) -> str | None:
        """The deployment that the next try goes to, where that is another one."""
        if self.where == "same":
            return None
        return next_alike(call.target, world.targets(), self.where, call.request.forbids)

    def _is_late(self, call: Call, then: float) -> bool:
        """Whether a try that begins then could not end in time."""
        end = inf if self.deadline is None else call.request.arrival + self.deadline
        return then + self.takes > end

    def _told(self, outcome: Outcome, world: World) -> Outcome:
        if not outcome.by:
            self._purse.ended(world.now(), outcome.ok, outcome.status in self.statuses)
        return outcome
