"""Breakers of libraries and gateways: each one's configuration, by its own fields and with its own
defaults, as parameters of a `BreakerState`.

Sources: the libraries' code at the versions that `policies.presets.breakers` names. A field may be
written as in the public items, or as its library spells it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simroute.gauges.breaker import CLOSED, OPEN, BreakerState
from simroute.testing.conformance.fields import FIELDS
from simroute.testing.conformance.verdict import Config, Inexpressible

ANY_NUMBER = 10**9
NEUTRAL, SUCCESS, FAILURE, AT_ONCE, COUNTED = "neutral", "success", "failure", "at_once", "counted"
"""What a result is: neither; good; bad; bad, and one alone opens it; bad, and it opens nothing."""


class Family(NamedTuple):
    """build: the state for a configuration with all fields.

    lazy: an open one becomes half-open only when somebody asks. ignored, unknown: what a result
    is that the family is told to ignore, or about which its configuration says nothing. classify:
    what a failure with this status is. paired: a result belongs to the permit that was given for
    it; else it counts as of the present state. names: what the family calls its states.
    """

    build: Callable[[Config], BreakerState]
    lazy: bool = True
    ignored: str = NEUTRAL
    unknown: str = SUCCESS
    classify: Callable[[Config, int | None], str] = lambda config, status: FAILURE
    paired: bool = False
    names: Mapping[str, str] = {}


def read_fields(family: str, config: Config) -> Config:
    """A configuration with every field of its family. Raises Inexpressible for one that it does not
    have."""
    fields = FIELDS[family]
    spelt = {other: name for name, field in fields.items() for other in (name, *field.others)}
    read = {name: field.default for name, field in fields.items()}
    for key, value in config.items():
        if key not in spelt:
            raise Inexpressible(f"the field {key} of {family}")
        if value is not None:
            read[spelt[key]] = value
    return read


def _resilience4j(config: Config) -> BreakerState:
    by_time = str(config["window"]).lower().startswith("time")
    size, permits, least = int(config["size"]), config["permits"], config["min_calls"]
    waits = config["wait_s"] if isinstance(config["wait_s"], list) else [config["wait_s"]]
    half_open = config["max_half_open_s"] or 0.0
    return BreakerState(
        window=float(size),
        buckets=size if by_time else None,
        count_window=None if by_time else size,
        rate=config["failure_rate"] / 100,
        min_calls=least,
        slow_after=config["slow_s"],
        slow_rate=config["slow_rate"] / 100,
        judged="result",
        cooldown=waits[0],
        cooldown_factor=config["wait_factor"],
        cooldowns=tuple(waits[:-1]) if len(waits) > 1 else (),
        max_cooldown=waits[-1] if len(waits) > 1 else config["max_wait_s"],
        probes=permits,
        trials_in_all=True,
        trial_calls=permits,
        half_open_limit=half_open if half_open >= 0.001 else None,
        after_half_open="closed" if str(config["after_half_open"]).lower() == CLOSED else "open",
        strict=not config["auto"],
        prompt=config["auto"],
    )


def _polly(config: Config) -> BreakerState:
    return BreakerState(
        window=config["sampling_s"],
        buckets=10 if config["sampling_s"] >= 0.2 else 1,
        bucket_start="call",
        rate=config["failure_ratio"],
        min_calls=config["min_throughput"],
        cooldown=config["break_s"],
        trials_counted=False,
    )


def _failsafe_go(config: Config) -> BreakerState:
    failures, rate, period = config["failures"], config["rate"], config["period_s"]
    last = config["of"] or failures
    least = config["executions"] or (failures if period else None)
    good = config["successes"]
    trials = (config["successes_of"] or good) if good else least or last
    settings: dict[str, Any] = {"failures": failures, "count_window": last}
    if rate is not None:  # rounded to a hundredth before it is compared
        settings = {
            "rate": max(0.0, math.ceil(rate * 100 - 1e-9) / 100 - 0.005),
            "min_calls": least or 1,
            "count_window": None if period else last,
        }
    if period:
        settings |= {"window": period, "buckets": 10, "count_window": None}
    if good:
        settings |= {"successes": good, "trial_failures": trials - good}
    elif rate is not None:
        settings |= {"trial_calls": trials}
    else:
        settings |= {"successes": last - failures + 1, "trial_failures": failures - 1}
        if period:
            settings |= {"successes": 1}
    return BreakerState(**settings, judged="result", cooldown=config["delay_s"], probes=trials)


def _gobreaker(config: Config) -> BreakerState:
    ratio, interval, bucket = config["ratio"], config["interval_s"], config["bucket_s"]
    settings: dict[str, Any] = {"window": math.inf}
    if interval and bucket:
        parts = math.ceil(interval / bucket - 1e-9)
        settings = {"window": parts * bucket, "buckets": parts, "bucket_start": "closing"}
    elif interval:
        settings = {"window": interval, "window_kind": "tumbling"}
    if ratio is None:
        settings |= {"failures": config["consecutive"] + 1, "consecutive": True}
    else:
        settings |= {"rate": ratio, "min_calls": config["min_requests"]}
        settings |= {"of_begun": not bucket}
    return BreakerState(
        **settings,
        cooldown=config["timeout_s"] or 60.0,
        probes=config["max_requests"] or 1,
        successes=config["max_requests"] or 1,
        trials_in_all=True,
        forgets="opening",
        strict=True,
    )


def _hystrix(config: Config) -> BreakerState:
    window, every = config["window_s"], config["snapshot_s"]
    return BreakerState(
        rate=config["error_pct"] / 100,
        min_calls=config["volume"],
        window=window,
        buckets=max(1, math.floor(window / every + 1e-9)),
        bucket_start="closing",
        judged_every=every,
        cooldown=config["sleep_s"],
        strict=True,
        watches=bool(config["force_closed"] or not config["enabled"]),
    )


def _pybreaker(config: Config) -> BreakerState:
    return BreakerState(
        failures=config["fail_max"],
        consecutive=True,
        cooldown=config["reset_timeout_s"],
        successes=config["success_threshold"],
        probes=ANY_NUMBER,
        forgets="never",
    )


def _hyx(config: Config) -> BreakerState:
    return BreakerState(
        failures=config["failure_threshold"],
        consecutive=True,
        cooldown=config["recovery_s"],
        probes=ANY_NUMBER,
        successes=config["recovery_threshold"],
    )


def _finagle(config: Config) -> BreakerState:
    dead = config["mark_dead_s"]
    growing = {"cooldown": 5.0, "cooldown_factor": 2.0}
    listed: dict[str, Any] = {"cooldowns": tuple(dead if isinstance(dead, list) else [dead])}
    if dead == []:
        listed = {"cooldown": 300.0}
    return BreakerState(
        failures=config["failures"],
        consecutive=True,
        max_cooldown=300.0,
        **(growing if dead is None else listed),
    )


def _envoy(config: Config) -> BreakerState:
    base = config["base_s"]
    return BreakerState(
        failures=config["consecutive_5xx"],
        consecutive=True,
        cooldown=base,
        cooldown_step=base,
        max_cooldown=max(base, config["max_s"]),
        forgiven_after=config["interval_s"],
        recovery="time",
        swept=True,
    )


def _envoy_status(config: Config, status: int | None) -> str:
    return SUCCESS if status is not None and not 500 <= status < 600 else FAILURE


def _litellm(config: Config) -> BreakerState:
    allowed = _allowed_fails(config)
    rule: dict[str, Any] = {"rate": 0.5 + 1e-9, "min_calls": config["min_events"], "window": 60.0}
    if allowed is not None:
        rule = {"failures": allowed + 1, "window": config["cooldown_s"] or 1e-9}
    state = BreakerState(
        **rule,
        window_kind="first_of_kind",
        cooldown=config["cooldown_s"],
        recovery="time",
        forgets="never",
        strict=True,
    )
    if config["disable_cooldowns"]:
        state.may_open = lambda state: False
    elif config["group_size"] == 1 and allowed is None:  # only where all of a thousand failed
        state.may_open = _thousand_failed
    return state


def _thousand_failed(state: BreakerState) -> bool:
    calls, failed = state.seen(-math.inf)  # as last counted
    return calls == failed >= 1000


def _allowed_fails(config: Config) -> int | None:
    """None where it is not set; 3, the default, counts as not set (1.83)."""
    allowed = config["allowed_fails"]
    return None if allowed == 3 else allowed


def _litellm_status(config: Config, status: int | None) -> str:
    if status is not None and 400 <= status < 500 and status not in (401, 404, 408, 429):
        return COUNTED if _allowed_fails(config) is None else NEUTRAL
    single = status in (401, 404, 429) and _allowed_fails(config) is None
    return AT_ONCE if single and config["group_size"] != 1 else FAILURE


def _portkey(config: Config) -> BreakerState:
    number, share = config["failure_threshold"], config["failure_threshold_percentage"]
    return BreakerState(
        failures=number or ANY_NUMBER,
        rate=share / 100 if share else None,
        either=bool(number),
        min_calls=config["minimum_requests"] or 5,
        judged="result",
        window=max(30.0, config["cooldown_s"]),
        window_kind="first_failure",
        recovery="window",
    )


def _portkey_status(config: Config, status: int | None) -> str:
    codes = config["failure_status_codes"]
    if status is None:
        return FAILURE
    return FAILURE if (status in codes if codes else status >= 500) else NEUTRAL


FAMILIES: dict[str, Family] = {
    "resilience4j": Family(
        _resilience4j,
    ),
    "polly_v8": Family(
        _polly,
        ignored=SUCCESS,
    ),
    "failsafe_go": Family(
        _failsafe_go,
    ),
    "gobreaker": Family(
        _gobreaker,
        lazy=False,
        unknown=FAILURE,
        paired=True,
    ),
    "hystrix": Family(
        _hystrix,
        unknown=FAILURE,
    ),
    "pybreaker": Family(
        _pybreaker,
        ignored=SUCCESS,
        unknown=FAILURE,
    ),
    "hyx": Family(
        _hyx,
        unknown=NEUTRAL,
    ),
    "finagle": Family(
        _finagle,
        lazy=False,
        unknown=FAILURE,
        paired=True,
        names={CLOSED: "alive", OPEN: "dead"},
    ),
    "envoy": Family(
        _envoy,
        unknown=NEUTRAL,
        classify=_envoy_status,
    ),
    "litellm": Family(
        _litellm,
        lazy=False,
        unknown=FAILURE,
        classify=_litellm_status,
    ),
    "portkey": Family(
        _portkey,
        lazy=False,
        unknown=FAILURE,
        classify=_portkey_status,
    ),
}
