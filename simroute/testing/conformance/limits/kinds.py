"""The kinds of limiters and budgets, each as operations on a gauge of ours.

Where no library has a default, a limit that is not stated limits nothing, and a bucket holds what
it gains in a minute, as providers' limits do. So it is with a step's last arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace as Given
from typing import Any

from simroute.gauges.bucket import Bucket, DualLimit
from simroute.gauges.concurrency import AimdLimit, GradientLimit, VegasLimit
from simroute.gauges.rate import AdaptiveRate, CubicCurve, MeasuredRate
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.retry_tokens import FailureTokens, RetryQuota
from simroute.gauges.throttle import AdaptiveThrottle
from simroute.gauges.windows import FixedWindow, SlidingLog
from simroute.testing.conformance.spelling import exact

Operations = dict[str, Callable[..., Any]]
"""What an item's operations do, and its figures, told the arguments of the operation before; "n" is
what is left, "used" what is not."""
MINUTE = 60.0
NEVER = math.inf
"""What can never be had: a refusal, an error or an endless wait, however an item says it."""


def _meter(meter: Any) -> Operations:
    """take: NEVER for more than there ever is."""

    def take(now: float, amount: float = 1.0) -> Any:
        return meter.take(now, amount) or (NEVER if meter.wait(now, amount) == math.inf else False)

    return {
        "take": take,
        "wait": lambda now, amount=1.0: meter.wait(now, amount),
        "n": lambda now, *_: meter.level(now),
        "used": lambda now, *_: meter.capacity - meter.level(now),
    }


def _bucket(given: Given) -> Operations:
    capacity, refill = given.capacity, given.refill
    if refill is None:
        refill = 0.0 if capacity is None else capacity / MINUTE
    elif capacity is None:
        capacity = refill * MINUTE
    capacity = math.inf if capacity is None else capacity
    return _filled(Bucket(capacity, refill, _initial(given, capacity)))


def _initial(given: Given, capacity: float) -> float | None:
    return None if given.initial is None else min(float(given.initial), capacity)


def _filled(bucket: Bucket) -> Operations:
    def settle(now: float, reserved: float, used: float | None = None) -> None:
        bucket.settle(now, reserved, reserved if used is None else used)

    def refund(now: float, amount: float = 1.0) -> None:
        bucket.settle(now, amount, 0.0)

    return _meter(bucket) | {"settle": settle, "refund": refund}


def _gcra(given: Given) -> Operations:
    """A bucket of which each call takes one: a call may come `tolerance` early, that is burst - 1
    intervals."""
    interval = given.period if given.rate is None else 1 / given.rate
    interval = 1.0 if interval is None else interval
    burst = 1.0 if given.tolerance is None else 1 + given.tolerance / interval
    return _meter(Bucket(burst if given.burst is None else given.burst, 1 / interval))


def _leaky(given: Given) -> Operations:
    """A bucket seen from the other side: what is in it is what was taken and has not leaked."""
    return _filled(Bucket(given.capacity, given.leak, given.capacity - given.initial))


def _dual(given: Given) -> Operations:
    limit = DualLimit(given.rpm, given.tpm)
    reserved: dict[Any, float] = {}

    def reserve(now: float, key: Any, tokens: float = 0.0) -> Any:
        wait = limit.take(now, tokens)
        if wait == 0:
            reserved[key] = tokens
        return NEVER if wait == math.inf else wait == 0

    def finish(now: float, key: Any, used: float | None = None) -> None:
        if key not in reserved:
            raise ValueError(f"nothing is reserved for {key!r}")
        held = reserved.pop(key)
        limit.settle(now, held, held if used is None else used)

    def wait(now: float, *of: Any) -> float:
        return limit.wait(now, of[-1] if of and not isinstance(of[-1], str) else 0.0)

    def left(what: str) -> Callable[..., float]:
        return lambda now, *_: limit.left(now).get(what, (math.inf, math.inf))[1]

    return {
        "reserve": reserve,
        "finish": finish,
        "cancel": lambda now, key: finish(now, key, 0.0),
        "wait": wait,
        "requests": left("requests"),
        "tokens": left("tokens"),
    }


def _log(given: Given) -> Operations:
    return _meter(SlidingLog(given.limit, given.window))


def _window(given: Given) -> Operations:
    return _meter(FixedWindow(given.limit, given.window))


class SlidingCounter:
    """Counts of this window and of the one before, which weighs as much as of it is within a
    window's length from now. Source: Cloudflare, How we built rate limiting capable of scaling to
    millions of domains (2017). A refusal counts for nothing."""

    def __init__(self, capacity: float, seconds: float) -> None:
        self.capacity, self._seconds = capacity, seconds
        self._number, self._before, self._used = 0.0, 0.0, 0.0

    def level(self, now: float) -> float:
        """What is left."""
        number = now // self._seconds
        if number > self._number:
            self._before = self._used if number == self._number + 1 else 0.0
            self._number, self._used = number, 0.0
        rest = min(1.0, self._number + 1 - now / self._seconds)
        return self.capacity - self._used - self._before * rest

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take as much, if it fits."""
        fits = amount <= self.level(now) + 1e-9 * max(1.0, self.capacity)
        self._used += amount if fits else 0.0
        return fits


