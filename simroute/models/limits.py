"""What a provider grants while a run lasts: rates of requests and tokens, refilled as it counts
them, all of them or nothing; and a quota that ends it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple, Protocol

from simroute.gauges.bucket import Bucket
from simroute.gauges.windows import FixedWindow, SlidingLog
from simroute.models import spec
from simroute.models.surcharges import credit_fee, runs_dry

DAY = 86_400.0
REQUESTS, TOKENS, INPUT, OUTPUT = range(4)
AXES = {
    "rpm": (REQUESTS, "requests"),
    "tpm": (TOKENS, "tokens"),
    "itpm": (INPUT, "input-tokens"),
    "otpm": (OUTPUT, "output-tokens"),
    "rpd": (REQUESTS, "requests"),
    "tpd": (TOKENS, "tokens"),
}
"""Axis -> what of a call it counts, and what providers' headers call it."""


class Meter(Protocol):
    """One axis: see `gauges.bucket.Bucket` and `gauges.windows`."""

    capacity: float

    def level(self, now: float) -> float: ...
    def wait(self, now: float, amount: float) -> float: ...
    def spend(self, now: float, amount: float) -> None: ...
    def refund(self, then: float, now: float, amount: float) -> None: ...
    def refuse(self, now: float, amount: float) -> None: ...
    def reset(self, now: float) -> float: ...


class Tokens(NamedTuple):
    """Of a call: input, the output if it is answered, the most that it allows, and how much of the
    input the provider reads from its cache."""

    input: int
    output: int
    max_output: int
    cached: int = 0


class Balance:
    """Credits of one account, in whole nano-USD of use, as bills are; purchases: made so far, the
    first included."""

    def __init__(self, credits: spec.Credits, fee: float) -> None:
        self.credits, self.purchases = credits, 1
        self._bought, self._below = round(credits.purchase * 1e9), round(credits.below * 1e9)
        self._left, self._per_usd, self._due = self._bought, 1e9 / (1.0 + fee), math.inf
        self._order(0.0)

    @classmethod
    def of(cls, limits: spec.RateLimits) -> Balance | None:
        """None where nothing is paid in advance."""
        credits = limits.credits if isinstance(limits, spec.Account) else None
        return None if credits is None else cls(credits, credit_fee(limits))

    def left(self, now: float) -> int:
        """What may be used at `now`; negative if calls under way cost more than there was."""
        while now >= self._due:
            at, self._due = self._due, math.inf
            self._left += self._bought
            self.purchases += 1
            self._order(at)
        return self._left

    def use(self, now: float, usd: float) -> None:
        """A call has cost so much, of which a share was the fee on the credits that it used."""
        self.left(now)
        self._left -= round(usd * self._per_usd)
        self._order(now)

    def _order(self, now: float) -> None:
        """Buys more if it is time to, and none is on its way."""
        if self._left <= self._below and self._due == math.inf:
            self._due = now + self.credits.delay


class Grant:
    """The rates of one `spec.RateLimits`, and what is left of them. It may be shared by several
    deployments."""

    def __init__(self, limits: spec.RateLimits) -> None:
        self.limits = limits
        self.billed = 0.0
        self.quota = math.inf if limits.quota is None else limits.quota
        self.balance = Balance.of(limits)
        self.hint = limits.retry_after_factor if limits.retry_after == "exact" else None
        self._meters: list[tuple[Meter, int, str]] = []
        for axis, (counted, _) in AXES.items():
            rate = getattr(limits, axis)
            if rate is not None:
                self._meters.append((_meter(limits, axis, rate), counted, axis))

    def amounts(self, tokens: Tokens) -> tuple[float, float, float, float]:
        """What the call is charged when it is let in, by what axes count."""
        asked, output, most, cached = tokens
        charge = self.limits.charge
        if charge == "generated":
            output = 0
        elif charge != "estimate":
            output = most
        if self.limits.cached == "free":
            asked -= cached
        return 1.0, float(asked + output), float(asked), float(output)

    def wait(self, now: float, amounts: tuple[float, ...]) -> float:
        """Seconds until so much fits; infinite if it never can."""
        longest = 0.0
        for meter, counted, _ in self._meters:
            wait = meter.wait(now, amounts[counted])
            if wait > longest:
                longest = wait
        return longest

    def spend(self, now: float, amounts: tuple[float, ...]) -> None:
        """Charge what has been let in."""
        for meter, counted, _ in self._meters:
            meter.spend(now, amounts[counted])

    def refuse(self, now: float, amounts: tuple[float, ...]) -> None:
        """A call was refused, which may count as well."""
        if self.limits.counts == "all":
            for meter, counted, _ in self._meters:
                meter.refuse(now, amounts[counted])

    def end(self, then: float, now: float, tokens: Tokens, answered: bool) -> None:
        """A call that was let in at `then` has ended with `tokens.output`: charge what was
        generated, give back what was not used."""
        if not answered and self.limits.counts == "answered":
            self._give_back(then, now, self.amounts(tokens))
        elif self.limits.charge == "generated":
            made = float(tokens.output)
            for meter, counted, _ in self._meters:
                if counted in (TOKENS, OUTPUT):
                    meter.spend(now, made)
        elif self.limits.charge == "correct":
            unused = float(tokens.max_output - tokens.output)
            self._give_back(then, now, (0.0, unused, 0.0, unused))

    def _give_back(self, then: float, now: float, amounts: tuple[float, ...]) -> None:
        for meter, counted, _ in self._meters:
            meter.refund(then, now, amounts[counted])

    def left(self, now: float, axes: Collection[str]) -> dict[str, tuple[float, float, float]]:
        """As `RateLimit.left`; of two axes with one name, that of which less is left."""
        told: dict[str, tuple[float, float, float]] = {}
        for meter, _, axis in self._meters:
            level, (_, word) = meter.level(now), AXES[axis]
            if axis in axes and (word not in told or level < told[word][1]):
                told[word] = meter.capacity, level, meter.reset(now)
        return told


