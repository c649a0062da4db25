"""What is known of targets: times summed up, and failures of late."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.measure import Avoid, FailedLately, Measure, Peak, Times


class Observed:
    """Finagle's metric, written anew from its description: a round trip above the cost becomes the
    cost; one below is mixed in by the age of the last one; a look is an observation of nothing."""

    def __init__(self, tau, cost):
        self.tau, self.cost, self.stamp = tau, cost, None

    def observe(self, now, trip):
        age = 0.0 if self.stamp is None else max(now - self.stamp, 0.0)
        weight = math.exp(-age / self.tau)
        if trip > self.cost:
            self.cost = trip
        else:
            self.cost = self.cost * weight + trip * (1.0 - weight)
        self.stamp = now

    def looked_at(self, now):
        copy = Observed(self.tau, self.cost)
        copy.stamp = self.stamp
        copy.observe(now, 0.0)
        return copy.cost


@given(
    st.floats(1.0, 60.0),
    st.floats(0.0, 3.0),
    st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 20.0)), max_size=30),
    st.floats(0.0, 100.0),
)
def test_a_peak_is_the_metric_of_finagle(tau, default, heard, later):
    """Whatever is heard, and whenever it is looked at."""
    ours, theirs, now = Peak(tau, default), Observed(tau, default), 0.0
    assert ours.at(now) == default
    theirs.observe(now, 0.0)
    for gap, trip in heard:
        now += gap
        ours.add(now, trip)
        theirs.observe(now, trip)
        assert ours.at(now) == pytest.approx(theirs.looked_at(now), abs=1e-12)
    assert ours.at(now + later) == pytest.approx(theirs.looked_at(now + later), abs=1e-12)


def times(**measure):
    return Times(Measure(of="latency", **measure))


def test_the_mean_of_the_last_samples():
    """Of the last three; before any, what is stated."""
    known = times(average="last", samples=3, unknown=0.7)
    assert known.at(0.0) == 0.7
    for value in (9.0, 1.0, 2.0, 6.0):
        known.add(0.0, value)
    assert known.at(1e9) == 3.0


def test_a_quantile_of_the_last_samples():
    """Of 1 to 20 the last ten are remembered."""
    known = times(average="quantile", quantile=0.9, samples=10)
    for value in range(1, 21):
        known.add(0.0, float(value))
    assert known.at(0.0) == 19.0  # of 11 … 20 nine tenths are no more


def test_a_fading_mean_forgets_by_age():
    """1 s, and `memory` later 2 s: weights 1/e and 1."""
    known = times(memory=10.0)
    known.add(0.0, 1.0)
    known.add(10.0, 2.0)
    assert known.at(500.0) == pytest.approx((1 / math.e + 2) / (1 / math.e + 1))


def test_who_is_avoided_failed_too_often_of_enough_calls():
    """More than half of at least four within 30 s; one that is exactly so old is out."""
    lately = FailedLately(Avoid(window=30.0, share=0.5, calls=4))
    for at, failed in ((0.0, True), (1.0, True), (2.0, False)):
        lately.add(at, failed)
        assert not lately.is_avoided(at)
    lately.add(3.0, True)
    assert lately.is_avoided(3.0)
    lately.add(4.0, False)
    assert lately.is_avoided(29.0)  # three of five
    lately.add(29.5, False)
    assert not lately.is_avoided(29.5)  # three of six is not more than half
    lately.add(29.9, True)
    assert lately.is_avoided(29.9)
    assert not lately.is_avoided(30.0)  # the failure at 0 is out: three of six