def _counter(given: Given) -> Operations:
    counter = SlidingCounter(given.limit, given.window)
    return {
        "take": counter.take,
        "n": lambda now, *_: counter.level(now),
        "used": lambda now, *_: counter.capacity - counter.level(now),
    }


def _concurrency(given: Given) -> Operations:
    busy = 0

    def acquire(now: float = 0.0) -> bool:
        nonlocal busy
        free = bool(busy < given.limit)
        busy += free
        return free

    def release(now: float = 0.0) -> None:
        nonlocal busy
        if not busy:
            raise ValueError("nothing is held")
        busy -= 1

    return {
        "acquire": acquire,
        "release": release,
        "used": lambda *_: busy,
        "n": lambda *_: given.limit - busy,
    }


def _finagle(given: Given) -> Operations:
    """Finagle counts a deposit as 1000, and a retry as the whole number of 1000 / percent. Times
    are exact."""
    share = given.percent and 1000 / int(1000 / given.percent)
    budget = RetryBudgetState(share, given.min_per_s, exact(given.ttl))
    return {
        "deposit": lambda now: budget.deposit(exact(now)),
        "balance": lambda now: budget.balance(exact(now)),
        "withdraw": lambda now: budget.withdraw(exact(now)),
    }


def _brooker(given: Given) -> Operations:
    """Brooker, Fixing retries with token buckets and circuit breakers (2022): whole tokens; `start`
    and `should_retry` as in its simulator, which wants more than one."""
    capacity = 10.0 if given.capacity is None else given.capacity
    bucket = Bucket(capacity, 0.0, _initial(given, capacity))

    def deposit(now: float = 0.0) -> None:
        bucket.refund(0.0, 0.0, given.ratio)

    def withdraw(now: float = 0.0) -> bool:
        return bucket.take(0.0, float(given.cost))

    def should_retry(now: float = 0.0) -> bool:
        return bucket.level(0.0) > float(given.cost) and withdraw()

    return {
        "withdraw": withdraw,
        "should_retry": should_retry,
        "deposit": deposit,
        "start": deposit,
        "failure": withdraw,
        "allowed": lambda *_: bucket.wait(0.0, given.cost) == 0,
        "n": lambda *_: bucket.level(0.0),
    }


def _grpc(given: Given) -> Operations:
    """A failure with a status that is not to be tried again may be said not to count."""
    throttle = FailureTokens(given.max_tokens, given.ratio)

    def failure(counts: bool = True) -> bool:
        return throttle.failure() if counts else throttle.allowed

    return {
        "failure": failure,
        "success": throttle.success,
        "allowed": lambda: throttle.allowed,
        "n": lambda *_: throttle.thousandths,
    }


def _aws_quota(given: Given) -> Operations:
    quota = RetryQuota(given.capacity)
    return {
        "acquire": lambda cost=RETRY_COST: quota.take(cost),
        "release": lambda amount=1: quota.give(amount),
        "n": lambda *_: quota.left,
    }


RETRY_COST = 14
"""Tokens of botocore's quota, since 2026."""


