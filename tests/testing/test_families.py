"""The conformance runner beside a second implementation of each family, with configurations and
events that hypothesis makes up from the fields' ranges."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge
from simroute.testing.conformance.breakers.families import FAMILIES
from simroute.testing.conformance.breakers.fields import FIELDS
from tests.testing.originals import LIBRARIES
from tests.testing.originals_of_gateways import GATEWAYS

ORIGINALS: dict[str, Any] = {**LIBRARIES, **GATEWAYS}
SMALL = st.integers(1, 4)
PERCENT = st.sampled_from([1.0, 25.0, 33.0, 50.0, 60.0, 75.0, 100.0])
SHARE = st.sampled_from([0.1, 0.25, 0.5, 0.8, 1.0])
TIME = st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0])
SOMETIMES = st.sampled_from([False, False, False, True])
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "resilience4j": {
        "window": st.sampled_from(["count", "time"]),
        "size": st.integers(1, 8),
        "min_calls": st.integers(1, 8),
        "failure_rate": PERCENT,
        "slow_rate": PERCENT,
        "slow_s": TIME,
        "wait_s": TIME,
        "wait_factor": st.sampled_from([1.0, 1.5, 2.0]),
        "max_wait_s": st.sampled_from([4.0, 20.0]),
        "permits": SMALL,
        "max_half_open_s": st.sampled_from([0.0, 1.0, 5.0]),
        "after_half_open": st.sampled_from(["open", "closed"]),
        "auto": st.booleans(),
        "initial": st.sampled_from(["closed", "closed", "open", "half_open", "metrics_only"]),
    },
    "polly_v8": {
        "failure_ratio": SHARE,
        "min_throughput": st.integers(2, 6),
        "sampling_s": st.sampled_from([0.125, 5.0, 10.0, 20.0]),
        "break_s": st.one_of(TIME, st.lists(TIME, min_size=1, max_size=3)),
    },
    "failsafe_go": {
        "failures": SMALL,
        "of": st.integers(4, 6),
        "rate": st.sampled_from([0.25, 0.33, 0.5, 1.0]),
        "executions": SMALL,
        "period_s": st.sampled_from([1.0, 10.0]),
        "successes": SMALL,
        "successes_of": st.integers(4, 6),
        "delay_s": st.one_of(st.just(0.0), TIME),
    },
    "gobreaker": {
        "max_requests": st.integers(0, 3),
        "interval_s": st.sampled_from([0.0, 2.0, 10.0]),
        "bucket_s": st.sampled_from([0.0, 0.0, 0.5, 3.0, 10.0]),
        "timeout_s": st.sampled_from([0.0, 1.0, 5.0]),
        "ratio": SHARE,
        "min_requests": SMALL,
        "consecutive": st.integers(0, 3),
    },
    "hystrix": {
        "volume": st.integers(0, 4),
        "error_pct": PERCENT,
        "sleep_s": TIME,
        "window_s": st.sampled_from([1.0, 2.0, 8.0]),
        "snapshot_s": st.sampled_from([0.125, 0.5, 1.0]),
        "force_open": SOMETIMES,
        "force_closed": SOMETIMES,
        "enabled": SOMETIMES.map(lambda off: not off),
    },
    "pybreaker": {"fail_max": SMALL, "reset_timeout_s": TIME, "success_threshold": SMALL},
    "hyx": {"failure_threshold": SMALL, "recovery_s": TIME, "recovery_threshold": SMALL},
    "finagle": {
        "failures": SMALL,
        "mark_dead_s": st.lists(TIME, max_size=3),
        "success_rate": SHARE,
        "window": SMALL,
        "window_s": TIME,
        "min_requests": SMALL,
    },
    "envoy": {
        "consecutive_5xx": SMALL,
        "interval_s": TIME,
        "base_s": TIME,
        "max_s": st.sampled_from([5.0, 20.0, 300.0]),
        "hosts": st.integers(1, 8),
        "max_pct": st.sampled_from([10, 25, 50, 100]),
        "always_one": st.booleans(),
        "enforcing_consecutive_5xx": st.sampled_from([0, 100]),
        "consecutive_gateway_failure": SMALL,
        "enforcing_consecutive_gateway_failure": st.sampled_from([0, 100]),
        "split": st.booleans(),
        "consecutive_local_origin_failure": SMALL,
        "enforcing_consecutive_local_origin_failure": st.sampled_from([0, 100]),
        "enforcing_success_rate": st.sampled_from([0, 100]),
        "success_rate_minimum_hosts": st.integers(1, 3),
        "success_rate_request_volume": SMALL,
        "success_rate_stdev_factor": st.sampled_from([500, 1000, 1900]),
        "enforcing_failure_percentage": st.sampled_from([0, 100]),
        "failure_percentage_threshold": st.sampled_from([50, 85]),
        "failure_percentage_minimum_hosts": st.integers(1, 3),
        "failure_percentage_request_volume": SMALL,
    },
    "litellm": {
        "group_size": st.integers(1, 3),
        "allowed_fails": st.integers(0, 4),
        "cooldown_s": st.sampled_from([0.0, 0.5, 5.0, 10.0]),
        "deployment_cooldown_s": st.sampled_from([0.0, 2.0]),
        "disable_cooldowns": SOMETIMES,
    },
    "portkey": {
        "failure_threshold": SMALL,
        "failure_threshold_percentage": PERCENT,
        "minimum_requests": SMALL,
        "cooldown_s": st.sampled_from([5.0, 30.0, 40.0]),
        "failure_status_codes": st.sampled_from([[429], [500, 503]]),
        "targets": st.integers(2, 3),
    },
    "helicone": {
        "ratio": SHARE,
        "min_requests": SMALL,
        "window_s": st.sampled_from([10.0, 60.0]),
        "interval_s": st.sampled_from([1.0, 5.0]),
    },
    "kong": {"max_fails": st.integers(0, 3), "fail_timeout_s": TIME},
    "bifrost": {
        "failure_ratio": SHARE,
        "slow_ratio": SHARE,
        "slow_s": TIME,
        "min_calls": SMALL,
        "size": st.integers(1, 6),
        "permits": SMALL,
        "wait_s": TIME,
    },
}
UNDRAWN = {
    "resilience4j": {"exponential"},
    "gobreaker": {"buckets"},
    "envoy": {"jitter_s"},
    "litellm": {"allowed_fails_policy", "min_events", "max_share", "single_threshold"},
    "bifrost": {"window"},
    "bedrock_agentcore": {"mode", "targets"},
}
"""Fields that are another word for one that is drawn, or that come of the environment: read in
tests of their own."""
EVENTS = {
    "resilience4j": (
        "permit success failure slow slow_failure ignored unknown observe "
        "manual:open manual:half_open manual:reset manual:closed manual:disabled "
        "manual:forced_open manual:metrics_only manual:open_for manual:open_until"
    ),
    "polly_v8": "permit success failure ignored unknown observe manual:isolate manual:close",
    "failsafe_go": (
        "permit success failure unknown observe "
        "manual:open manual:half_open manual:close manual:reset"
    ),
    "gobreaker": "permit permit success failure ignored unknown observe",
    "hystrix": "permit success failure ignored unknown observe",
    "pybreaker": (
        "permit success failure ignored unknown observe manual:open manual:half_open manual:close"
    ),
    "hyx": "permit success failure ignored unknown observe",
    "finagle": "permit permit success failure ignored unknown observe",
    "envoy": "permit success failure ignored observe manual:sweep manual:sweep",
    "litellm": "permit success failure unknown observe",
    "portkey": "permit success failure unknown observe",
    "helicone": "permit success failure observe",
    "kong": "permit success failure unknown observe",
    "bifrost": "permit success failure observe",
}
STATUSES = {
    "litellm": (400, 401, 404, 408, 409, 429, 500, 503),
    "portkey": (400, 429, 500, 503),
    "envoy": (404, 500, 503),
    "helicone": (400, 500, 503),
    "bifrost": (400, 429, 500),
}
SEVERAL = {"envoy": "host", "portkey": "target"}
"""Families of several side by side -> the word for one."""
PAUSES = st.sampled_from([0.0, 0.0, 0.0, 0.125, 0.5, 1.0, 2.0, 5.0, 10.0, 31.0])
UNEVEN = st.sampled_from([0.0, 0.0, 0.0, 0.125, 0.5625, 1.25, 2.375, 5.1875, 11.0, 31.0, 61.5])
"""For LiteLLM, where what is written at the very end of a life begins another one."""


def configurations(draw: Any, family: str) -> dict[str, Any]:
    """Fields, of which any may be missing, and sometimes all are."""
    if not draw(st.integers(0, 9)):
        return {}
    fields = CONFIGURATIONS[family]
    rare = 2 if len(fields) > 10 else 4
    config = {key: draw(value) for key, value in fields.items() if draw(st.integers(0, rare))}
    if family == "litellm" and not draw(st.integers(0, 5)):  # one kind's number for all of them
        config |= {"allowed_fails": 2, "allowed_fails_policy": {"TimeoutErrorAllowedFails": 2}}
    return config


@st.composite
def plays(draw: Any, family: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A configuration, and what happens then."""
    config = configurations(draw, family)
    kinds = st.sampled_from(EVENTS[family].split())
    steps, now, number = [], 0.0, 0
    mode = ""
    for kind in draw(st.lists(kinds, max_size=40)):
        now += draw(UNEVEN if family == "litellm" else PAUSES)
        event, _, what = kind.partition(":")
        if what in ("open", "half_open", "open_for", "open_until") and mode in (
            "disabled",
            "forced_open",
        ):
            continue  # resilience4j would count on in a window of no calls, and fails
        if what == "reset" and (config.get("auto") or config.get("max_half_open_s")):
            continue  # resilience4j leaves its timers running
        mode = what or mode
        step: dict[str, Any] = {"t": int(now) if now == int(now) else now, "event": event}
        if what:
            step["what"] = what
        if what in ("open_for", "open_until"):
            step["arg"] = draw(TIME) + (now if what == "open_until" else 0.0)
        step |= draw(details(family, event))
        if family in ("gobreaker", "finagle") and event not in ("permit", "observe"):
            token = draw(st.integers(0, number))
            step |= {"token": token} if token else {}
        if event == "permit" and family in ("gobreaker", "finagle"):
            number += 1
            step["token"] = number
        steps.append(step)
    return config, steps


