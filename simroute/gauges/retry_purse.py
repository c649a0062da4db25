"""What retries are paid from, by whichever rule a policy has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import Doc, Period, Positive, Range, Rate, Share, Status, Unit
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.retry_tokens import FailureShare, FailureTokens, RetryQuota, RetryTokens

Cost = Annotated[float, Unit("tokens"), Range(low=0)]


@dataclass(frozen=True)
class RetryBudget:
    """Bounds retries, by one of three rules, so that they do not become the load.

    deposits: retries may be a share of recent calls, and so many a second in any case (Finagle's
    RetryBudget); or of all calls, from a bucket of `tokens` (Brooker 2022). half_full: of a bucket
    of `tokens` (default 10) each failed send takes one and each that succeeds gives `share` back,
    and nothing is retried unless more than half is left (gRPC A6). costs: of a bucket of `tokens`
    (default 500) each retry takes its cost, which its success gives back; a call that succeeds at
    once gives one back (botocore: cost 14, costs {429: 5}). Any of them may be stopped while too
    much fails.
    """

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
    rule: Annotated[
        Literal["deposits", "half_full", "costs"], Doc("how retries are paid for: see above")
    ] = "deposits"
    cost: Annotated[Cost, Doc("tokens that a retry takes (rule: costs)")] = 1.0
    costs: Annotated[
        dict[Status, Cost],
        Doc("the same after these statuses, say a dearer one after timeouts"),
    ] = field(default_factory=dict)


class FreePurse:
    """Of retries that nothing bounds."""

    def came(self, now: float) -> None: ...

    def ended(self, now: float, ok: bool, counts: bool) -> None: ...

    def pay(self, now: float, status: int) -> float | None:
        return 0.0

    def succeeded(self, now: float, paid: float | None) -> None: ...


class Purse(FreePurse):
    """The state of one budget."""

    def __init__(self, given: RetryBudget) -> None:
        self.given = given
        self._deposits: RetryBudgetState | RetryTokens = (
            RetryBudgetState(given.share, given.reserve, given.ttl)
            if given.tokens is None
            else RetryTokens(given.share, given.tokens)
        )
        self._half = FailureTokens(given.tokens or 10, given.share)
        self._quota = RetryQuota(given.tokens or 500)
        self._failures = None if given.failures is None else FailureShare(given.failures, given.ttl)

    def came(self, now: float) -> None:
        """A call came, to be sent for the first time."""
        if self.given.deposit == "call":
            self._deposits.deposit(now)

    def ended(self, now: float, ok: bool, counts: bool) -> None:
        """A send ended; counts: as a failure, if it failed, that could be tried again."""
        if self._failures is not None:
            self._failures.add(now, not ok)
        if ok:
            self._half.success()
        elif counts:
            self._half.failure()

    def pay(self, now: float, status: int) -> float | None:
        """Pays for a retry after this status; returns what it cost, None if it cannot be had."""
        given = self.given
        if self._failures is not None and not self._failures.allows(now):
            return None
        if given.rule == "half_full":
            return 0.0 if self._half.allowed else None
        if given.rule == "costs":
            cost = given.costs.get(status, given.cost)
            return cost if self._quota.take(cost) else None
        return 0.0 if self._deposits.withdraw(now) else None

    def succeeded(self, now: float, paid: float | None) -> None:
        """A call was answered; paid: for the last of its retries, None without one."""
        if self.given.deposit == "success":
            self._deposits.deposit(now)
        self._quota.give(1.0 if paid is None else paid)
