"""Limits that are counted in windows: fixed ones, and any span of so long."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.bucket import Bucket
from simroute.gauges.windows import FixedWindow, SlidingLog

Window = FixedWindow | SlidingLog
BOTH = pytest.mark.parametrize("kind", [FixedWindow, SlidingLog])
CALLS = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 12)), max_size=60)


@BOTH
def test_at_most_the_limit_within_a_window(kind: Callable[[float, float], Window]) -> None:
    """Five in 60 s: the sixth waits until a minute after the first, on either count if the first
    is at t = 0."""
    window = kind(5, 60.0)
    assert [window.take(t) for t in (0, 1, 2, 3, 4, 5)] == [True] * 5 + [False]
    assert window.wait(5.0, 1) == 55.0
    assert window.reset(5.0) == (55.0 if kind is FixedWindow else 59.0)
    assert window.take(60.0)


def test_a_fixed_window_admits_twice_its_limit_around_its_edge_and_a_log_does_not() -> None:
    """Ten at 59 s and ten at 61 s."""
    fixed, log = FixedWindow(10, 60.0), SlidingLog(10, 60.0)
    for window, late in ((fixed, 10), (log, 0)):
        assert sum(window.take(59.0) for _ in range(12)) == 10
        assert sum(window.take(61.0) for _ in range(12)) == late


@BOTH
def test_more_than_a_window_grants_never_fits(kind: Callable[[float, float], Window]) -> None:
    """However long one waits."""
    window = kind(5, 60.0)
    assert window.wait(0.0, 6) == window.wait(1e6, 6) == math.inf


@BOTH
def test_a_debt_is_paid_by_the_windows_after_it(kind: Callable[[float, float], Window]) -> None:
    """8 of 5 were used at 1 s: nothing until they are forgotten."""
    window = kind(5, 60.0)
    window.spend(1.0, 8)
    assert window.level(2.0) == -3
    assert window.wait(2.0, 1) == (58.0 if kind is FixedWindow else 59.0)


@BOTH
def test_what_was_not_used_is_given_back_within_its_window_only(
    kind: Callable[[float, float], Window],
) -> None:
    """Four taken at 10 s: three come back at 20 s, none at 75 s, when they are back anyway."""
    window = kind(5, 60.0)
    assert window.take(10.0, 4)
    window.refund(10.0, 20.0, 3)
    assert window.level(20.0) == 4
    window.refund(10.0, 75.0, 1)
    assert window.level(75.0) == 5


def test_what_comes_back_late_comes_back_in_its_turn() -> None:
    """A log forgets a refund together with what it belongs to."""
    log = SlidingLog(10, 60.0)
    log.spend(0.0, 6)
    log.spend(30.0, 4)
    log.refund(0.0, 40.0, 5)
    assert log.level(40.0) == 5
    assert log.wait(40.0, 6) == 20.0
    assert log.level(60.0) == 6


@BOTH
@given(calls=CALLS)
def test_no_window_holds_more_than_the_limit(
    kind: Callable[[float, float], Window], calls: list[tuple[float, float]]
) -> None:
    """Whatever is asked, in order of time: in any window that counts there is at most the limit,
    and who waits as long as told is let in."""
    limit, seconds = 10.0, 7.0
    window = kind(limit, seconds)
    passed = []
    for at, amount in sorted(calls):
        wait = window.wait(at, amount)
        assert (wait == 0) == window.take(at, amount)
        if wait == 0:
            passed.append((at, amount))
        elif wait < math.inf:
            assert window.wait(at + wait, amount) == 0
            break
    for begin, _ in passed:
        first = begin - begin % seconds if kind is FixedWindow else begin
        inside = sum(amount for at, amount in passed if first <= at < first + seconds - 1e-6)
        assert inside <= limit + 1e-6


@given(calls=CALLS)
def test_a_bucket_admits_at_most_its_content_and_its_refill(
    calls: list[tuple[float, float]],
) -> None:
    """Over the whole time: capacity + rate x time."""
    bucket, passed = Bucket(10.0, 2.0), 0.0
    for at, amount in sorted(calls):
        passed += amount if bucket.take(at, amount) else 0.0
    assert passed <= 10.0 + 2.0 * 30 + 1e-6
