"""Items of limits_and_retries.json, played on our buckets, logs, budgets, back-offs and limits.

A kind's configuration is read by its own fields; what an item leaves out is the default of the
library that the kind is of. Where no library has one, a limit that is not stated limits nothing,
and a bucket holds what it gains in a minute, as providers' limits do. So it is with a step's last
arguments. A field that we do not know is a reason to skip, never ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simroute.gauges.backoff import Backoff, raised
from simroute.gauges.bucket import Bucket, DualLimit
from simroute.gauges.concurrency import AimdLimit, GradientLimit, VegasLimit
from simroute.gauges.rate import CubicCurve
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.retry_tokens import FailureTokens, RetryQuota
from simroute.gauges.windows import FixedWindow, SlidingLog
from simroute.testing.conformance.hedges import play_hedge
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Inexpressible,
    check_equal,
    settings,
    skip_if,
)

Operations = dict[str, Callable[..., Any]]
"""What an item's operations do, and its figures, told the arguments of the operation before; "n" is
what is left."""


MINUTE = 60.0


def _bucket(config: Config) -> Operations:
    given = settings(config, capacity=None, refill=None, initial=None)
    capacity, refill = given.capacity, given.refill
    if refill is None:
        refill = 0.0 if capacity is None else capacity / MINUTE
    elif capacity is None:
        capacity = refill * MINUTE
    bucket = Bucket(math.inf if capacity is None else capacity, refill, given.initial)

    def settle(now: float, reserved: float, used: float | None = None) -> None:
        bucket.settle(now, reserved, reserved if used is None else used)

    return _meter(bucket) | {"settle": settle}


def _meter(meter: Any) -> Operations:
    return {
        "take": meter.take,
        "wait": lambda now, amount=1.0: meter.wait(now, amount),
        "n": lambda now, *_: meter.level(now),
    }


def _dual(config: Config) -> Operations:
    given = settings(config, rpm=None, tpm=None)
    limit = DualLimit(given.rpm, given.tpm)
    reserved: dict[str, float] = {}

    def reserve(now: float, key: str, tokens: float) -> bool | str:
        wait = limit.take(now, tokens)
        if wait == 0:
            reserved[key] = tokens
        return "error" if wait == math.inf else wait == 0  # an infinite wait: never

    def finish(now: float, key: str, used: float | None = None) -> None:
        held = reserved.pop(key)
        limit.settle(now, held, held if used is None else used)

    def left(what: str) -> Callable[..., float]:
        return lambda now, *_: limit.left(now)[what][1]

    return {
        "reserve": reserve,
        "finish": finish,
        "wait": limit.wait,
        "requests": left("requests"),
        "tokens": left("tokens"),
    }


def _log(config: Config) -> Operations:
    given = settings(config, limit=math.inf, window=MINUTE)
    return _meter(SlidingLog(given.limit, given.window))


def _window(config: Config) -> Operations:
    given = settings(config, limit=math.inf, window=MINUTE)
    return _meter(FixedWindow(given.limit, given.window))


def _finagle(config: Config) -> Operations:
    given = settings(config, ttl=10.0, min_per_s=10.0, percent=0.2)
    budget = RetryBudgetState(given.percent, given.min_per_s, given.ttl)
    return {"deposit": budget.deposit, "balance": budget.balance, "withdraw": budget.withdraw}


def _grpc(config: Config) -> Operations:
    given = settings(config, max_tokens=10, ratio=0.1)
    throttle = FailureTokens(given.max_tokens, given.ratio)
    return {
        "failure": throttle.failure,
        "success": throttle.success,
        "allowed": lambda: throttle.allowed,
        "n": lambda *_: throttle.thousandths,
    }


def _aws(config: Config) -> Operations:
    given = settings(config, capacity=500)
    quota = RetryQuota(given.capacity)
    return {
        "acquire": lambda cost=RETRY_COST: quota.take(cost),
        "release": lambda amount=1: quota.give(amount),
        "n": lambda *_: quota.left,
    }


RETRY_COST = 14
"""Tokens of botocore's quota, since 2026."""


def _sample(limit: AimdLimit | VegasLimit | GradientLimit) -> Callable[..., int]:
    """in_flight: default, as many as the limit allows."""

    def sample(seconds: float, in_flight: int | None = None, dropped: bool = False) -> int:
        return limit.sample(seconds, limit.limit if in_flight is None else in_flight, dropped)

    return sample