@st.composite
def details(draw: Any, family: str, event: str) -> dict[str, Any]:
    """What an event may say besides."""
    step: dict[str, Any] = {}
    if event == "failure" and family in STATUSES and draw(st.integers(0, 4)):
        step["status"] = draw(st.sampled_from(STATUSES[family]))
    if event == "failure" and family == "envoy" and not draw(st.integers(0, 3)):
        step = {"origin": "local"}
    if event == "failure" and family == "litellm" and not draw(st.integers(0, 3)):
        step["retry_after"] = draw(st.sampled_from([0.0, 2.0, 20.0]))
    if event in ("success", "failure") and family in ("resilience4j", "bifrost"):
        step |= {"dur": draw(TIME)} if draw(st.booleans()) else {}
    if family in SEVERAL and event != "manual":
        step[SEVERAL[family]] = draw(st.integers(1, 3))
    return step


def sensible(family: str, config: dict[str, Any]) -> bool:
    """As far as the library takes it, or means one thing by it."""
    if family == "failsafe_go":
        good, good_of = config.get("successes"), config.get("successes_of")
        kinds = {"of", "period_s"} <= config.keys() or {"of", "rate"} <= config.keys()
        rated = ("rate" in config) == ("executions" in config)
        rated = rated and ("rate" not in config or "period_s" in config)
        return not (good is None and good_of is not None) and not kinds and rated
    if family == "finagle":
        rated = "success_rate" in config
        both = {"window", "window_s"} <= config.keys()
        return not both and (rated or not config.keys() & {"window", "window_s", "min_requests"})
    if family == "envoy":
        return "hosts" in config or not config.keys() & {"max_pct", "always_one"}
    if family == "resilience4j":
        return "max_wait_s" not in config or "wait_factor" in config
    return True


