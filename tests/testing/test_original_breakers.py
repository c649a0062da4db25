"""pybreaker and hyx themselves, on a clock of ours, beside the conformance runner: calls that
hypothesis makes up."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge

MISSING = "is not installed: pip install simroute[originals]"
START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = st.integers(1, 4)
PAUSE = st.sampled_from([0.0, 0.0, 0.25, 1.0, 2.0, 5.0])
CALLS = st.lists(st.tuples(PAUSE, st.sampled_from(["success", "failure", "ignored"])), max_size=40)


class Clock:
    """Stands for `datetime` in a module: its now is ours."""

    seconds = 0.0

    def now(self, zone: Any = None) -> datetime:
        return START + timedelta(seconds=self.seconds)

    utcnow = now


class Ignored(Exception):
    """What the breakers are told not to count."""


def the_same(family: str, config: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    item = {"id": "call", "family": family, "config": config, "steps": steps}
    (verdict,) = judge([item])
    assert str(verdict) == "pass call", steps


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(SMALL, st.sampled_from([0.5, 2.0, 5.0]), SMALL, CALLS)
def test_pybreaker_does_what_its_family_does(fail_max, timeout, successes, calls):
    """State, counter, and who is let through, call by call."""
    pybreaker = pytest.importorskip("pybreaker", reason=f"pybreaker {MISSING}")
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pybreaker, "datetime", clock)
        breaker = pybreaker.CircuitBreaker(
            fail_max=fail_max,
            reset_timeout=timeout,
            success_threshold=successes,
            exclude=[Ignored],
            throw_new_error_on_trip=False,
        )
        steps: list[dict[str, Any]] = []
        for pause, event in calls:
            clock.seconds += pause
            reached = []

            def work(event=event, reached=reached):
                reached.append(True)
                if event != "success":
                    raise Ignored if event == "ignored" else ValueError

            with suppress(ValueError, Ignored, pybreaker.CircuitBreakerError):
                breaker.call(work)
            asked = {"t": clock.seconds, "event": "permit", "expect": {"permitted": bool(reached)}}
            after = {
                "state": breaker.current_state.replace("-", "_"),
                "failed": breaker.fail_counter,
            }
            steps.append(asked)
            if reached:
                steps.append({"t": clock.seconds, "event": event, "expect": after})
    config = {"fail_max": fail_max, "reset_timeout_s": timeout, "success_threshold": successes}
    the_same("pybreaker", config, steps)


STATES = {"working": "closed", "failing": "open", "recovering": "half_open"}


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    SMALL,
    st.sampled_from([0.5, 2.0, 5.0]),
    SMALL,
    st.lists(st.tuples(PAUSE, st.sampled_from(["permit", "permit", "success", "failure"]))),
)
def test_hyx_does_what_its_family_does(failures, recovery, successes, events):
    """State, and who is let through, with several calls under way at a time."""
    states = pytest.importorskip("hyx.circuitbreaker.states", reason=f"hyx {MISSING}")
    api = pytest.importorskip("hyx.circuitbreaker.api", reason=f"hyx {MISSING}")
    exceptions = pytest.importorskip("hyx.circuitbreaker.exceptions", reason=f"hyx {MISSING}")
    clock = Clock()

    async def play() -> list[dict[str, Any]]:
        breaker = api.consecutive_breaker(
            exceptions=ValueError,
            failure_threshold=failures,
            recovery_time_secs=recovery,
            recovery_threshold=successes,
        )
        steps: list[dict[str, Any]] = []
        under_way = 0
        for pause, event in events:
            clock.seconds += pause
            expect: dict[str, Any] = {}
            if event == "permit":
                try:
                    await breaker.__aenter__()
                    expect["permitted"] = True
                    under_way += 1
                except exceptions.BreakerFailing:
                    expect["permitted"] = False
            elif not under_way:
                continue
            else:
                under_way -= 1
                error = ValueError() if event == "failure" else None
                with suppress(ValueError):
                    await breaker.__aexit__(error and ValueError, error, None)
            expect["state"] = STATES[breaker.state.name]
            steps.append({"t": clock.seconds, "event": event, "expect": expect})
        return steps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "datetime", clock)
        steps = asyncio.run(play())
    config = {
        "failure_threshold": failures,
        "recovery_s": recovery,
        "recovery_threshold": successes,
    }
    the_same("hyx", config, steps)
