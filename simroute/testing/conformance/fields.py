"""The fields of the breakers' configurations, by family: their defaults, and how else they are
spelt."""

from __future__ import annotations

from typing import Any, NamedTuple

from simroute.gauges.breaker import CLOSED


class Field(NamedTuple):
    """A field of a family's configuration. others: how else it is spelt."""

    default: Any
    others: tuple[str, ...] = ()


FIELDS: dict[str, dict[str, Field]] = {
    "resilience4j": {
        "window": Field("count", ("window_type", "slidingWindowType")),
        "size": Field(100, ("window_size", "slidingWindowSize")),
        "min_calls": Field(100, ("minimum_calls", "minimumNumberOfCalls")),
        "failure_rate": Field(50.0, ("failureRateThreshold",)),
        "slow_rate": Field(100.0, ("slow_call_rate", "slowCallRateThreshold")),
        "slow_s": Field(60.0, ("slow_call_s", "slowCallDurationThreshold")),
        "wait_s": Field(60.0, ("waitDurationInOpenState",)),
        "wait_factor": Field(1.0, ("wait_multiplier", "backoff_multiplier", "multiplier")),
        "max_wait_s": Field(None, ("wait_max_s",)),
        "permits": Field(10, ("permittedNumberOfCallsInHalfOpenState",)),
        "max_half_open_s": Field(0.0, ("maxWaitDurationInHalfOpenState",)),
        "after_half_open": Field("open", ("transitionToStateAfterWaitDuration",)),
        "auto": Field(False, ("automaticTransitionFromOpenToHalfOpenEnabled",)),
        "initial": Field(CLOSED, ("initial_state", "initialState")),
    },
    "polly_v8": {
        "failure_ratio": Field(0.1, ("FailureRatio",)),
        "min_throughput": Field(100, ("MinimumThroughput", "minimum_throughput")),
        "sampling_s": Field(30.0, ("SamplingDuration",)),
        "break_s": Field(5.0, ("BreakDuration",)),
    },
    "failsafe_go": {
        "failures": Field(1, ("failure_threshold",)),
        "of": Field(None, ("failures_of", "capacity", "failure_capacity")),
        "rate": Field(None, ("failure_rate",)),
        "executions": Field(None, ("min_executions", "execution_threshold")),
        "period_s": Field(None, ("window_s",)),
        "successes": Field(None, ("success_threshold",)),
        "successes_of": Field(None, ("success_capacity",)),
        "delay_s": Field(60.0, ("wait_s",)),
    },
    "gobreaker": {
        "max_requests": Field(1, ("MaxRequests",)),
        "interval_s": Field(0.0, ("Interval",)),
        "bucket_s": Field(0.0, ("bucket_period_s", "BucketPeriod")),
        "timeout_s": Field(60.0, ("Timeout",)),
        "ratio": Field(None, ("failure_ratio",)),
        "min_requests": Field(1),
        "consecutive": Field(5, ("consecutive_failures", "failures")),
    },
    "hystrix": {
        "volume": Field(20, ("requestVolumeThreshold", "request_volume")),
        "error_pct": Field(50.0, ("errorThresholdPercentage", "error_percentage")),
        "sleep_s": Field(5.0, ("sleepWindow", "sleep_window_s")),
        "window_s": Field(10.0, ("rolling_s",)),
        "snapshot_s": Field(0.5, ("health_snapshot_s",)),
        "force_open": Field(False, ("forceOpen", "forced_open")),
        "force_closed": Field(False, ("forceClosed", "forced_closed")),
        "enabled": Field(True),
    },
    "pybreaker": {
        "fail_max": Field(5),
        "reset_timeout_s": Field(60.0, ("reset_timeout",)),
        "success_threshold": Field(1),
    },
    "hyx": {
        "failure_threshold": Field(5),
        "recovery_s": Field(30.0, ("recovery_time_secs", "recovery_time_s")),
        "recovery_threshold": Field(3),
    },
    "finagle": {
        "failures": Field(5, ("num_failures", "consecutive_failures")),
        "mark_dead_s": Field(None, ("mark_dead_for_s", "backoff_s")),
    },
    "envoy": {
        "consecutive_5xx": Field(5),
        "interval_s": Field(10.0, ("interval",)),
        "base_s": Field(30.0, ("base_ejection_s", "base_ejection_time_s", "base_ejection_time")),
        "max_s": Field(300.0, ("max_ejection_s", "max_ejection_time_s", "max_ejection_time")),
        "max_pct": Field(10.0, ("max_ejection_pct", "max_ejection_percent")),
        "always_one": Field(False, ("always_eject_one_host",)),
        "hosts": Field(None, ("group_size", "n_hosts")),
    },
    "litellm": {
        "group_size": Field(2, ("deployments",)),
        "allowed_fails": Field(None),
        "cooldown_s": Field(5.0, ("cooldown_time", "cooldown_time_s")),
        "min_events": Field(5, ("min_requests", "minimum_requests")),
        "disable_cooldowns": Field(False),
    },
    "portkey": {
        "failure_threshold": Field(None),
        "failure_threshold_percentage": Field(None, ("failure_threshold_pct",)),
        "minimum_requests": Field(5, ("min_requests",)),
        "cooldown_s": Field(30.0, ("cooldown_interval_s",)),
        "failure_status_codes": Field(None, ("status_codes",)),
        "targets": Field(None, ("group_size", "n_targets")),
    },
}