def _aimd(config: Config) -> Operations:
    given = settings(config, initial=20, min=20, max=200, backoff=0.9, timeout=5.0)
    limit = AimdLimit(given.initial, given.min, given.max, given.backoff, given.timeout)
    return {"sample": _sample(limit), "limit": lambda *_: limit.limit}


def _vegas(config: Config) -> Operations:
    given = settings(
        config,
        initial=20,
        max=1000,
        smoothing=1.0,
        alpha=None,
        beta=None,
        decrease=None,
        probe_multiplier=30,
    )
    ways = {None: None, "log10": None, "half": 0.5}
    skip_if(given.decrease not in ways, f"a decrease by {given.decrease}")
    limit = VegasLimit(
        given.initial,
        most=given.max,
        smoothing=given.smoothing,
        alpha=given.alpha,
        beta=given.beta,
        decrease=ways[given.decrease],
        probe=given.probe_multiplier,
    )
    return {
        "sample": _sample(limit),
        "limit": lambda *_: limit.limit,
        "e": lambda *_: limit.estimate,
        "rtt_noload": lambda *_: limit.shortest,
    }


def _gradient(config: Config) -> Operations:
    given = settings(
        config,
        initial=20,
        min=20,
        max=200,
        smoothing=0.2,
        queue_size=4,
        tolerance=1.5,
        long_window=600,
    )
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


def _cubic(config: Config) -> Operations:
    given = settings(config, w=0.0, t0=0.0, c=0.4, beta=0.7)
    curve = CubicCurve(given.w, given.t0, given.c, given.beta)
    return {
        "ok": curve.at,
        "throttled": curve.throttled,
        "k": lambda *_: curve.k,
        "w": lambda *_: curve.top,
        "t0": lambda *_: curve.began,
    }


KINDS: dict[str, Callable[[Config], Operations]] = {
    "aimd": _aimd,
    "aws_quota": _aws,
    "cubic": _cubic,
    "dual_limit": _dual,
    "finagle_budget": _finagle,
    "fixed_window": _window,
    "gradient2": _gradient,
    "grpc_throttle": _grpc,
    "sliding_log": _log,
    "token_bucket": _bucket,
    "vegas": _vegas,
}


def play_limit(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    kind = item["kind"]
    whole = {"aws_delay": _aws_delays, "backoff": _delays, "hedge": play_hedge}
    if kind in whole:
        whole[kind](item)
        return
    if kind not in KINDS:
        raise Inexpressible(f"the kind {kind}")
    operations = KINDS[kind](item.get("config") or {})
    for number, step in enumerate(item["steps"], 1):
        operation, arguments, expected = [*step, None, None][:3]
        try:
            _step(operations, operation, arguments or [], expected or {})
        except Differs as difference:
            raise Differs(f"step {number}: {difference}") from None


def _step(operations: Operations, operation: str, arguments: list[Any], expected: Config) -> None:
    name, _, times = operation.partition("*")
    for figure in (name, *(expected.keys() - {"return"})):
        skip_if(figure not in operations, f"{figure}")
    for _ in range(int(times or 1)):
        try:
            came = operations[name](*arguments)
        except ValueError:
            came = "error"
        check_equal("return", came, expected.get("return", came))
    for figure in expected.keys() - {"return"}:
        check_equal(figure, operations[figure](*arguments), expected[figure])


def _delays(item: Config) -> None:
    config = item.get("config") or {}
    if config.get("jitter", "full") is None:
        config = {**config, "jitter": "none"}
    given = settings(config, base=1.0, cap=20.0, factor=2.0, jitter="full")
    backoff = Backoff(given.base, given.factor, given.cap, given.jitter)
    previous = 0.0
    coins = item.get("u") or [1.0] * len(item["expect"])
    for attempt, (u, expected) in enumerate(zip(coins, item["expect"], strict=True), 1):
        previous = backoff.delay(attempt, u, previous)
        check_equal(f"pause {attempt}", previous, expected)


def _aws_delays(item: Config) -> None:
    """Each case is a pause of its own; `base` is that of what went wrong."""
    most = settings(item.get("config") or {}, cap=20.0, max_additional=5.0)
    for number, (case, expected) in enumerate(zip(item["cases"], item["expect"], strict=True), 1):
        given = settings(case, u=1.0, base=0.05, attempt=1, retry_after=None)
        pause = Backoff(given.base, 2.0, most.cap, "full").delay(given.attempt, given.u)
        pause = raised(pause, given.retry_after, most.max_additional)
        check_equal(f"pause {number}", pause, expected)
