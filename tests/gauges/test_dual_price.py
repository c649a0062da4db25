"""The price of a budget: how it rises, falls, and where it comes to rest."""

import pytest

from simroute.gauges.dual_price import DualPrice


def test_the_price_is_the_backlog_over_what_may_be_ahead_for_a_call_of_usual_cost():
    """USD 1 a second, 10 s ahead. Two calls of USD 4: backlog 8, usual cost 4, so .8 / 4."""
    price = DualPrice(100.0, 100.0, 10.0)
    assert price.at(0.0) == 0.0
    price.spend(0.0, 4.0)
    price.spend(0.0, 4.0)
    assert price.at(0.0) == pytest.approx(0.2)
    assert price.at(0.0) * 4.0 == pytest.approx(0.8)  # quality that a usual call gives up


def test_it_falls_as_time_passes_and_never_below_nothing():
    """A backlog of 8 is worked off at 1 a second; a quiet hour earns no credit."""
    price = DualPrice(100.0, 100.0, 10.0)
    price.spend(0.0, 8.0)
    assert price.at(4.0) == pytest.approx(0.4 / 8)
    assert price.at(8.0) == 0.0
    assert price.at(3600.0) == 0.0
    price.spend(3600.0, 8.0)
    assert price.at(3600.0) == pytest.approx(0.1)


def test_a_period_s_sum_is_spent_until_the_next_begins():
    """Periods begin at multiples of their length."""
    price = DualPrice(10.0, 60.0, 5.0)
    price.spend(50.0, 9.99)
    assert not price.is_spent(50.0)
    price.spend(55.0, 0.01)
    assert price.is_spent(59.9)
    assert not price.is_spent(60.0)


def test_without_money_nothing_is_left_and_any_cost_is_too_much():
    """A budget of nothing."""
    price = DualPrice(0.0, 60.0, 5.0)
    assert price.is_spent(0.0)
    price.spend(0.0, 1.0)
    assert price.at(0.0) == float("inf")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_choices_at_the_price_spend_the_budget_and_the_price_is_the_dual_one(share):
    """Two options, of quality .9 for USD 3 and .7 for USD 1, one call a second. The best mix under
    a budget of 1 + 2 x share a second takes the dear one in that share of calls, at a dual price
    of (.9 - .7) / (3 - 1)."""
    a_second = 1.0 + 2.0 * share
    price = DualPrice(86_400.0 * a_second, 86_400.0, 600.0)
    spent, dear, seen, calls = 0.0, 0, 0.0, 40_000
    for now in range(calls):
        rate = price.at(float(now))
        usd = 3.0 if 0.9 - 3.0 * rate > 0.7 - 1.0 * rate else 1.0
        price.spend(float(now), usd)
        spent += usd
        dear += usd == 3.0
        seen += rate / calls
    # the start is free until the price has risen: at most `ahead` seconds of the pace
    assert calls * a_second <= spent <= (calls + 600.0) * a_second
    assert dear / calls == pytest.approx(share, abs=600.0 * a_second / 2.0 / calls)
    assert seen == pytest.approx(0.1, rel=0.02)
