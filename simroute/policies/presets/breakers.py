"""Breakers that people know by name, as parameters of ours. What they do at the very moment when a
cooldown is over (some refuse then) is left out of `differs`, since it makes no difference."""

from __future__ import annotations

from typing import Literal

from simroute.core.presets import Implied, Preset, Presets

BreakerName = Literal[
    "resilience4j",
    "polly",
    "failsafe_go",
    "gobreaker",
    "hystrix",
    "pybreaker",
    "hyx",
    "finagle",
    "envoy",
    "litellm",
    "portkey",
    "helicone",
    "kong",
    "bifrost",
    "bedrock_agentcore",
]

FROM_500 = (*range(500, 506), 507, 508, *range(520, 527), 529, 530)
"""Failures of a server, those of proxies before it included."""
TIMED_OUT = 408
"""What a call has that the caller's limit of time has ended."""
NO_LIMIT = 1_000_000
"""So many trials at a time are any number."""

PRESETS: Presets = {
    "resilience4j": Preset(
        {
            "rate": 0.5,
            "count_window": 100,
            "min_calls": 100,
            "judged": "result",
            "slow_after": 60.0,
            "slow_rate": 1.0,
            "cooldown": 60.0,
            "probes": 10,
            "trials_in_all": True,
            "trial_calls": 10,
            "scope": "deployment",
        },
        "af9e7c97 (after 2.3)",
        "CircuitBreakerConfig, CircuitBreakerStateMachine",
        (
            "a half-open breaker waits for ever for trials that do not answer (here probe_limit)",
            "any result counts as a trial while half-open, those of older calls too",
        ),
    ),
    "polly": Preset(
        {
            "rate": 0.1,
            "min_calls": 100,
            "window": 30.0,
            "buckets": 10,
            "cooldown": 5.0,
            "scope": "deployment",
        },
        "8 (Polly.Core)",
        "CircuitBreakerStrategyOptions, CircuitStateController, RollingHealthMetrics",
        (
            "an outcome that is no failure is a success, rate limits and cancellations too",
            "parts of the window begin with their first call (here by the clock)",
            "a trial that does not answer leaves it half-open for ever (here probe_limit)",
        ),
    ),
    "failsafe_go": Preset(
        {"failures": 1, "consecutive": True, "cooldown": 60.0, "scope": "deployment"},
        "5759a5e6",
        "circuitbreaker/circuitbreakerbuilder.go, circuitstates.go",
        ("a trial that does not answer keeps its permit for ever (here probe_limit)",),
    ),
    "gobreaker": Preset(
        {
            "failures": 6,
            "consecutive": True,
            "cooldown": 60.0,
            "trials_in_all": True,
            "forgets": "opening",
            "scope": "deployment",
        },
        "v2, fed8e9eb",
        "v2/gobreaker.go",
        ("a trial that does not answer leaves it half-open for ever (here probe_limit)",),
    ),
    "hystrix": Preset(
        {
            "rate": 0.5,
            "min_calls": 20,
            "window": 10.0,
            "buckets": 20,
            "judged_every": 0.5,
            "cooldown": 5.0,
            "scope": "deployment",
        },
        "1.5 (7c03bafe)",
        "HystrixCircuitBreaker, HystrixCommandProperties, HealthCountsStream",
        (
            "a trial that is cancelled opens it again (here the next may try)",
            "while half-open the success of an older call closes it",
        ),
    ),
    "pybreaker": Preset(
        {
            "failures": 5,
            "consecutive": True,
            "cooldown": 60.0,
            "forgets": "never",
            "scope": "deployment",
        },
        "1.4.1",
        "src/pybreaker/__init__.py",
        (
            "calls through one breaker wait for each other (a lock)",
            "an excluded exception is a success",
        ),
    ),
    "hyx": Preset(
        {
            "failures": 5,
            "consecutive": True,
            "cooldown": 30.0,
            "probes": NO_LIMIT,
            "successes": 3,
            "scope": "deployment",
        },
        "0.0.2 (06ef7d37)",
        "hyx/circuitbreaker/states.py",
        ("while half-open results of older calls count as trials",),
    ),
    "finagle": Preset(
        {
            "failures": 5,
            "consecutive": True,
            "cooldown": 5.0,
            "cooldown_factor": 2.0,
            "max_cooldown": 300.0,
            "scope": "deployment",
        },
        "24",
        "FailureAccrualFactory, FailureAccrualPolicy",
        (
            "the cooldown is drawn between a half and the whole (equal jitter)",
            "a success rate below 80 %, as a moving average over 30 s, opens it as well",
        ),
    ),
    "envoy": Preset(
        {
            "failures": 5,
            "consecutive": True,
            "cooldown": 30.0,
            "cooldown_step": 30.0,
            "max_cooldown": 300.0,
            "forgiven_after": 10.0,
            "returns_every": 10.0,
            "recovery": "time",
            "max_open": 0.1,
            "statuses": (TIMED_OUT, *FROM_500),
            "scope": "deployment",
        },
        "1.3x (00c7146d)",
        "source/common/upstream/outlier_detection_impl.cc",
        (
            "hosts whose success rate lies far below the others' are ejected as well (from 5 hosts "
            "of 100 requests in 10 s on)",
            "a share of hosts that is less than one host still ejected one before version 1.28",
        ),
    ),
    "litellm": Preset(
        {
            "rate": 0.500001,
            "min_calls": 5,
            "window": 60.0,
            "window_kind": "first_of_kind",
            "forgets": "never",
            "recovery": "time",
            "cooldown": 5.0,
            "at_once": (401, 404, 429),
            "retry_after": True,
            "spare_alone": True,
            "statuses": (TIMED_OUT, *FROM_500),
            "scope": "deployment",
        },
        "1.83.14",
        "router_utils/cooldown_handlers.py, track_deployment_metrics.py",
        (
            "failures that never cool a deployment (400, 403, 422) still count in its share",
            "one that is alone cools down for a 401 or 404, and once all of 1,000 calls within a "
            "minute failed (here never)",
            "its group is the alias (here: deployments of the same model)",
            "counters and cooldowns share a cache of 200 entries, and are thrown out",
        ),
    ),
    "portkey": Preset(
        {
            "failures": 5,
            "window": 30.0,
            "window_kind": "first_failure",
            "recovery": "window",
            "when_all_open": "try",
            "statuses": FROM_500,
            "scope": "deployment",
        },
        "2.2.3 (branch 2.0.0, 8febc1dc)",
        "src/utils/circuitBreaker.ts",
        (
            "nothing is counted for conditional strategies",
            "whether the hosted service runs this could not be checked",
        ),
        "failure_threshold 5 and cooldown_interval 30 s, which have no default",
    ),
    "helicone": Preset(
        {
            "rate": 0.100001,
            "min_calls": 20,
            "window": 60.0,
            "buckets": 1,
            "judged_every": 5.0,
            "recovery": "window",
            "cooldown": 30.0,
            "at_once": (429,),
            "retry_after": True,
            "retry_after_extra": 30.0,
            "statuses": FROM_500,
            "scope": "provider",
        },
        "ai-gateway of 2025-07-30 (42d29989)",
        "src/discover/monitor/health and rate_limit, src/metrics/rolling_counter.rs",
        (
            "its two monitors know nothing of each other: the end of a rate limit brings back what "
            "the other one has taken out",
            "the end of a rate limit is found at a look every 2 s",
        ),
    ),
    "kong": Preset(
        {
            "failures": 3,
            "window": 10.0,
            "cooldown": 10.0,
            "statuses": (403, 404, TIMED_OUT, 429, 500, 502, 503, 504),
            "scope": "deployment",
        },
        "AI Proxy Advanced 3.13",
        "plugin documentation: balancer.max_fails, balancer.fail_timeout",
        (
            "failures are forgotten by a success that comes fail_timeout after the last of them "
            "(here each when it is so old)",
            "where all targets are out it answers 500 (here 503)",
            "how many calls may try after fail_timeout is not documented (here one)",
        ),
        "max_fails 3, fail_timeout 10 s and failover_criteria, as in its example",
    ),
    "bifrost": Preset(
        {
            "rate": 0.5,
            "count_window": 100,
            "min_calls": 10,
            "judged": "result",
            "slow_after": 5.0,
            "slow_rate": 0.5,
            "cooldown": 60.0,
            "probes": 5,
            "trials_in_all": True,
            "successes": 5,
            "statuses": (429, *FROM_500),
            "scope": "provider",
        },
        "breaker plugin, PR 204 (closed; 03f97a6b)",
        "plugins/circuitbreaker/main.go, utils.go; issue 87 had proposed 0.8 and 3 trials",
        (
            "what is no 429 and no server error is a success (here neither)",
            "a slow trial opens it again (here only one that fails)",
            "the open-source gateway has no breaker; the enterprise one has four states "
            "(healthy, degraded, failed, recovering) whose rules are not published",
        ),
    ),
    "bedrock_agentcore": Preset(
        {"min_closed": 1, "statuses": (TIMED_OUT, *FROM_500), "scope": "deployment"},
        "2026-10",
        "AWS documentation of gateway targets",
        ("when it opens and comes back is not published (here the defaults)",),
        "3 failures within 30 s, 30 s",
    ),
}

IMPLIED: Implied = {
    "failures": {"rate": {"either": True}},
    "rate": {"consecutive": {"consecutive": False, "count_window": None}},
    "count_window": {"consecutive": {"consecutive": False}},
    "window": {
        "consecutive": {"consecutive": False},
        "count_window": {"count_window": None},
    },
    "successes": {"trial_calls": {"trial_calls": None}},
}