class RateLimit:
    """What one deployment may be sent: limits of its own, and those of its account.

    Retry-After is exact, (used + requested - limit) / (limit / 60) as in real 429 messages, unless
    the limits say otherwise.
    """

    def __init__(self, limits: spec.RateLimits, account: Grant | None = None) -> None:
        self._grants = [Grant(limits)] if has_rates(limits) else []
        self._grants += [account] if account is not None else []
        self.settles = any(
            grant.limits.charge in ("correct", "generated") or grant.limits.counts == "answered"
            for grant in self._grants
        )
        self.has_quota = any(
            grant.quota < math.inf or grant.balance is not None for grant in self._grants
        )

    def unpaid(self, now: float) -> int:
        """The status of a call for which there is no money: a quota is spent, or credits are used
        up; else 0."""
        for grant in self._grants if self.has_quota else ():
            if grant.billed >= grant.quota:
                return 429
            if grant.balance is not None and grant.balance.left(now) <= 0:
                return grant.balance.credits.status
        return 0

    def take(
        self,
        now: float,
        input_tokens: int,
        output_tokens: int,
        max_output_tokens: int,
        cached_tokens: int = 0,
    ) -> float | None:
        """None if the call may pass (and is charged), else the seconds until it may: infinite if it
        is charged more than a window grants."""
        tokens = Tokens(input_tokens, output_tokens, max_output_tokens, cached_tokens)
        if len(self._grants) == 1:  # nearly always
            (grant,) = self._grants
            amounts = grant.amounts(tokens)
            wait = grant.wait(now, amounts)
            if wait == 0:
                grant.spend(now, amounts)
                return None
            grant.refuse(now, amounts)
            return wait
        asked = [(grant, grant.amounts(tokens)) for grant in self._grants]
        wait = max(grant.wait(now, amounts) for grant, amounts in asked)
        for grant, amounts in asked:
            if wait == 0:
                grant.spend(now, amounts)
            else:
                grant.refuse(now, amounts)
        return wait if wait > 0 else None

    def retry_after(self, wait: float) -> float | None:
        """What a 429 says where `wait` seconds are true."""
        hints = [grant.hint for grant in self._grants]
        return None if None in hints else wait * max(hint for hint in hints if hint is not None)

    def end(self, then: float, now: float, tokens: Tokens, answered: bool) -> None:
        """As `Grant.end`; only needed where it `settles`."""
        for grant in self._grants:
            grant.end(then, now, tokens, answered)

    def bill(self, now: float, usd: float) -> None:
        """A call has been billed, which uses up a quota, and credits."""
        for grant in self._grants:
            grant.billed += usd
            if grant.balance is not None:
                grant.balance.use(now, usd)

    def left(
        self, now: float, axes: Collection[str] = AXES.keys()
    ) -> dict[str, tuple[float, float, float]]:
        """By "requests", "tokens", "input-tokens" and "output-tokens", where one of `axes` limits
        them: how much may be used at once, what is left of it now, and seconds until all of it is
        there."""
        told: dict[str, tuple[float, float, float]] = {}
        for grant in self._grants:
            for word, facts in grant.left(now, axes).items():
                if word not in told or facts[1] < told[word][1]:
                    told[word] = facts
        return told


def has_rates(limits: spec.RateLimits) -> bool:
    """Whether they limit anything but calls in flight."""
    rates = any(getattr(limits, axis) is not None for axis in AXES)
    return rates or limits.quota is not None or runs_dry(limits)


def is_limited(deployment: spec.Deployment, scenario: spec.Scenario) -> bool:
    """Whether its own rates, or those of its account, limit anything but calls in flight."""
    shared = scenario.accounts.get(deployment.account or "")
    return has_rates(deployment.limits) or (shared is not None and has_rates(shared))


def _meter(limits: spec.RateLimits, axis: str, rate: float) -> Meter:
    """A window's worth of a rate. One that grants less than one request still holds one, so that it
    fills in the end."""
    if axis in ("rpd", "tpd"):
        period, window = DAY, DAY
    else:
        period = 60.0
        window = limits.window if axis == "rpm" else limits.token_window
    capacity = rate if window == period else rate * window / period
    if axis in ("rpm", "rpd"):
        capacity = max(1.0, capacity)
    if limits.refill == "continuous":
        return Bucket(capacity, rate / period)
    return (FixedWindow if limits.refill == "fixed" else SlidingLog)(capacity, window)
