"""When a breaker opens, whom it lets try, and what closes it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState, Permit


def tell(state: BreakerState, failed: bool, *times: float) -> None:
    for now in times:
        permit = state.ask(now)
        assert permit is not None
        state.tell(permit, failed, now)


def opened(at: float = 0.0, **settings: float) -> BreakerState:
    """One that a single failure opened at `at`."""
    state = BreakerState(failures=1, **settings)  # type: ignore[arg-type]
    tell(state, True, at)
    return state


def trial(state: BreakerState, now: float) -> Permit:
    permit = state.ask(now)
    assert permit is not None
    assert permit.probe
    return permit


def test_three_failures_within_thirty_seconds_open_it():
    """The default, at the third failure and not before."""
    state = BreakerState()
    tell(state, True, 0.0, 15.0)
    assert state.at(15.0) == CLOSED
    tell(state, True, 29.999)
    assert state.at(29.999) == OPEN


def test_a_failure_of_exactly_the_window_ago_no_longer_counts():
    """Failures at 0, 15 and 30 s never are three within less than 30 s; those at 15, 30 and 44 s
    are."""
    state = BreakerState()
    tell(state, True, 0.0, 15.0, 30.0)
    assert state.at(30.0) == CLOSED
    tell(state, True, 44.0)
    assert state.at(44.0) == OPEN


def test_successes_do_not_excuse_failures_within_a_window():
    """Counting failures in a time, it does not matter how many calls succeed between them."""
    state = BreakerState()
    for now in (1.0, 2.0, 3.0):
        tell(state, False, *[now] * 50)
        tell(state, True, now)
    assert state.at(3.0) == OPEN


def test_in_a_row_means_that_a_success_starts_afresh():
    """Two failures, a success, two failures: never three in a row, however close; and however far
    apart, three are three."""
    state = BreakerState(consecutive=True)
    for failed in (True, True, False, True, True):
        tell(state, failed, 0.0)
    assert state.at(0.0) == CLOSED
    tell(state, True, 1e6)
    assert state.at(1e6) == OPEN


def test_a_share_opens_only_from_the_least_number_of_calls_on():
    """Half of ten: nine failures are too few calls to judge by, the tenth call judges."""
    state = BreakerState(rate=0.5, min_calls=10)
    tell(state, True, *[0.0] * 9)
    assert state.at(0.0) == CLOSED
    tell(state, True, 0.0)
    assert state.at(0.0) == OPEN


@pytest.mark.parametrize(("failures", "calls"), [(11, 20), (29, 100), (57, 100), (7, 25)])
def test_a_share_that_is_met_exactly_opens(failures, calls):
    """11 of 20 are .55, whatever floats make of .55 x 20; one failure fewer stays below."""
    state = BreakerState(rate=failures / calls, min_calls=calls)
    tell(state, False, *[0.0] * (calls - failures))
    tell(state, True, *[0.0] * (failures - 1))
    assert state.at(0.0) == CLOSED
    tell(state, True, 0.0)
    assert state.at(0.0) == OPEN


def test_the_last_calls_are_counted_whenever_they_were():
    """Three of the last four, hours apart; the fifth call pushes the first one out."""
    state = BreakerState(failures=3, count_window=4)
    for hour, failed in enumerate([True, True, False, False, True]):
        tell(state, failed, hour * 3600.0)
    assert state.seen(4 * 3600.0) == (4, 2)
    tell(state, True, 5 * 3600.0)
    assert state.seen(5 * 3600.0) == (4, 2)
    tell(state, True, 6 * 3600.0)
    assert state.at(6 * 3600.0) == OPEN


def test_open_refuses_until_exactly_the_cooldown_has_passed():
    """At opened + cooldown a trial may pass, just before it may not, and the wait that is told is
    what is left."""
    state = opened(at=10.0, cooldown=30.0)
    assert state.ask(39.999) is None
    assert state.wait(25.0) == 15.0
    assert trial(state, 40.0).given == 40.0


def test_as_many_trials_as_stated_pass_at_a_time():
    """Two probes: the third call waits until one has answered; nobody can say how long."""
    state = opened(probes=2, successes=3)
    first = trial(state, 30.0)
    trial(state, 30.0)
    assert state.ask(30.0) is None
    assert state.wait(30.0) is None
    state.tell(first, False, 31.0)
    assert state.wait(31.0) == 0.0
    assert trial(state, 31.0)
    assert state.ask(31.0) is None


def test_trials_close_it_and_it_forgets():
    """After the stated number of successes it takes as many failures as at first to open it
    again."""
    state = BreakerState(successes=2)
    tell(state, True, 0.0, 0.0, 0.0)
    tell(state, False, 30.0)
    assert state.at(30.0) == HALF_OPEN
    tell(state, False, 30.0)
    assert state.at(30.0) == CLOSED
    tell(state, True, 30.0, 30.0)
    assert state.at(30.0) == CLOSED


def test_a_failing_trial_opens_it_for_a_whole_cooldown():
    """From when the trial failed, not from when it was sent."""
    state = opened(cooldown=5.0)
    permit = trial(state, 5.0)
    state.tell(permit, True, 6.0)
    assert state.ask(10.999) is None
    assert trial(state, 11.0)


def test_a_cancelled_trial_makes_way_for_the_next():
    """It is neutral: half-open goes on."""
    state = opened()
    state.release(trial(state, 30.0))
    assert state.at(30.0) == HALF_OPEN
    assert trial(state, 30.0)


def test_giving_back_twice_gives_one_place():
    """With the first trial given back twice and another under way, there is no room for a third."""
    state = opened()
    first = trial(state, 30.0)
    state.release(first)
    trial(state, 30.0)
    state.release(first)
    assert state.ask(30.0) is None


def test_what_was_given_back_cannot_be_told():
    """A released trial that fails or succeeds after all changes nothing."""
    for failed in (True, False):
        state = opened()
        permit = trial(state, 30.0)
        state.release(permit)
        state.tell(permit, failed, 31.0)
        assert state.at(31.0) == HALF_OPEN


def test_results_of_calls_from_before_neither_close_nor_reopen_nor_prolong():
    """Ten calls were under way when it opened; what becomes of them is a number."""
    state = BreakerState(failures=1, cooldown=30.0)
    before = [permit for permit in (state.ask(0.0) for _ in range(10)) if permit is not None]
    tell(state, True, 0.0)
    state.tell(before[0], True, 20.0)
    assert state.seen(20.0) == (2, 2)
    permit = trial(state, 30.0)
    state.tell(before[1], False, 31.0)
    assert state.at(31.0) == HALF_OPEN
    state.tell(before[2], True, 31.0)
    assert state.at(31.0) == HALF_OPEN
    state.tell(permit, False, 32.0)
    state.tell(before[3], True, 33.0)
    assert state.at(33.0) == CLOSED


def test_a_late_failure_does_not_count_towards_opening_again():
    """Two old failures after it has closed, then two new ones: two, not four."""
    state = BreakerState(failures=3)
    before = [permit for permit in (state.ask(0.0) for _ in range(2)) if permit is not None]
    tell(state, True, 0.0, 0.0, 0.0)
    tell(state, False, 30.0)
    for permit in before:
        state.tell(permit, True, 31.0)
    tell(state, True, 32.0, 32.0)
    assert state.at(32.0) == CLOSED


def test_a_trial_that_never_answers_ends_half_open():
    """It counts as failed 120 s after it was sent, whenever somebody looks; a cooldown later the
    next may try."""
    state = opened(cooldown=30.0, probe_limit=120.0)
    lost = trial(state, 30.0)
    assert state.at(149.999) == HALF_OPEN
    assert state.at(150.0) == OPEN
    assert state.wait(150.0) == 30.0
    state.tell(lost, False, 160.0)
    assert state.at(160.0) == OPEN
    assert trial(state, 180.0)


def test_a_trial_that_answers_too_late_is_too_late():
    """Its success after 120 s does not close it, although nobody had looked in between."""
    state = opened(cooldown=30.0, probe_limit=120.0)
    lost = trial(state, 30.0)
    state.tell(lost, False, 160.0)
    assert state.at(160.0) == OPEN


def test_how_seldom_one_looks_does_not_matter():
    """The lost trial ran out at 150 s and the cooldown at 180 s, although nobody asked before 500
    s."""
    state = opened(cooldown=30.0, probe_limit=120.0)
    trial(state, 30.0)
    assert trial(state, 500.0)
    assert state.opened == 150.0


def test_news_come_once_each():
    """Opened, half-opened, closed: in order, whatever is asked in between."""
    state = opened()
    for now in (1.0, 2.0):
        state.ask(now)
    permit = trial(state, 30.0)
    state.ask(30.0)
    state.tell(permit, False, 31.0)
    assert state.news == ["opened", "half_opened", "closed"]


def test_it_starts_closed_and_without_news():
    """Whatever the clock says at first."""
    state = BreakerState()
    assert (state.at(-math.inf), state.at(1e9), state.news) == (CLOSED, CLOSED, [])


@given(
    st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(0, 4)), max_size=60),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_whatever_happens_trials_are_bounded_and_the_way_is_never_blocked_for_ever(
    events, probes, successes
):
    """After any history, at most `probes` trials are out in one generation, and a cooldown after
    their limit somebody may call."""
    state = BreakerState(
        failures=2, window=30.0, cooldown=10.0, probes=probes, successes=successes, probe_limit=40.0
    )
    now, out = 0.0, []
    for pause, what in events:
        now += pause
        if what < 2 and (permit := state.ask(now)) is not None:
            out.append(permit)
        elif what == 2 and out:
            state.release(out.pop(0))
        elif what > 2 and out:
            state.tell(out.pop(0), what == 3, now)
        trials = [
            permit for permit in out if permit.probe and permit.generation == state.generation
        ]
        assert len(trials) <= probes
    assert state.ask(now + 40.0 + 10.0) is not None