def _aws_bucket(given: Given) -> Operations:
    """botocore's bucket of its adaptive mode: empty at first, of one second's tokens."""
    bucket = Bucket(max(1.0, given.rate), max(given.least, given.rate))
    bucket.spend(given.t0, bucket.capacity)

    def set_rate(now: float, rate: float) -> None:
        bucket.change_rate(now, max(1.0, rate), max(given.least, rate))

    return {
        "take": bucket.take,
        "wait": lambda now, amount=1.0: bucket.wait(now, amount),
        "set_rate": set_rate,
        "n": lambda now, *_: bucket.level(now),
        "rate": lambda *_: bucket.refill,
        "capacity": lambda *_: bucket.capacity,
    }


def _aws_adaptive(given: Given) -> Operations:
    rate = AdaptiveRate(given.t0, given.least, given.c, given.beta, given.smoothing)

    def tell(now: float, throttled: bool = False) -> float:
        rate.tell(now, throttled)
        return rate.rate

    return {
        "send": lambda now: rate.take(now) == 0,
        "wait": rate.wait,
        "tell": tell,
        "ok": tell,
        "throttled": lambda now: tell(now, True),
        "enabled": lambda *_: rate.is_on,
        "rate": lambda *_: rate.rate,
    }


def _clocker(given: Given) -> Operations:
    measured = MeasuredRate(given.t0, given.smoothing)
    return {"record": measured.add, "rate": lambda *_: measured.rate}


def _throttle(given: Given) -> Operations:
    throttle = AdaptiveThrottle(given.k, given.window)
    return {"request": throttle.ask, "accept": throttle.accept}


def _envoy(given: Given) -> Operations:
    """Retries that may be under way beside so many calls."""

    def limit(calls: float, *_: Any) -> int:
        return max(int(given.least), int(calls * given.percent / 100 + 1e-9))

    return {
        "allowed": lambda calls, retries=0: retries < limit(calls),
        "limit": limit,
    }


def _sample(limit: AimdLimit | VegasLimit | GradientLimit) -> Callable[..., int]:
    """in_flight: default, as many as the limit allows."""

    def sample(seconds: float, in_flight: int | None = None, dropped: bool = False) -> int:
        return limit.sample(seconds, limit.limit if in_flight is None else in_flight, dropped)

    return sample


def _aimd(given: Given) -> Operations:
    limit = AimdLimit(given.initial, given.min, given.max, given.backoff, given.timeout)
    return {"sample": _sample(limit), "limit": lambda *_: limit.limit}


def _vegas(given: Given) -> Operations:
    limit = VegasLimit(
        given.initial,
        most=given.max,
        smoothing=given.smoothing,
        alpha=given.alpha,
        beta=given.beta,
        decrease=given.decrease,
        probe=given.probe_multiplier,
    )
    sample, second = _sample(limit), 1e9  # in whole nanoseconds, as there

    return {
        "sample": lambda seconds, *more: sample(round(seconds * second), *more),
        "limit": lambda *_: limit.limit,
        "e": lambda *_: limit.estimate,
        "rtt_noload": lambda *_: limit.shortest / second,
    }


def _gradient(given: Given) -> Operations:
    limit = GradientLimit(
        given.initial,
        given.min,
        given.max,
        given.smoothing,
        given.queue_size,
        given.tolerance,
        given.long_window,
    )
    return {
        "sample": _sample(limit),
        "limit": lambda *_: limit.limit,
        "e": lambda *_: limit.estimate,
        "long": lambda *_: limit.mean,
    }


def _cubic(given: Given) -> Operations:
    curve = CubicCurve(given.w, given.t0, given.c, given.beta)
    return {
        "ok": curve.at,
        "throttled": curve.throttled,
        "k": lambda *_: curve.k,
        "w": lambda *_: curve.top,
        "t0": lambda *_: curve.began,
    }


KINDS: dict[str, Callable[[Given], Operations]] = {
    "adaptive_throttle": _throttle,
    "aimd": _aimd,
    "aws_adaptive": _aws_adaptive,
    "aws_bucket": _aws_bucket,
    "aws_quota": _aws_quota,
    "brooker_budget": _brooker,
    "concurrency": _concurrency,
    "cubic": _cubic,
    "dual_limit": _dual,
    "envoy_budget": _envoy,
    "finagle_budget": _finagle,
    "fixed_window": _window,
    "gcra": _gcra,
    "gradient2": _gradient,
    "grpc_throttle": _grpc,
    "leaky_bucket": _leaky,
    "rate_clocker": _clocker,
    "sliding_counter": _counter,
    "sliding_log": _log,
    "token_bucket": _bucket,
    "vegas": _vegas,
}
