"""The fields of the breakers' configurations, by family: their defaults, and how else they are
spelt."""

from __future__ import annotations

from simroute.gauges.breaker import CLOSED
from simroute.testing.conformance.spelling import Field

FIELDS: dict[str, dict[str, Field]] = {
    "resilience4j": {
        "window": Field("count", ("window_type", "slidingWindowType")),
        "size": Field(100, ("window_size", "slidingWindowSize")),
        "min_calls": Field(100, ("minimum_calls", "min_number_of_calls", "minimumNumberOfCalls")),
        "failure_rate": Field(50.0, ("failureRateThreshold",)),
        "slow_rate": Field(100.0, ("slow_call_rate", "slowCallRateThreshold")),
        "slow_s": Field(
            60.0, ("slow_call_s", "slow_call_duration_s", "slowCallDurationThreshold ms")
        ),
        "wait_s": Field(
            60.0,
            ("wait_open_s", "wait_duration_s", "waitDurationInOpenState ms", "waitInterval ms"),
        ),
        "wait_factor": Field(
            None,
            (
                "wait_multiplier",
                "wait_backoff",
                "backoff",
                "backoff_multiplier",
                "backoff_factor",
                "multiplier",
                "factor",
                "wait_growth",
                "wait_mult",
                "wait_exp",
                "exp_backoff",
                "exponential_multiplier",
                "wait_exponential_multiplier",
                "exponentialBackoffMultiplier",
            ),
        ),
        "max_wait_s": Field(None, ("wait_max_s", "exponentialMaxWaitDurationInOpenState ms")),
        "exponential": Field(
            False, ("exponential_backoff", "wait_exponential", "enableExponentialBackoff")
        ),
        "permits": Field(
            10,
            (
                "half_open_calls",
                "half_open_permits",
                "permitted_calls_in_half_open",
                "permittedNumberOfCallsInHalfOpenState",
            ),
        ),
        "max_half_open_s": Field(
            0.0, ("max_wait_half_open_s", "maxWaitDurationInHalfOpenState ms")
        ),
        "after_half_open": Field("open", ("transitionToStateAfterWaitDuration",)),
        "auto": Field(
            False, ("automatic_transition", "automaticTransitionFromOpenToHalfOpenEnabled")
        ),
        "initial": Field(CLOSED, ("initial_state", "initialState")),
    },
    "polly_v8": {
        "failure_ratio": Field(0.1, ("failure_rate", "FailureRatio", "FailureThreshold")),
        "min_throughput": Field(100, ("MinimumThroughput", "minimum_throughput")),
        "sampling_s": Field(30.0, ("SamplingDuration",)),
        "break_s": Field(5.0, ("BreakDuration", "DurationOfBreak")),
    },
    "failsafe_go": {
        "failures": Field(1, ("failure_threshold",)),
        "of": Field(
            None,
            (
                "failures_of",
                "capacity",
                "failure_capacity",
                "failure_of",
                "failureThresholdingCapacity",
            ),
        ),
        "rate": Field(None, ("failure_rate", "failure_rate_threshold")),
        "executions": Field(
            None,
            (
                "min_executions",
                "min_calls",
                "min_requests",
                "failure_executions",
                "execution_threshold",
                "failure_execution_threshold",
            ),
        ),
        "period_s": Field(
            None,
            (
                "window_s",
                "within_s",
                "failure_period_s",
                "threshold_period_s",
                "failure_threshold_period_s",
                "failureThresholdingPeriod",
            ),
        ),
        "successes": Field(None, ("success_threshold",)),
        "successes_of": Field(
            None, ("success_of", "success_capacity", "successThresholdingCapacity")
        ),
        "delay_s": Field(60.0, ("wait_s",)),
    },
    "gobreaker": {
        "max_requests": Field(1),
        "interval_s": Field(0.0),
        "bucket_s": Field(0.0, ("bucket_period_s",)),
        "buckets": Field(None, ("num_buckets",)),
        "timeout_s": Field(60.0),
        "ratio": Field(None, ("failure_ratio",)),
        "min_requests": Field(1),
        "consecutive": Field(5, ("consecutive_failures", "failures")),
    },
    "hystrix": {
        "volume": Field(20, ("requestVolumeThreshold", "request_volume")),
        "error_pct": Field(
            50.0, ("error_threshold_pct", "errorThresholdPercentage", "error_percentage")
        ),
        "sleep_s": Field(5.0, ("sleepWindow ms", "sleep_window_s")),
        "window_s": Field(
            10.0,
            (
                "rolling_s",
                "rolling_window_s",
                "rollingStatisticalWindow ms",
                "metricsRollingStatisticalWindow ms",
                "metrics.rollingStats.time ms",
            ),
        ),
        "snapshot_s": Field(
            0.5,
            (
                "health_snapshot_s",
                "snapshot_interval_s",
                "healthSnapshotInterval ms",
                "metricsHealthSnapshotInterval ms",
                "metrics.healthSnapshot.interval ms",
            ),
        ),
        "force_open": Field(False, ("forced_open",)),
        "force_closed": Field(False, ("forced_closed",)),
        "enabled": Field(True),
    },
    "pybreaker": {
        "fail_max": Field(5),
        "reset_timeout_s": Field(60.0),
        "success_threshold": Field(1),
    },
    "hyx": {
        "failure_threshold": Field(5),
        "recovery_s": Field(30.0, ("recovery_time_s",)),
        "recovery_threshold": Field(3),
    },
    "finagle": {
        "failures": Field(5, ("num_failures", "consecutive_failures")),
        "mark_dead_s": Field(None, ("mark_dead_for_s", "backoff_s")),
        "success_rate": Field(None, ("required_success_rate", "required_rate", "required")),
        "window": Field(None, ("window_requests",)),
        "window_s": Field(None, ("success_rate_window_s",)),
        "min_requests": Field(5, ("min_request_threshold", "minimum_requests")),
    },
    "envoy": {
        "consecutive_5xx": Field(5),
        "interval_s": Field(10.0),
        "base_s": Field(30.0, ("base_ejection_s", "base_ejection_time_s")),
        "max_s": Field(300.0, ("max_ejection_s", "max_ejection_time_s")),
        "jitter_s": Field(0.0, ("max_ejection_time_jitter_s",)),
        "max_pct": Field(None, ("max_ejection_pct", "max_ejection_percent")),
        "always_one": Field(False, ("always_eject_one", "always_eject_one_host")),
        "hosts": Field(None, ("group_size", "n_hosts")),
        "enforcing_consecutive_5xx": Field(100),
        "consecutive_gateway_failure": Field(5),
        "enforcing_consecutive_gateway_failure": Field(0),
        "split": Field(False, ("split_external_local_origin_errors",)),
        "consecutive_local_origin_failure": Field(5),
        "enforcing_consecutive_local_origin_failure": Field(100),
        "enforcing_success_rate": Field(100),
        "success_rate_minimum_hosts": Field(5),
        "success_rate_request_volume": Field(100),
        "success_rate_stdev_factor": Field(1900),
        "enforcing_failure_percentage": Field(0),
        "failure_percentage_threshold": Field(85),
        "failure_percentage_minimum_hosts": Field(5),
        "failure_percentage_request_volume": Field(50),
    },
    "litellm": {
        "group_size": Field(2, ("deployments",)),
        "allowed_fails": Field(None),
        "allowed_fails_policy": Field(None, ("policy", "fails_policy")),
        "cooldown_s": Field(5.0, ("cooldown_time_s",)),
        "deployment_cooldown_s": Field(None, ("deployment_cooldown_time_s",)),
        "min_events": Field(
            5,
            ("min_requests", "minimum_requests", "DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS"),
        ),
        "max_share": Field(0.5, ("failure_threshold_percent", "DEFAULT_FAILURE_THRESHOLD_PERCENT")),
        "single_threshold": Field(1000, ("SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD",)),
        "disable_cooldowns": Field(False),
    },
    "portkey": {
        "failure_threshold": Field(None),
        "failure_threshold_percentage": Field(None, ("failure_threshold_pct",)),
        "minimum_requests": Field(5, ("min_requests",)),
        "cooldown_s": Field(30.0, ("cooldown_interval ms",)),
        "failure_status_codes": Field(None, ("status_codes",)),
        "targets": Field(None, ("group_size", "n_targets")),
    },
    "helicone": {
        "ratio": Field(0.1, ("error_ratio", "error_threshold")),
        "window_s": Field(60.0),
        "interval_s": Field(5.0),
        "min_requests": Field(20),
    },
    "kong": {
        "max_fails": Field(0, ("failures",)),
        "fail_timeout_s": Field(10.0, ("fail_timeout ms",)),
    },
    "bifrost": {
        "window": Field("count-based", ("window_type", "slidingWindowType")),
        "size": Field(100, ("window_size", "slidingWindowSize")),
        "min_calls": Field(10, ("minimum_calls", "minimumNumberOfCalls")),
        "failure_ratio": Field(0.5, ("failure_rate", "failureRateThreshold")),
        "slow_ratio": Field(0.5, ("slow_rate", "slow_call_rate", "slowCallRateThreshold")),
        "slow_s": Field(5.0, ("slow_call_duration_s", "slowCallDurationThreshold")),
        "permits": Field(5, ("half_open_calls", "permittedNumberOfCallsInHalfOpenState")),
        "wait_s": Field(60.0, ("maxWaitDurationInHalfOpenState", "waitDurationInOpenState")),
    },
    "bedrock_agentcore": {
        "mode": Field("enabled"),
        "targets": Field(None, ("group_size", "n_targets")),
    },
}
IDLE = (
    "name",
    "title",
    "type",
    "mode",
    "policy",
    "comment",
    "description",
    "version",
    "buckets",
    "listeners",
    "event_manager",
    "exceptions",
    "exclude",
    "excluded_exceptions",
    "ignore",
    "ignore_exceptions",
    "record_exceptions",
    "record_exception",
    "ignore_exception",
    "record_result",
    "handle",
    "handle_errors",
    "handle_result",
    "should_handle",
    "is_successful",
    "is_excluded",
    "on_state_change",
    "state_provider",
    "manual_control",
    "state_storage",
    "throw_new_error_on_trip",
    "writableStackTraceEnabled",
    "registerHealthIndicator",
    "slidingWindowSynchronizationStrategy",
    "successful_active_health_check_uneject_host",
    "metricsRollingStatisticalWindowBuckets",
)
"""What says nothing here: names, who listens, and which results are failures, since steps say
that."""
