"""How fast a sum is spent, and what level that is."""

import math

import pytest

from simroute.gauges.budget import EXHAUSTED, FREE, SHIFTING, Account, SpendRate

DAY = (0.0, 86_400.0)


def levels(account: Account, *spent: float, at: float = 0.8, back: float = 0.8) -> list[int]:
    found = []
    for usd in spent:
        account.own = account.meter = type(account.own)()
        account.own.reserve(usd)
        found.append(account.level(0.0, DAY, at, back))
    return found


def test_the_levels_of_a_sum():
    """Of $10: below $8, from $8, from $10 on."""
    assert levels(Account(10.0), 7.99, 8.0, 9.99, 10.0, 11.0, 0.0) == [
        FREE,
        SHIFTING,
        SHIFTING,
        EXHAUSTED,
        EXHAUSTED,
        FREE,
    ]


def test_a_level_is_left_at_another_share_than_it_is_reached():
    """From 80 % on, until less than 50 %."""
    assert levels(Account(10.0), 7.0, 8.0, 5.0, 4.9, 7.9, back=0.5) == [
        FREE,
        SHIFTING,
        SHIFTING,
        FREE,
        FREE,
    ]


def test_each_level_is_told_once_a_period():
    """To and fro within a day; the next day it is renewed first."""
    account = Account(10.0)
    levels(account, 8.0, 7.0, 8.0, 10.0, 9.0)
    account.level(86_400.0, (86_400.0, 172_800.0), 0.8, 0.8)
    assert [word for word, _ in account.news] == ["shifted", "exhausted", "renewed", "shifted"]


def test_nothing_of_nothing_is_all_of_it():
    """A sum of $0 is exhausted."""
    assert levels(Account(0.0), 0.0) == [EXHAUSTED]


@pytest.mark.parametrize("memory", [60.0, 3600.0])
def test_a_steady_rate_is_told_from_the_beginning_on(memory):
    """One cent each 0.1 s is ten cents a second, after 30 s as after 3,000 (within the 0.1 s that
    the first cent covers)."""
    rate = SpendRate(memory)
    for n in range(30_001):
        told = rate.see(0.1 * n, 0.01 * n)
        if n in (300, 30_000):
            assert told == pytest.approx(0.1, rel=0.1 / memory + 1e-3)


def test_what_was_spent_long_ago_is_forgotten():
    """$1 in a moment, two memories ago: e^-2 of it, of the part of a steady stream that is known,
    1 - e^-2."""
    rate = SpendRate(100.0)
    rate.see(0.0, 1.0)
    assert rate.see(200.0, 1.0) == pytest.approx(math.exp(-2) / 100.0 / (1 - math.exp(-2)))


def test_a_rate_goes_on_when_a_period_begins_anew():
    """The total falls to nothing, which is no income."""
    rate = SpendRate(100.0)
    rate.see(0.0, 0.0)
    before = rate.see(50.0, 5.0)
    rate.renew()
    assert rate.see(50.0, 0.0) == pytest.approx(before)


def test_a_forecast_looks_at_the_end_of_the_period():
    """$5 of $20 after a quarter of the day at a steady rate are $20 in the end: 100 %."""
    account = Account(20.0)
    account.rate = SpendRate(6 * 3600.0)
    for n in range(6 * 60 + 1):
        account.own.settle(account.own.reserve(0.0), 0.0)
        account.own.reserve(5.0 / 360 if n else 0.0)
        account.level(60.0 * n, DAY, 1.01, 1.01)
    assert account.news == []
    account.level(6 * 3600.0, DAY, 0.99, 0.99)
    ((word, share),) = account.news
    assert (word, share) == ("shifted", pytest.approx(1.0, rel=0.01))
