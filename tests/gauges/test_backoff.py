"""How pauses grow, and how chance spreads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.backoff import Backoff

AT_FOURTH = {
    "none": (4.0, 4.0),
    "full": (0.0, 4.0),
    "equal": (2.0, 4.0),
    "proportional": (3.2, 4.8),
}


def test_pauses_double_up_to_the_longest():
    """0.5, 1, 2 … and 20 s from the seventh on."""
    backoff = Backoff(jitter="none")
    assert [backoff.delay(attempt, 0.0) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 16, 20]


@pytest.mark.parametrize(("jitter", "bounds"), AT_FOURTH.items())
def test_jitter_spreads_a_pause_over_its_stated_range(jitter, bounds):
    """Of a pause of 4 s: all of it, the upper half, a fifth more or less; its ends at u = 0 and 1,
    linear between."""
    backoff = Backoff(jitter=jitter)
    low, high = backoff.delay(4, 0.0), backoff.delay(4, 1.0)
    assert (low, high) == pytest.approx(bounds)
    assert backoff.delay(4, 0.25) == pytest.approx(low + (high - low) / 4)


def test_decorrelated_pauses_are_drawn_up_to_three_times_the_one_before():
    """Brooker's min(cap, U(base, 3 x previous)), where the first previous is the base."""
    backoff = Backoff(initial=1.0, jitter="decorrelated")
    assert backoff.delay(1, 0.5) == pytest.approx(2.0)
    assert backoff.delay(2, 0.5, previous=2.0) == pytest.approx(3.5)
    assert backoff.delay(3, 0.0, previous=15.0) == pytest.approx(1.0)
    assert backoff.delay(3, 1.0, previous=15.0) == 20.0


@given(
    st.integers(1, 10**6),
    st.floats(0.0, 1.0, exclude_max=True),
    st.floats(0.0, 50.0),
    st.sampled_from(["none", "full", "equal", "decorrelated", "proportional"]),
)
def test_no_pause_is_longer_than_the_longest(attempt, u, previous, jitter):
    """However often one tries; proportional jitter may add its fifth."""
    assert (
        0.0
        <= Backoff(max=10.0, jitter=jitter).delay(attempt, u, previous)
        <= 10.0 * (1.2 if jitter == "proportional" else 1.0)
    )


def test_an_unknown_jitter_is_an_error():
    """It would be none at all, without a word."""
    with pytest.raises(
        ValueError,
        match="jitter 'random': expected one of none, full, equal, decorrelated, proportional",
    ):
        Backoff(jitter="random")
