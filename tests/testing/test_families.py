"""The conformance runner beside a second implementation of each family, with configurations and
events that hypothesis makes up from the fields' ranges."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge
from tests.testing.originals import ORIGINALS

SMALL = st.integers(1, 4)
PERCENT = st.sampled_from([1.0, 25.0, 33.0, 50.0, 60.0, 75.0, 100.0])
TIME = st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0])
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "resilience4j": {
        "window": st.sampled_from(["count", "time"]),
        "size": st.integers(1, 8),
        "min_calls": st.integers(1, 8),
        "failure_rate": PERCENT,
        "slow_rate": PERCENT,
        "slow_s": TIME,
        "wait_s": TIME,
        "permits": SMALL,
        "max_half_open_s": st.sampled_from([0.0, 1.0, 5.0]),
        "after_half_open": st.sampled_from(["open", "closed"]),
        "auto": st.booleans(),
    },
    "polly_v8": {
        "failure_ratio": st.sampled_from([0.1, 0.25, 0.5, 1.0]),
        "min_throughput": st.integers(2, 6),
        "sampling_s": st.sampled_from([5.0, 10.0, 20.0]),
        "break_s": TIME,
    },
    "failsafe_go": {
        "failures": SMALL,
        "of": st.integers(4, 6),
        "period_s": st.sampled_from([1.0, 10.0]),
        "successes": SMALL,
        "successes_of": st.integers(4, 6),
        "delay_s": TIME,
    },
    "gobreaker": {
        "max_requests": st.integers(0, 3),
        "interval_s": st.sampled_from([0.0, 2.0, 10.0]),
        "timeout_s": st.sampled_from([0.0, 1.0, 5.0]),
        "ratio": st.sampled_from([0.25, 0.5, 0.6, 1.0]),
        "min_requests": SMALL,
        "consecutive": st.integers(0, 3),
    },
    "hystrix": {
        "volume": SMALL,
        "error_pct": PERCENT,
        "sleep_s": TIME,
        "window_s": st.sampled_from([1.0, 2.0, 8.0]),
        "snapshot_s": st.sampled_from([0.125, 0.5, 1.0]),
    },
    "pybreaker": {"fail_max": SMALL, "reset_timeout_s": TIME, "success_threshold": SMALL},
    "hyx": {"failure_threshold": SMALL, "recovery_s": TIME, "recovery_threshold": SMALL},
    "finagle": {"failures": SMALL, "mark_dead_s": st.lists(TIME, max_size=3)},
    "envoy": {
        "consecutive_5xx": SMALL,
        "interval_s": TIME,
        "base_s": TIME,
        "max_s": st.sampled_from([5.0, 20.0, 300.0]),
    },
    "litellm": {
        "group_size": st.integers(1, 3),
        "allowed_fails": st.integers(0, 4),
        "cooldown_s": TIME,
    },
    "portkey": {
        "failure_threshold": SMALL,
        "failure_threshold_percentage": PERCENT,
        "minimum_requests": SMALL,
        "cooldown_s": st.sampled_from([5.0, 30.0, 40.0]),
        "failure_status_codes": st.sampled_from([[429], [500, 503]]),
    },
}
EVENTS = {
    "resilience4j": (
        "permit success failure slow slow_failure ignored observe "
        "manual:open manual:half_open manual:reset manual:disabled manual:forced_open "
        "manual:metrics_only"
    ),
    "polly_v8": "permit success failure ignored observe",
    "failsafe_go": "permit success failure observe manual:open manual:half_open manual:close",
    "gobreaker": "permit success failure ignored observe",
    "hystrix": "permit success failure ignored observe",
    "pybreaker": "permit success failure ignored observe",
    "hyx": "permit success failure ignored observe",
    "finagle": "permit success failure ignored observe",
    "envoy": "permit success failure observe manual:sweep",
    "litellm": "permit success failure observe",
    "portkey": "permit success failure observe",
}
STATUSES = {
    "litellm": (400, 401, 429, 500, 503),
    "portkey": (400, 429, 500, 503),
    "envoy": (404, 503),
}
PAUSES = st.sampled_from([0.0, 0.0, 0.0, 0.125, 0.5, 1.0, 2.0, 5.0, 10.0, 31.0])


@st.composite
def plays(draw: Any, family: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A configuration, from which fields may be missing, and what happens then."""
    fields = CONFIGURATIONS[family]
    config = {key: draw(value) for key, value in fields.items() if draw(st.integers(0, 4))}
    kinds = st.sampled_from(EVENTS[family].split())
    steps, now, number = [], 0.0, 0
    mode = ""
    for kind in draw(st.lists(kinds, max_size=40)):
        now += draw(PAUSES)
        event, _, what = kind.partition(":")
        if what in ("open", "half_open") and mode in ("disabled", "forced_open"):
            continue  # resilience4j would count on in a window of no calls, and fails
        mode = what or mode
        step: dict[str, Any] = {"t": now, "event": event}
        if what:
            step["what"] = what
        if event == "failure" and family in STATUSES:
            step["status"] = draw(st.sampled_from(STATUSES[family]))
        if event == "failure" and family == "litellm" and not draw(st.integers(0, 3)):
            step["retry_after"] = draw(st.sampled_from([0.0, 2.0, 20.0]))
        if event in ("success", "failure") and family == "resilience4j" and draw(st.booleans()):
            step["dur"] = draw(TIME)
        if family in ("gobreaker", "finagle") and event not in ("permit", "observe"):
            if not number:
                continue
            step["token"] = draw(st.integers(1, number))
        if event == "permit" and family in ("gobreaker", "finagle"):
            number += 1
            step["token"] = number
        steps.append(step)
    return config, steps


def sensible(family: str, config: dict[str, Any]) -> bool:
    """As far as the library takes it, or means one thing by it."""
    if family == "failsafe_go":
        good, good_of = config.get("successes"), config.get("successes_of")
        within = "of" in config and "period_s" in config
        return not (good is None and good_of is not None) and not within
    return True


@pytest.mark.parametrize("family", ORIGINALS)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_happens_both_say_the_same(family, data):
    """States, permits and figures after each step."""
    config, steps = data.draw(plays(family).filter(lambda play: sensible(family, play[0])))
    original = ORIGINALS[family](config)
    taken: set[int] = set()
    played = []
    for step in steps:
        if "token" in step and step["event"] != "permit":
            if step["token"] not in taken:
                continue
            taken.remove(step["token"])
        step = step | {"expect": original.do(step)}
        if step["event"] == "permit" and step["expect"]["permitted"] and "token" in step:
            taken.add(step["token"])
        played.append(step)
    item = {"id": "made up", "family": family, "config": config, "steps": played}
    (verdict,) = judge([item])
    assert str(verdict) == "pass made up", (config, played)