def test_every_field_of_every_family_is_drawn():
    """But for those that say the same in another way."""
    assert set(ORIGINALS) | {"bedrock_agentcore"} == set(FAMILIES) == set(FIELDS)
    for family, fields in FIELDS.items():
        drawn = set(CONFIGURATIONS.get(family, {}))
        assert set(fields) - drawn == UNDRAWN.get(family, set()), family


@pytest.mark.parametrize("family", ORIGINALS)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_happens_both_say_the_same(family, data):
    """States, permits and figures after each step."""
    config, steps = data.draw(plays(family).filter(lambda play: sensible(family, play[0])))
    original = ORIGINALS[family](config)
    taken: set[int] = set()
    played: list[dict[str, Any]] = []
    for step in steps:
        if "token" in step and step["event"] != "permit":
            if step["token"] not in taken:
                continue
            taken.remove(step["token"])
        step = step | {"expect": original.do(step)}
        if step["event"] == "permit" and step["expect"]["permitted"] and "token" in step:
            taken.add(step["token"])
        played.append(step)
    assume(any(step["expect"] for step in played))
    last: Any = 0
    for step in played:  # a step without a time is at that of the one before
        now = step["t"]
        if now == last and data.draw(st.booleans()):
            del step["t"]
        last = now
    item = {"id": "made up", "family": family, "config": config, "steps": played}
    (verdict,) = judge([item])
    assert str(verdict) == "pass made up", (config, played)
