"""Money within a period."""

from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.meter import DAY, PERIODS, SpendMeter


def test_an_estimate_counts_until_the_bill_comes():
    """5 USD estimated, then 2 USD billed."""
    meter = SpendMeter(DAY)
    ticket = meter.reserve(0.0, 5.0)
    assert meter.spent(1.0) == 5.0
    meter.settle(ticket, 2.0, 2.0)
    assert meter.spent(3.0) == 2.0


def test_an_estimate_that_is_never_settled_stays():
    """A cancelled call may still be billed."""
    meter = SpendMeter(DAY)
    meter.reserve(0.0, 5.0)
    meter.settle(meter.reserve(1.0, 1.0), 2.0, 3.0)
    assert meter.spent(DAY - 1) == 8.0


def test_days_and_months_begin_at_multiples_from_zero():
    """A day has 86,400 s, a month 30 of them; what was spent in one does not count in the next."""
    for period in (PERIODS["day"], PERIODS["month"]):
        meter = SpendMeter(period)
        meter.reserve(0.5 * period, 1.0)
        assert (meter.spent(period - 1), meter.spent(period)) == (1.0, 0.0)
        assert (meter.period(period), meter.period(2.5 * period)) == (1, 2)
    assert (PERIODS["day"], PERIODS["month"]) == (86_400.0, 2_592_000.0)


def test_a_bill_for_an_earlier_period_changes_nothing():
    """A call that began yesterday belongs to yesterday."""
    meter = SpendMeter(DAY)
    ticket = meter.reserve(DAY - 1, 1.0)
    meter.settle(ticket, DAY + 1, 50.0)
    assert meter.spent(DAY + 2) == 0.0


@given(st.lists(st.integers(0, 10**12), max_size=50), st.randoms())
def test_sums_do_not_depend_on_the_order(nanos, shuffle):
    """Money is counted in whole nano-dollars, so that any order of the same bills gives the same sum to the last digit."""
    sums = []
    for _ in range(2):
        meter = SpendMeter(DAY)
        for nano in nanos:
            meter.settle(meter.reserve(0.0, 0.013), 0.0, nano / 1e9)
        sums.append(meter.spent(0.0))
        shuffle.shuffle(nanos)
    assert sums == [sum(nanos) / 1e9] * 2


def test_a_ticket_is_settled_once():
    """Settled again, it neither gives back nor bills a second time; another ticket of the same sum is its own."""
    meter = SpendMeter(DAY)
    ticket, other = meter.reserve(0.0, 5.0), meter.reserve(0.0, 5.0)
    for _ in range(3):
        meter.settle(ticket, 1.0, 2.0)
    assert meter.spent(2.0) == 7.0
    meter.settle(other, 3.0, 0.0)
    assert meter.spent(4.0) == 2.0
