"""The fields of limiters' configurations, by kind: their defaults, their bounds, and how else they
are spelt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from simroute.testing.conformance.limits.names import plain
from simroute.testing.conformance.spelling import UNITS, to_seconds
from simroute.testing.conformance.verdict import Config, Inexpressible, Malformed, is_number, short


class Refused(Malformed):
    """A configuration that the original does not take."""


class Field(NamedTuple):
    """low, high: what the original takes. words: a text, and what its values are, however they are
    spelt. null: what is meant by null, where that is not the default."""

    default: Any
    others: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    words: Mapping[Any, Any] | None = None
    null: Any = None


POSITIVE = 0.0
LIMIT = {
    "limit": Field(math.inf, ("capacity", "max", "max_requests", "count", "n"), low=0),
    "window": Field(60.0, ("period", "interval", "seconds", "per"), above=POSITIVE),
}
INITIAL, LEAST, MOST = (
    ("initial_limit", "start"),
    ("min_limit", "minimum"),
    (
        "max_limit",
        "max_concurrency",
        "maximum",
    ),
)
JITTERS: dict[Any, str] = {
    **dict.fromkeys(("none", "no", "off", False), "none"),
    **dict.fromkeys(("full", "full_jitter", True), "full"),
    **dict.fromkeys(("equal", "equal_jitter", "half"), "equal"),
    **dict.fromkeys(("decorrelated", "decorr", "decorrelated_jitter"), "decorrelated"),
    **dict.fromkeys(("proportional", "plus_minus", "plusminus"), "proportional"),
    "between": "between",
    **dict.fromkeys(("openai", "anthropic", "sdk"), "sdk"),
    "bifrost": "proportional",
    "tensorzero": "tensorzero",
}
SPREADS = {"sdk": (1.0, 0.75), "tensorzero": (1.0, 2.0)}
"""Jitters of clients that are d times something between, at the draws 0 and 1."""
DECREASES = {"log10": None, "log": None, "half": 0.5, "halve": 0.5, "halving": 0.5}
FIELDS: dict[str, dict[str, Field]] = {
    "token_bucket": {
        "capacity": Field(None, ("burst", "size", "max", "max_tokens", "limit", "b"), low=0),
        "refill": Field(
            None,
            ("refill_rate", "refill_per_s", "rate", "fill_rate", "rate_per_s", "per_s", "r"),
            low=0,
        ),
        "initial": Field(None, ("initial_tokens", "start", "tokens", "level", "n")),
    },
    "gcra": {
        "rate": Field(None, ("refill", "per_s", "refill_rate"), above=POSITIVE),
        "period": Field(None, ("emission_interval", "interval", "t"), above=POSITIVE),
        "burst": Field(None, ("limit", "capacity", "size"), low=0),
        "tolerance": Field(None, ("tau", "delay_tolerance"), low=0),
    },
    "leaky_bucket": {
        "capacity": Field(math.inf, ("size", "burst", "limit", "max"), low=0),
        "leak": Field(1.0, ("leak_rate", "rate", "drain", "outflow", "refill", "per_s"), low=0),
        "initial": Field(0.0, ("level", "start")),
    },
    "dual_limit": {
        "rpm": Field(None, ("requests_per_minute", "requests"), low=0),
        "tpm": Field(None, ("tokens_per_minute", "tokens"), low=0),
    },
    "sliding_log": LIMIT,
    "fixed_window": LIMIT,
    "sliding_counter": LIMIT,
    "concurrency": {
        "limit": Field(
            math.inf, ("max", "permits", "capacity", "max_concurrent", "max_concurrent_calls"), 0
        ),
    },
    "finagle_budget": {
        "ttl": Field(10.0, (), low=1, high=60),
        "min_per_s": Field(
            10.0, ("min_retries_per_sec", "min_retries_per_s", "min_retries", "min", "reserve"), 0
        ),
        "percent": Field(
            0.2, ("percent_can_retry", "retry_ratio", "ratio", "max_percent_over"), 0, 1000
        ),
    },
    "brooker_budget": {
        "capacity": Field(
            None,
            ("max", "size", "bucket", "bucket_size", "max_size", "max_tokens", "tokens", "limit"),
            low=0,
        ),
        "ratio": Field(
            0.1,
            (
                *("deposit", "refill", "fill", "fill_rate", "bucket_fill_rate", "share", "gain"),
                *("per_success", "success", "token_ratio", "fraction", "credit", "earn", "rate"),
                "success_tokens",
                *(f"{word}_per_success" for word in ("deposit", "refill", "fill", "credit")),
            ),
            low=0,
        ),
        "cost": Field(1.0, ("retry_cost", "per_retry", "withdraw"), low=0),
        "initial": Field(None, ("start", "initial_tokens")),
    },
    "grpc_throttle": {
        "max_tokens": Field(10, ("max", "tokens", "capacity"), above=POSITIVE),
        "ratio": Field(0.1, ("token_ratio",), above=POSITIVE),
    },
    "aws_quota": {
        "capacity": Field(
            500, ("initial_capacity", "max_capacity", "max", "initial", "tokens", "n"), low=0
        ),
    },
    "envoy_budget": {
        "percent": Field(20.0, ("budget_percent", "budget"), 0, 100),
        "least": Field(3, ("min_retry_concurrency", "min_concurrency", "min"), low=0),
    },
    "rate_clocker": {
        "smoothing": Field(0.8, ("weight",), 0, 1),
        "t0": Field(0.0, ("start", "start_time")),
    },
    "aws_bucket": {
        "rate": Field(1.0, ("max_rate", "fill_rate", "refill")),
        "least": Field(0.5, ("min_rate", "min")),
        "t0": Field(0.0, ("start", "start_time")),
    },
    "aws_adaptive": {
        "t0": Field(0.0, ("start", "start_time")),
        "least": Field(0.5, ("min_rate", "min")),
        "c": Field(0.4, ("scale", "scale_constant"), above=POSITIVE),
        "beta": Field(0.7, (), 0, 1),
        "smoothing": Field(0.8, ("weight",), 0, 1),
    },
    "adaptive_throttle": {
        "k": Field(2.0, ("multiplier", "ratio"), above=POSITIVE),
        "window": Field(120.0, ("period", "history"), above=POSITIVE),
    },
    "aimd": {
        "initial": Field(20, INITIAL),
        "min": Field(20, LEAST),
        "max": Field(200, MOST),
        "backoff": Field(0.9, ("backoff_ratio", "decrease", "ratio"), 0.5, math.nextafter(1, 0)),
        "timeout": Field(5.0, ("slow",), above=POSITIVE),
    },
    "vegas": {
        "initial": Field(20, INITIAL),
        "max": Field(1000, MOST),
        "smoothing": Field(1.0),
        "alpha": Field(None),
        "beta": Field(None),
        "decrease": Field(None, ("decrease_function",), words=DECREASES),
        "probe_multiplier": Field(30, ("probe",)),
    },
    "gradient2": {
        "initial": Field(20, INITIAL),
        "min": Field(20, LEAST),
        "max": Field(200, MOST),
        "smoothing": Field(0.2),
        "queue_size": Field(4, ("queue",)),
        "tolerance": Field(1.5, ("rtt_tolerance",), low=1),
        "long_window": Field(600, ("long", "long_rtt_window", "window")),
    },
    "cubic": {
        "w": Field(0.0, ("w_max", "starting_max_rate", "max_rate", "rate")),
        "t0": Field(0.0, ("start_time", "start", "last_fail")),
        "c": Field(0.4, ("scale_constant", "scale"), above=POSITIVE),
        "beta": Field(0.7, (), 0, 1),
    },
    "backoff": {
        "base": Field(1.0, ("initial", "initial_delay", "initial_backoff", "min"), low=0),
        "cap": Field(20.0, ("max", "max_delay", "max_backoff", "maximum"), low=0, null=math.inf),
        "factor": Field(
            2.0, ("multiplier", "mult", "backoff_multiplier", "exp_base", "growth"), above=POSITIVE
        ),
        "jitter": Field("full", words=JITTERS, null="none"),
        "low": Field(0.75, (), low=0),
        "high": Field(1.0, (), low=0),
    },
    "aws_delay": {
        "cap": Field(20.0, ("max_backoff", "max_delay", "max"), low=0),
        "max_additional": Field(5.0, ("retry_after_max_additional",), low=0),
    },
    "sdk_delay": {
        "base": Field(0.5, ("initial_retry_delay", "initial_delay", "initial"), low=0),
        "cap": Field(8.0, ("max_retry_delay", "max_delay", "max"), low=0),
        "jitter": Field(0.25, (), 0, 1),
    },
    "litellm_delay": {
        "base": Field(0.5, ("initial_retry_delay", "initial_delay", "initial"), low=0),
        "cap": Field(8.0, ("max_retry_delay", "max_delay", "max"), low=0),
        "jitter": Field(0.75, (), low=0),
    },
    "hedge": {
        "max_attempts": Field(5, ("attempts", "max"), low=1),
        "delay": Field(0.0, ("hedging_delay", "hedge_delay"), low=0),
        "deadline": Field(None, ("timeout",), above=POSITIVE),
        "throttled": Field(False, words={False: False, True: True}),
    },
}


TIMES = {"window", "period", "ttl", "timeout", "base", "cap", "delay", "deadline", "max_additional"}
"""Fields that are a time, which may be a text with its unit, or have it at the end of their
name (`window_ms`)."""


def settings(kind: str, config: Config) -> SimpleNamespace:
    """A configuration's fields, those that it leaves out, or gives as null, at their defaults.
    Raises Inexpressible for one that is unknown, Malformed for what is no value, Refused for one
    that the original does not take."""
    fields = FIELDS[kind]
    spelt = {plain(other): name for name, field in fields.items() for other in field.others}
    spelt |= {plain(name): name for name in fields}
    found: Config = {}
    for key, value in config.items():
        name, unit = plain(key), UNITS["s"]
        stem, _, suffix = name.rpartition("_")
        if name not in spelt and suffix in UNITS and spelt.get(stem) in TIMES:
            name, unit = stem, UNITS[suffix]
        if name not in spelt:
            raise Inexpressible(f"the field {key}")
        name = spelt[name]
        if name in found:
            raise Malformed(f"the field {key} stands twice")
        if name in TIMES and (isinstance(value, str) or (unit != 1 and value is not None)):
            value = float(to_seconds(value, unit))
        found[name] = _value(key, fields[name], value)
    return SimpleNamespace(**{name: field.default for name, field in fields.items()} | found)


def _value(key: str, field: Field, value: Any) -> Any:
    if value is None:
        return field.default if field.null is None else field.null
    if field.words is not None:
        word = plain(value) if isinstance(value, str) else value
        if not isinstance(word, (str, bool)) or word not in field.words:
            raise Inexpressible(f"{key}: {value}")
        return field.words[word]
    number = number_of(key, value)
    if not field.low <= number <= field.high or number <= field.above:
        raise Refused(f"{key}: {value} is out of range")
    return number


def number_of(what: str, value: Any) -> Any:
    """A number, as an item gives it. Raises Malformed for anything else."""
    if not is_number(value) or value != value:
        raise Malformed(f"{what}: {short(value)} is not a number")
    if isinstance(value, int) and abs(value) > MOST_NUMBER:
        raise Malformed(f"{what}: a number beyond {MOST_NUMBER:.0e}")
    return value


MOST_NUMBER = 10**300
"""What is reckoned with."""
