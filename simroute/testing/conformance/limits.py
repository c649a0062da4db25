"""Items of limits_and_retries.json, played on our buckets, logs, budgets and back-offs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simroute.gauges.backoff import Backoff
from simroute.gauges.bucket import Bucket, DualLimit
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.windows import SlidingLog
from simroute.testing.conformance.limiters import Throttle
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Inexpressible,
    check_equal,
    skip_if,
)

Operations = dict[str, Callable[..., Any]]
"""What an item's operations do; "n", where there is one, is what is left, told the arguments of the
operation before."""


def _bucket(config: Config) -> Operations:
    bucket = Bucket(config["capacity"], config["refill"], config.get("initial"))
    return {
        "take": bucket.take,
        "settle": bucket.settle,
        "wait": bucket.wait,
        "n": lambda now, *_: bucket.level(now),
    }


def _dual(config: Config) -> Operations:
    limit = DualLimit(config["rpm"], config["tpm"])
    reserved: dict[str, float] = {}

    def reserve(now: float, key: str, tokens: float) -> bool | str:
        wait = limit.take(now, tokens)
        reserved[key] = tokens
        return "error" if wait == math.inf else wait == 0  # an infinite wait: never

    return {
        "reserve": reserve,
        "finish": lambda now, key, used: limit.settle(now, reserved[key], used),
    }


def _log(config: Config) -> Operations:
    return {"take": SlidingLog(config["limit"], config["window"]).take}


def _finagle(config: Config) -> Operations:
    budget = RetryBudgetState(
        config.get("percent", 0.2), config.get("min_per_s", 10.0), config.get("ttl", 10.0)
    )
    return {"deposit": budget.deposit, "balance": budget.balance, "withdraw": budget.withdraw}


def _grpc(config: Config) -> Operations:
    throttle = Throttle(config["max_tokens"], config["ratio"])
    return {
        "failure": throttle.failure,
        "success": throttle.success,
        "allowed": lambda: throttle.allowed,
        "n": lambda *_: throttle.thousandths,
    }


def _aws(config: Config) -> Operations:
    quota = Bucket(500, 0.0)  # no refill but by what successes give back
    return {
        "acquire": lambda cost: quota.take(0.0, cost),
        "release": lambda back: quota.settle(0.0, back, 0.0),
        "n": lambda *_: quota.level(0.0),
    }


KINDS: dict[str, Callable[[Config], Operations]] = {
    "aws_quota": _aws,
    "dual_limit": _dual,
    "finagle_budget": _finagle,
    "grpc_throttle": _grpc,
    "sliding_log": _log,
    "token_bucket": _bucket,
}
ABSENT = {
    "aimd": "adaptive limits of concurrency",
    "aws_delay": "Retry-After capped at the back-off + 5 s (here at max_retry_after)",
    "cubic": "adaptive limits of the rate",
    "gradient2": "adaptive limits of concurrency",
    "hedge": "hedging",
    "vegas": "adaptive limits of concurrency",
}


def play_limit(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    kind = item["kind"]
    if kind == "backoff":
        _delays(item)
        return
    if kind not in KINDS:
        raise Inexpressible(ABSENT.get(kind, f"the kind {kind}"))
    operations = KINDS[kind](item["config"])
    for number, (operation, arguments, expected) in enumerate(item["steps"], 1):
        try:
            _step(operations, operation, arguments, expected or {})
        except Differs as difference:
            raise Differs(f"step {number}: {difference}") from None


def _step(operations: Operations, operation: str, arguments: list[Any], expected: Config) -> None:
    name, _, times = operation.partition("*")
    for figure in (name, *(expected.keys() - {"return"})):
        skip_if(figure not in operations, f"{figure}")
    for _ in range(int(times or 1)):
        came = operations[name](*arguments)
        check_equal("return", came, expected.get("return", came))
    for figure in expected.keys() - {"return"}:
        check_equal(figure, operations[figure](*arguments), expected[figure])


def _delays(item: Config) -> None:
    config = item["config"]
    backoff = Backoff(config["base"], config.get("factor", 2.0), config["cap"], config["jitter"])
    previous = 0.0
    for attempt, (u, expected) in enumerate(zip(item["u"], item["expect"], strict=True), 1):
        previous = backoff.delay(attempt, u, previous)
        check_equal(f"pause {attempt}", previous, expected)
