"""How much passes, and how long the rest must wait."""

import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.bucket import Bucket, DualLimit
from simroute.gauges.windows import SlidingLog


def test_the_wait_is_the_one_that_providers_state(shared):
    """(used + requested - limit) / (limit / 60) s: to the digit of the computed column, and to 4 ms
    of what OpenAI and Groq said."""
    with (shared / "data" / "rate_limit_messages.csv").open() as file:
        messages = list(csv.DictReader(file))
    assert len(messages) == 8
    for message in messages:
        limit, used, requested = (
            float(message[column]) for column in ("limit", "used", "requested")
        )
        wait = Bucket(limit, limit / 60, initial=limit - used).wait(0.0, requested)
        digits = len(message["predicted_wait_s"].partition(".")[2])
        assert round(wait, digits) == float(message["predicted_wait_s"])
        assert wait == pytest.approx(float(message["stated_wait_s"]), abs=0.004)


def test_after_exactly_the_wait_it_fits():
    """Retry-After is exact: a moment before is too early."""
    bucket = Bucket(50_000, 50_000 / 60, initial=50_000 - 47_949)
    wait = bucket.wait(0.0, 3006)
    assert not bucket.take(wait - 1e-3, 3006)
    assert bucket.take(wait, 3006)


def test_more_than_it_holds_never_fits():
    """And something that is never refilled never fits again."""
    assert Bucket(10, 1.0).wait(0.0, 11) == math.inf
    quota = Bucket(10, 0.0)
    assert quota.take(0.0, 10)
    assert quota.wait(1e9, 1) == math.inf


def test_a_clock_may_start_anywhere():
    """Below zero as well: a second is a second."""
    bucket = Bucket(5, 1.0)
    assert bucket.take(-1000.0, 5)
    assert not bucket.take(-1000.0, 1)
    assert bucket.take(-999.0, 1)


def test_a_clock_that_steps_back_neither_gives_nor_takes():
    """Time resumes from its high-water mark: of two tokens at 10 s one is left at 9 s, and still
    one at 10 s."""
    bucket = Bucket(2, 1.0)
    assert bucket.take(10.0)
    assert bucket.level(9.0) == 1.0
    assert bucket.take(9.0)
    assert bucket.level(10.0) == 0.0


def test_a_refund_does_not_overflow():
    """Given back when it is full again, it is lost."""
    bucket = Bucket(100, 10.0)
    bucket.take(0.0, 50)
    bucket.settle(5.0, 50, 0)
    assert bucket.level(5.0) == 100


def test_arrivals_at_the_refill_rate_are_all_admitted():
    """Ten a second for a day, each at its own rounded time: nobody is refused for a rounding
    error."""
    bucket = Bucket(1, 10.0)
    assert all(bucket.take(i / 10) for i in range(864_000))


@given(
    st.floats(1.0, 1e4),
    st.floats(0.01, 1e3),
    st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 50.0)), max_size=80),
)
def test_no_more_passes_than_was_there_and_came(capacity, refill, wishes):
    """From a full bucket at most capacity + refill x time, to a millionth."""
    bucket, now, taken = Bucket(capacity, refill), 0.0, 0.0
    for pause, amount in wishes:
        now += pause
        taken += amount if bucket.take(now, amount) else 0.0
    assert taken <= (capacity + refill * now) * (1 + 1e-6)


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 40.0)), max_size=40),
    st.floats(0.0, 30.0),
)
def test_whoever_waits_as_told_gets_it(wishes, amount):
    """Refused is not for ever: after the wait that was told it fits."""
    bucket, now = Bucket(30, 3.0), 0.0
    for pause, wish in wishes:
        now += pause
        bucket.take(now, wish)
    assert bucket.take(now + bucket.wait(now, amount), amount)


def test_requests_and_tokens_are_taken_together_or_not_at_all():
    """A refusal for want of tokens uses up no request, and one for want of requests no tokens."""
    limit = DualLimit(rpm=2, tpm=600)
    assert limit.take(0.0, 600) == 0
    assert limit.take(0.0, 100) == pytest.approx(10.0)
    assert limit.take(10.0, 100) == 0
    assert limit.take(10.0, 0) == pytest.approx(20.0)
    assert limit.take(30.0, 200) == 0


def test_the_longer_of_two_waits_counts():
    """One request every 30 s, one token every 0.1 s."""
    limit = DualLimit(rpm=2, tpm=600)
    limit.take(0.0, 300)
    limit.take(0.0, 300)
    assert limit.wait(0.0, 100) == pytest.approx(30.0)
    assert limit.wait(0.0, 400) == pytest.approx(40.0)


def test_what_was_used_beyond_the_reservation_is_owed():
    """Reserved 100, used 400 of 600 a minute: 300 more are there only 10 s later."""
    limit = DualLimit(tpm=600)
    limit.take(0.0, 100)
    limit.settle(0.0, 100, 400)
    assert limit.wait(0.0, 300) == pytest.approx(10.0)


def test_half_a_request_a_minute_is_one_in_two():
    """Slow, not never; and without limits everything passes."""
    limit = DualLimit(rpm=0.5)
    assert limit.take(0.0, 1e9) == 0
    assert limit.wait(0.0, 1) == pytest.approx(120.0)
    assert DualLimit().take(0.0, 1e9) == 0


def test_a_sliding_log_lets_nothing_more_through_until_the_first_is_a_window_old():
    """Five at 59.9 s fill it until exactly 119.9 s."""
    log = SlidingLog(5, 60.0)
    assert all(log.take(59.9) for _ in range(5))
    assert log.wait(60.0) == pytest.approx(59.9)
    assert not log.take(119.89)
    assert log.take(119.9)
