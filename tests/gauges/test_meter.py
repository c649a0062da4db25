"""Money within a period."""

from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.meter import SpendMeter


def test_an_estimate_counts_until_the_bill_comes():
    """5 USD estimated, then 2 USD billed."""
    meter = SpendMeter()
    ticket = meter.reserve(5.0)
    assert meter.spent == 5.0
    meter.settle(ticket, 2.0)
    assert meter.spent == 2.0


def test_an_estimate_that_is_never_settled_stays():
    """A cancelled call may still be billed."""
    meter = SpendMeter()
    meter.reserve(5.0)
    meter.settle(meter.reserve(1.0), 3.0)
    assert meter.spent == 8.0


def test_what_was_spent_in_one_period_does_not_count_in_the_next():
    """The period of slot 0 ends when that of slot 86,400 begins; to be told the same slot again
    changes nothing."""
    meter = SpendMeter()
    meter.turn(0.0, 0.0)
    meter.reserve(1.0)
    meter.turn(0.0, 0.0)
    assert meter.spent == 1.0
    meter.turn(86_400.0, 86_400.0)
    assert meter.spent == 0.0


def test_a_rolling_window_forgets_slot_by_slot():
    """Three slots count: 1, 2 and 4 USD in slots 0, 1 and 3 are 3 USD in slot 2, 6 in 3 and 4 in 4
    and 5, and 0 in 9."""
    meter, spent = SpendMeter(), []
    for slot, usd in ((0, 1.0), (1, 2.0), (2, 0.0), (3, 4.0), (4, 0.0), (5, 0.0), (9, 0.0)):
        meter.turn(slot, slot - 2)
        meter.reserve(usd)
        spent.append(meter.spent)
    assert spent == [1.0, 3.0, 3.0, 6.0, 4.0, 4.0, 0.0]


def test_a_bill_for_an_earlier_period_changes_nothing():
    """A call that began yesterday belongs to yesterday; one of a slot that still counts is
    corrected there."""
    meter = SpendMeter()
    meter.turn(0, 0)
    old = meter.reserve(1.0)
    meter.turn(1, 1)
    recent = meter.reserve(1.0)
    meter.settle(old, 50.0)
    meter.turn(2, 1)
    meter.settle(recent, 3.0)
    assert meter.spent == 3.0
    meter.turn(3, 2)
    assert meter.spent == 0.0


@given(st.lists(st.integers(0, 10**12), max_size=50), st.randoms())
def test_sums_do_not_depend_on_the_order(nanos, shuffle):
    """Money is counted in whole nano-dollars, so that any order of the same bills gives the same
    sum to the last digit."""
    sums = []
    for _ in range(2):
        meter = SpendMeter()
        for nano in nanos:
            meter.settle(meter.reserve(0.013), nano / 1e9)
        sums.append(meter.spent)
        shuffle.shuffle(nanos)
    assert sums == [sum(nanos) / 1e9] * 2


def test_a_ticket_is_settled_once():
    """Settled again, it neither gives back nor bills a second time; another ticket of the same sum
    is its own."""
    meter = SpendMeter()
    ticket, other = meter.reserve(5.0), meter.reserve(5.0)
    for _ in range(3):
        meter.settle(ticket, 2.0)
    assert meter.spent == 7.0
    meter.settle(other, 0.0)
    assert meter.spent == 2.0


def test_a_bill_may_be_corrected_with_the_ticket_that_settling_gives():
    """5 USD estimated, 3 counted while more may come, 4 in the end; the first ticket changes
    nothing any more."""
    meter = SpendMeter()
    meter.turn(0.0, 0.0)
    first = meter.reserve(5.0)
    second = meter.settle(first, 3.0)
    assert meter.spent == 3.0
    meter.settle(first, 100.0)
    meter.settle(second, 4.0)
    assert meter.spent == 4.0
