"""How many calls at a time a target bears. Random sequences are compared with a second
implementation in tests/testing/test_limit_kinds.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.concurrency import AimdLimit, GradientLimit, VegasLimit


def after(limit, *samples):
    """The limit after each of them."""
    return [limit.sample(*sample) for sample in samples]


def test_the_library_s_own_cases_of_vegas():
    """VegasLimitTest of Netflix/concurrency-limits @78a74b9."""

    def vegas():
        return VegasLimit(10, most=20, alpha=3, beta=6)

    assert after(vegas(), (0.01, 10, False), (0.01, 11, False)) == [10, 16]
    assert after(vegas(), (0.01, 10, False), (0.05, 11, False)) == [10, 9]
    assert after(vegas(), (0.01, 10, False), (0.014, 14, False)) == [10, 10]
    large = VegasLimit(10_000, most=20_000)
    assert after(large, (10.0, 5000, False), (10.0, 6000, False)) == [10_000, 10_024]
    halves = VegasLimit(100, most=200, decrease=0.5)
    assert after(halves, (0.01, 100, False), (0.02, 100, False), (0.02, 100, False)) == [
        100,
        50,
        25,
    ]


def test_the_library_s_own_cases_of_aimd():
    """AIMDLimitTest of the same."""
    assert AimdLimit(10).limit == 10
    assert AimdLimit(20).sample(0.001, 10, False) == 21
    assert AimdLimit(30).sample(0.0, 0, True) == 27
    assert AimdLimit(21, 0, 21).sample(0.001, 10, False) == 21


def test_aimd_finds_the_capacity_and_saws_below_it():
    """A target that drops whatever is above 50: from then on the limit is within .9 x 50 and 51."""
    limit, seen = AimdLimit(20, 1, 500), []
    for _ in range(2000):
        seen.append(limit.sample(1.0, limit.limit, limit.limit > 50))
    assert min(seen[500:]) >= int(51 * 0.9)
    assert max(seen) == 51


def test_vegas_keeps_a_short_line_at_the_target():
    """A target of 40 slots, each call 1 s: with n under way a call takes max(1, n / 40) s. The line
    is n - 40 then, and comes to rest from 3 to 6 (log10(43) is 1)."""
    limit = VegasLimit(10)
    for _ in range(700):  # before it measures its shortest time anew
        limit.sample(max(1.0, limit.limit / 40), limit.limit, False)
    assert 43 <= limit.limit <= 47


def test_vegas_measures_anew_so_that_a_slower_target_is_no_full_one():
    """Calls take 1 s, then 2 s for ever: it first takes that for a line, and later no more."""
    limit = VegasLimit(20, most=100, probe=4.0)
    after(limit, *[(1.0, 100, False)] * 10)
    low = min(after(limit, *[(2.0, 100, False)] * 200))
    assert low < 90
    assert limit.shortest == 2.0
    assert max(after(limit, *[(2.0, 100, False)] * 200)) == 100


def test_the_gradient_comes_to_rest_where_its_room_is_the_line():
    """All calls take the same: up by a fifth of 4 each, to the most. A time twice the tolerated one
    halves what it may: .8 x 100 + .2 x (50 + 4) = 90.8."""
    limit = GradientLimit(20, 1, 100)
    assert after(limit, *[(1.0, 50, False)] * 200)[-1] == 100
    limit.sample(100.0, 100, False)
    assert limit.estimate == pytest.approx(90.8)


@given(st.lists(st.tuples(st.floats(0.001, 100), st.integers(0, 300), st.booleans()), max_size=80))
def test_no_limit_leaves_its_bounds(samples):
    """Whatever happens; and none grows while nearly nothing is under way."""
    for limit in (AimdLimit(30, 5, 90), VegasLimit(30, 5, 90), GradientLimit(30, 5, 90)):
        for seconds, in_flight, dropped in samples:
            before = limit.limit
            now = limit.sample(seconds, in_flight, dropped)
            assert 5 <= now <= 90
            if in_flight < before / 2 - 1 and not dropped:
                assert now <= before
