"""Gauges of several replicas that tell each other everything at once are one gauge."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.breaker import BreakerState
from simroute.gauges.bucket import Bucket
from simroute.gauges.latency import Recent
from simroute.gauges.meter import SpendMeter
from simroute.gauges.quantile import RecentQuantile
from simroute.gauges.results import Streak, Window
from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.store import Store
from simroute.gauges.throttle import AdaptiveThrottle

REPLICAS = 3
STEPS = st.lists(
    st.tuples(st.integers(0, REPLICAS - 1), st.sampled_from((0.0, 0.5, 1.0, 3.0)), st.booleans()),
    max_size=40,
)
"""Which replica acts, how many seconds after the step before, and one of two things it may do."""


def states(make):
    """A function that merges, and the states of all replicas."""
    known, all_of = [None] * REPLICAS, [make() for _ in range(REPLICAS)]

    def merge(now):
        known[:] = [type(all_of[0]).merge(all_of, known, now)] * REPLICAS

    return merge, all_of


def played(steps, make, act, look):
    """Lets the replicas act by turns, and one gauge as well; what each saw afterwards."""
    one = make()
    merge, own = states(make)
    now = 0.0
    for who, later, which in steps:
        now += later
        act(own[who], now, which)
        act(one, now, which)
        merge(now)
        yield look(one, now), [look(each, now) for each in own]


def same(steps, make, act, look, near=lambda x: x):
    for one, each in played(steps, make, act, look):
        assert each == [near(one)] * REPLICAS


@given(STEPS, st.sampled_from((None, 4)))
def test_results_of_calls(steps, count):
    """Windows by time and by number, and failures in a row."""
    add = lambda gauge, now, failed: gauge.add(now, failed)  # noqa: E731
    same(steps, lambda: Window(5.0, count), add, lambda gauge, now: gauge.seen(now))
    same(steps, Streak, add, lambda gauge, now: gauge.seen(now))


@given(STEPS)
def test_money(steps):
    """Estimates and bills, by slot of which two count at a time."""

    def act(meter, now, which):
        meter.turn(now // 4, now // 4 - 1)
        ticket = meter.reserve(0.5 if which else 0.25)
        if which:
            meter.settle(ticket, 0.125)

    def look(meter, now):
        meter.turn(now // 4, now // 4 - 1)
        return meter.spent

    same(steps, SpendMeter, act, look)


@given(STEPS)
def test_times(steps):
    """A mean that fades, and a quantile of the last values."""
    add = lambda gauge, now, which: gauge.add(now, 2.0 if which else 5.0)  # noqa: E731
    look = lambda gauge, now: gauge.mean  # noqa: E731
    same(steps, lambda: Recent(3.0), add, look, pytest.approx)
    middle = lambda gauge, now: gauge.at(0.5)  # noqa: E731
    measured = lambda gauge, now, which: gauge.add(now + which)  # noqa: E731
    same(steps, lambda: RecentQuantile(5, 2), measured, middle)


@given(STEPS)
def test_buckets(steps):
    """What is taken and given back, with a refill and without."""

    def act(bucket, now, which):
        bucket.take(now, 2.0) if which else bucket.settle(now, 2.0, 1.0)

    look = lambda bucket, now: bucket.level(now)  # noqa: E731
    same(steps, lambda: Bucket(6.0, 0.25), act, look, pytest.approx)
    same(steps, lambda: Bucket(6.0, 0.0), act, look, pytest.approx)


@given(STEPS)
def test_retry_budgets_and_throttles(steps):
    """Moments that count for a while."""
    budget = lambda: RetryBudgetState(0.5, 0.25, 4.0)  # noqa: E731
    act = lambda gauge, now, which: gauge.deposit(now) if which else gauge.withdraw(now)  # noqa: E731
    same(steps, budget, act, lambda gauge, now: gauge.balance(now))

    def ask(gauge, now, which):
        gauge.ask(now)
        if which:
            gauge.accept(now)

    counted = lambda gauge, now: (len(gauge._requests), len(gauge._accepts))  # noqa: E731
    same(steps, lambda: AdaptiveThrottle(2.0, 100.0), ask, counted)


@given(st.lists(st.tuples(st.integers(0, 2), st.just(1.0), st.integers(0, 8)), max_size=40))
def test_answers_that_are_kept(steps):
    """Put one by one and never used between: which go first is the same in all of them."""
    act = lambda store, now, key: store.put(now, key, (key, now))  # noqa: E731

    def look(store, now):
        store.expire(now)
        return sorted(store.items())

    for eviction in ("fifo", "lru"):
        same(steps, lambda eviction=eviction: Store(4, 9.0, eviction), act, look)
    same(steps, lambda: Store(100, 5.0, "lfu"), act, look)


BREAKERS = (
    {"failures": 2, "window": 4.0, "cooldown": 3.0},
    {"failures": 2, "window": 4.0, "cooldown": 3.0, "probes": 2, "successes": 3},
    {"failures": 2, "cooldown": 3.0, "consecutive": True},
    {"rate": 0.5, "min_calls": 3, "window": 5.0, "cooldown": 2.0, "probe_limit": 4.0},
    {"rate": 0.5, "count_window": 4, "cooldown": 2.0, "successes": 2},
)


@given(STEPS, st.sampled_from(BREAKERS), st.data())
def test_breakers(steps, parameters, data):
    """One that all ask, and one of each replica: leave is given at the same moments, though several
    calls are under way at a time and end in any order."""
    one = BreakerState(**parameters)
    merge, own = states(lambda: BreakerState(**parameters))
    under_way, now = [], 0.0
    for who, later, which in steps:
        now += later
        if which and under_way:
            owner, permit, its = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            how = data.draw(st.sampled_from((True, True, False, None)))
            if how is None:
                one.release(permit), own[owner].release(its)
            else:
                one.tell(permit, how, now), own[owner].tell(its, how, now)
        else:
            permit, its = one.ask(now), own[who].ask(now)
            assert (permit is None) == (its is None)
            if permit is not None:
                assert permit.probe == its.probe
                under_way.append((who, permit, its))
        merge(now)
        assert [each.at(now) for each in own] == [one.at(now)] * REPLICAS
        assert [each.wait(now) for each in own] == [one.wait(now)] * REPLICAS


def test_a_breaker_opens_where_nobody_saw_enough():
    """Three failures open it; each of three replicas saw one."""
    merge, own = states(lambda: BreakerState(failures=3, window=30.0, cooldown=30.0))
    for second, state in enumerate(own):
        state.tell(state.ask(second), True, second)
    assert [state.state for state in own] == ["closed"] * 3
    merge(5.0)
    assert [state.at(34.9) for state in own] == ["open"] * 3
    assert [state.at(35.0) for state in own] == ["half_open"] * 3


def test_a_replica_that_comes_later_learns_what_the_others_know():
    """It adds what it has spent, and takes over what the others had in common."""
    old, new = [SpendMeter(), SpendMeter()], SpendMeter()
    for meter in (*old, new):
        meter.turn(0.0, 0.0)
    old[0].reserve(3.0), old[1].reserve(4.0)
    known = SpendMeter.merge(old, [None, None], 1.0)
    old[0].reserve(0.5), new.reserve(0.25)
    SpendMeter.merge([*old, new], [known, known, None], 2.0)
    assert [meter.spent for meter in (*old, new)] == [7.75] * 3


def test_what_others_saw_is_told_once():
    """A log that was merged at 5 s has two entries of that moment; a third comes afterwards."""
    merge, (first, second, third) = states(lambda: Window(100.0))
    first.add(5.0, True), second.add(5.0, False)
    merge(5.0)
    third.add(5.0, True)
    merge(6.0)
    merge(7.0)
    assert [each.seen(7.0) for each in (first, second, third)] == [(3, 2)] * 3


def test_a_slot_that_counts_no_more_does_not_come_back():
    """One replica is at the next day already, another has had no call there."""
    merge, (first, second, third) = states(SpendMeter)
    for meter in (first, second, third):
        meter.turn(0.0, 0.0)
    first.reserve(5.0)
    merge(1.0)
    second.turn(86_400.0, 86_400.0)
    second.reserve(1.0)
    merge(86_410.0)
    assert second.spent == 1.0
    third.turn(86_400.0, 86_400.0)
    assert third.spent == 1.0


def test_a_bucket_that_all_use_is_empty_though_each_is_full():
    """Three replicas take .5 a second each from 1 a second and 60 in store: each sees a full
    bucket; together they have taken .5 a second more than came, 5 in 10 s."""
    merge, own = states(lambda: Bucket(60.0, 1.0))
    merge(0.0)
    for half in range(1, 11):
        for bucket in own:
            assert bucket.take(half * 1.0, 0.5)
    merge(10.0)
    assert [bucket.level(10.0) for bucket in own] == pytest.approx([55.0] * 3)
    assert math.isclose(own[0].wait(10.0, 60.0), 5.0)
