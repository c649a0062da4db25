"""What else kinds of limiters, their operations and their figures are called.

A name may be written as its library writes it: `maxTokens`, `max_tokens` and `max_tokens_s` are one
(a last `_s` says that it is seconds). What is spelt quite otherwise is listed.
"""

from __future__ import annotations

import re

from simroute.testing.conformance.spelling import snake
from simroute.testing.conformance.verdict import Inexpressible, Malformed

OTHER_KINDS = {
    "aimd": ("aimd_limit",),
    "aws_adaptive": (
        "adaptive_rate",
        "client_rate_limiter",
        "aws_rate_limiter",
        "botocore_adaptive",
    ),
    "aws_bucket": ("botocore_bucket", "aws_token_bucket", "botocore_token_bucket"),
    "aws_delay": ("botocore_delay", "aws_backoff", "botocore_backoff"),
    "aws_quota": ("retry_quota", "botocore_quota", "aws_budget", "aws_retry_quota"),
    "backoff": ("exponential_backoff", "exponential", "jitter"),
    "concurrency": ("concurrency_limit", "semaphore", "bulkhead", "fixed_limit", "max_parallel"),
    "cubic": ("cubic_calculator", "aws_cubic", "botocore_cubic"),
    "adaptive_throttle": ("sre_throttle", "google_throttle", "adaptive_throttling"),
    "dual_limit": ("rpm_tpm", "dual", "dual_bucket", "double_limit"),
    "envoy_budget": ("envoy_retry_budget",),
    "finagle_budget": ("finagle", "finagle_retry_budget", "linkerd_budget", "retry_budget"),
    "fixed_window": ("fixed", "fixed_window_counter", "fixed_counter", "window"),
    "gcra": ("cell_rate",),
    "gradient2": ("gradient2_limit",),
    "grpc_throttle": ("grpc", "grpc_budget", "grpc_retry_throttle", "retry_throttle"),
    "hedge": ("hedging", "grpc_hedge", "grpc_hedging"),
    "leaky_bucket": ("leaky", "leaky_bucket_meter"),
    "litellm_delay": ("litellm_backoff",),
    "rate_clocker": ("aws_rate_clocker",),
    "sdk_delay": ("openai_delay", "anthropic_delay", "openai_backoff", "openai_sdk_delay"),
    "sliding_counter": ("sliding_window_counter", "cloudflare_window", "sliding_window_approx"),
    "sliding_log": ("sliding_window", "sliding_window_log", "sliding"),
    "token_bucket": ("bucket",),
    "vegas": ("vegas_limit",),
}
TAKES = {
    "take": ("acquire", "try_take", "try_acquire", "consume", "allow", "admit", "request", "hit"),
    "wait": ("wait_time", "time_until", "retry_after", "next"),
    "n": ("level", "left", "tokens", "available", "remaining", "balance"),
    "used": ("count", "size", "current"),
}
SAMPLES = {
    "sample": ("on_sample", "update", "add"),
    "limit": ("n", "get_limit", "current"),
    "e": ("estimate", "estimated", "estimated_limit"),
    "long": ("long_rtt", "mean"),
    "rtt_noload": ("no_load", "noload", "min_rtt"),
}
BUDGET = {
    "withdraw": ("try_withdraw", "retry", "take", "acquire", "spend", "consume", "try_retry"),
    "deposit": ("success", "succeeded", "put", "credit", "on_success", "request", "call"),
    "n": ("balance", "tokens", "left", "available", "level"),
}
OTHER_OPERATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "token_bucket": {**TAKES, "settle": ("correct", "adjust", "reconcile")},
    "gcra": TAKES,
    "leaky_bucket": {**TAKES, "take": (*TAKES["take"], "add", "pour"), "used": ("level", "water")},
    "sliding_log": TAKES,
    "fixed_window": TAKES,
    "sliding_counter": TAKES,
    "concurrency": {
        "acquire": ("take", "try_acquire", "enter", "start"),
        "release": ("give", "finish", "leave", "end"),
        "used": ("in_flight", "busy", "count"),
        "n": ("left", "available"),
    },
    "dual_limit": {
        "reserve": ("take", "acquire", "admit", "request"),
        "finish": ("settle", "done", "end", "complete"),
        "cancel": ("release", "abort", "refund"),
        "requests": ("rpm", "rpm_left", "requests_left", "n_rpm"),
        "tokens": ("tpm", "tpm_left", "tokens_left", "n_tpm"),
    },
    "finagle_budget": {
        "withdraw": BUDGET["withdraw"],
        "deposit": BUDGET["deposit"],
        "balance": ("n", "left", "available"),
    },
    "brooker_budget": BUDGET,
    "grpc_throttle": {
        "failure": ("fail", "failed", "error", "on_failure"),
        "success": ("ok", "succeeded", "on_success"),
        "allowed": ("can_retry", "allow", "allows", "is_above_threshold"),
        "n": ("tokens", "token_count", "count"),
    },
    "aws_quota": {
        "acquire": ("take", "withdraw", "retry", "try_acquire"),
        "release": ("give", "refund", "success"),
        "n": ("available", "available_capacity", "left", "capacity"),
    },
    "aws_bucket": {
        "take": ("acquire", "try_acquire"),
        "set_rate": ("max_rate_set", "set_max_rate", "change_rate"),
        "n": ("available_capacity", "available", "left"),
        "rate": ("max_rate", "fill_rate"),
        "capacity": ("max_capacity",),
    },
    "aws_adaptive": {
        "send": ("take", "acquire", "on_sending_request"),
        "tell": ("response", "on_receiving_response", "end"),
        "rate": ("max_rate",),
    },
    "rate_clocker": {"record": ("add",), "rate": ("measured_rate", "n")},
    "adaptive_throttle": {
        "request": ("ask", "reject_probability", "p", "probability"),
        "accept": ("accepted", "success"),
    },
    "envoy_budget": {"allowed": ("can_retry", "allow", "acquire"), "limit": ("n", "max_retries")},
    "aimd": SAMPLES,
    "vegas": SAMPLES,
    "gradient2": SAMPLES,
    "cubic": {
        "ok": ("success", "success_received", "rate", "at"),
        "throttled": ("error", "error_received", "failure", "throttle"),
        "w": ("w_max",),
        "t0": ("last_fail", "start_time"),
    },
}
BROOKER = (
    r"brooker|(retry|success).*(token|bucket|credit)|(token|bucket).*retr|adaptive_(retr|bucket)"
)
"""What a budget of retries that successes fill may be called; it has no name of its own."""
KIND_NAMES = {other: kind for kind, others in OTHER_KINDS.items() for other in (kind, *others)}


def plain(name: str) -> str:
    """A name in small letters with underscores, without a last word for seconds."""
    return re.sub(r"_(s|sec|secs|seconds)$", "", snake(name))


def kind_of(word: object) -> str:
    """What a kind is called here. Raises Inexpressible for an unknown one."""
    if not isinstance(word, str) or not word:
        raise Malformed(f"the kind {word!r} is no word")
    known = KIND_NAMES.get(plain(word))
    if known is None and re.search(BROOKER, plain(word)):
        known = "brooker_budget"
    if known is None:
        raise Inexpressible(f"the kind {word}")
    return known


def operation_of(kind: str, word: str) -> str:
    """What an operation or figure is called here; itself where it has no other name."""
    for name, others in OTHER_OPERATIONS.get(kind, {}).items():
        if plain(word) in (name, *others):
            return name
    return word
