"""Windows, looks, cooldowns and trials of the breaker's state; what holds whatever its rules."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState, Permit


def tell(state: BreakerState, failed: bool, *times: float) -> None:
    for now in times:
        permit = state.ask(now)
        assert permit is not None
        state.tell(permit, failed, now)


def opened(**rules: Any) -> BreakerState:
    """One that a failure at 0 s opened."""
    state = BreakerState(failures=1, **rules)
    tell(state, True, 0.0)
    return state


def trial(state: BreakerState, now: float) -> Permit:
    permit = state.ask(now)
    assert permit is not None
    assert permit.probe
    return permit


def test_a_tumbling_window_forgets_all_at_once():
    """Failures at 29 and 31 s are of two windows of 30 s, those at 31, 32 and 33 of one."""
    state = BreakerState(failures=3, window=30.0, window_kind="tumbling")
    tell(state, True, 28.0, 29.0, 31.0, 32.0)
    assert state.state == CLOSED
    tell(state, True, 33.0)
    assert state.state == OPEN


def test_a_window_in_parts_forgets_a_part_at_a_time():
    """Of ten seconds in five parts the failure at .1 s and that at 1.9 s go together, at 10 s."""
    state = BreakerState(failures=9, window=10.0, buckets=5)
    tell(state, True, 0.1, 1.9, 2.0)
    assert [state.seen(now) for now in (9.99, 10.0, 11.99, 12.0)] == [
        (3, 3),
        (1, 1),
        (1, 1),
        (0, 0),
    ]


def test_from_the_first_failure_on_successes_count_and_all_is_forgotten_together():
    """A share of all since then; just so long after is not yet longer."""
    state = BreakerState(rate=0.9, min_calls=9, window=30.0, window_kind="first_failure")
    tell(state, False, 0.0, 1.0)
    tell(state, True, 5.0)
    tell(state, False, 6.0, 30.0)
    assert [state.seen(now) for now in (35.0, 35.01)] == [(3, 1), (0, 0)]


def test_failures_and_successes_each_have_a_time_of_their_own():
    """Successes from 0 s, failures from 50 s on: at 61 s only those are left."""
    state = BreakerState(rate=0.9, min_calls=9, window=60.0, window_kind="first_of_kind")
    tell(state, False, 0.0, 40.0)
    tell(state, True, 50.0, 55.0)
    assert [state.seen(now) for now in (60.0, 61.0, 111.0)] == [(4, 2), (2, 2), (0, 0)]


def test_a_look_every_so_often_decides_and_nothing_in_between():
    """Ten failures at 1 s open it at 5 s."""
    state = BreakerState(rate=0.5, min_calls=5, judged_every=5.0)
    tell(state, True, *[1.0] * 10)
    assert [state.at(4.999), state.at(5.0), state.opened] == [CLOSED, OPEN, 5.0]


def test_a_look_that_nobody_waited_for_was_made_all_the_same():
    """The failures of 1 s are out of the window at 31 s; the look at 5 s saw them."""
    state = BreakerState(rate=0.5, min_calls=5, judged_every=5.0, cooldown=60.0)
    tell(state, True, *[1.0] * 10)
    assert (state.at(50.0), state.opened) == (OPEN, 5.0)


@pytest.mark.parametrize(("judged", "state"), [("failure", CLOSED), ("result", OPEN)])
def test_the_success_that_completes_the_number_may_open_it(judged, state):
    """Four failures and a success of five calls."""
    breaker = BreakerState(rate=0.5, min_calls=5, judged=judged)
    tell(breaker, True, *[0.0] * 4)
    tell(breaker, False, 0.0)
    assert breaker.state == state


def test_a_number_or_a_share_opens_it_whichever_comes_first():
    """Three failures of ninety calls are few; two of two are not, where two are enough to judge."""
    few = BreakerState(failures=3, rate=0.9, min_calls=50, window=1e3, either=True)
    tell(few, False, *[0.0] * 87)
    tell(few, True, 0.0, 0.0, 0.0)
    assert few.state == OPEN
    share = BreakerState(failures=3, rate=0.9, min_calls=2, either=True)
    tell(share, True, 0.0, 0.0)
    assert share.state == OPEN


def lengths(state: BreakerState, openings: int) -> list[float]:
    """How long it stays open, each time that a trial fails again."""
    found = []
    for _ in range(openings):
        found.append(state.until - state.opened)
        state.tell(trial(state, state.until), True, state.until)
    return found


@pytest.mark.parametrize(
    ("rules", "grown"),
    [
        ({}, [30.0] * 5),
        ({"cooldown_factor": 2.0}, [30.0, 60.0, 120.0, 240.0, 480.0]),
        ({"cooldown_factor": 2.0, "max_cooldown": 100.0}, [30.0, 60.0, 100.0, 100.0, 100.0]),
        ({"cooldown_step": 30.0, "max_cooldown": 100.0}, [30.0, 60.0, 90.0, 100.0, 100.0]),
    ],
)
def test_a_cooldown_grows_with_each_failing_trial(rules, grown):
    """By a factor or a step, up to the longest."""
    assert lengths(opened(cooldown=30.0, **rules), 5) == grown


def test_growth_is_forgiven_by_closing_or_by_time_after_it():
    """After three openings: at once; or a step for each 10 s, of which 25 s forgive two."""
    for rules, length in (({}, 30.0), ({"forgiven_after": 10.0}, 60.0)):
        state = opened(cooldown=30.0, cooldown_step=30.0, **rules)
        lengths(state, 2)
        closed = state.until
        state.tell(trial(state, closed), False, closed)
        tell(state, True, closed + 25.0)
        assert state.until - state.opened == length


def test_it_is_found_that_the_cooldown_is_over_at_a_look():
    """Opened at 7 s for 30 s, with looks every 10 s: all traffic is back at 40 s."""
    state = BreakerState(failures=1, cooldown=30.0, recovery="time", returns_every=10.0)
    tell(state, True, 7.0)
    assert [state.at(39.99), state.at(40.0), state.since] == [OPEN, CLOSED, 40.0]


def test_so_many_failing_trials_are_borne():
    """Two of them; the third opens it again."""
    state = opened(trial_failures=2, successes=2)
    for failed, expected in ((True, HALF_OPEN), (True, HALF_OPEN), (True, OPEN)):
        state.tell(trial(state, 30.0), failed, 30.0)
        assert state.state == expected


@pytest.mark.parametrize(("failures", "expected"), [(1, CLOSED), (2, OPEN)])
def test_trials_are_judged_together(failures, expected):
    """By a share of a half of four."""
    state = BreakerState(rate=0.5, min_calls=4, trial_calls=4, probes=4)
    tell(state, True, *[0.0] * 4)
    permits = [trial(state, 30.0) for _ in range(4)]
    for place, permit in enumerate(permits):
        assert state.state == HALF_OPEN
        state.tell(permit, place < failures, 30.0)
    assert state.state == expected


def test_a_place_of_a_trial_is_used_once_where_they_are_counted_in_all():
    """Two for the whole spell; a cancelled one gives its place back."""
    state = opened(probes=2, successes=2, trials_in_all=True)
    state.tell(trial(state, 30.0), False, 30.0)
    state.release(trial(state, 30.0))
    last = trial(state, 30.0)
    assert state.ask(30.0) is None
    state.tell(last, False, 30.0)
    assert state.state == CLOSED


def test_there_are_as_many_places_as_it_takes_to_close():
    """One place and three successes needed would block the way for ever."""
    state = opened(probes=1, successes=3, trials_in_all=True)
    for _ in range(3):
        state.tell(trial(state, 30.0), False, 30.0)
    assert state.state == CLOSED


@pytest.mark.parametrize("after", ["open", "closed"])
def test_a_half_open_spell_that_decides_nothing_ends(after):
    """20 s after its begin, whatever its trials do."""
    state = opened(half_open_limit=20.0, after_half_open=after)
    trial(state, 35.0)
    assert [state.at(54.99), state.at(55.0), state.since] == [HALF_OPEN, after, 55.0]


RULES = st.fixed_dictionaries(
    {},
    optional={
        "failures": st.integers(1, 3),
        "window": st.sampled_from([5.0, 30.0]),
        "cooldown": st.sampled_from([2.0, 10.0]),
        "probes": st.integers(1, 3),
        "successes": st.integers(1, 3),
        "rate": st.sampled_from([0.3, 0.5, 1.0]),
        "min_calls": st.integers(1, 4),
        "count_window": st.integers(1, 5),
        "consecutive": st.booleans(),
        "either": st.booleans(),
        "window_kind": st.sampled_from(["sliding", "first_failure", "first_of_kind"]),
        "buckets": st.integers(1, 5),
        "slow_after": st.just(1.0),
        "slow_rate": st.sampled_from([0.5, 1.0]),
        "judged": st.sampled_from(["failure", "result"]),
        "judged_every": st.sampled_from([1.0, 7.0]),
        "forgets": st.sampled_from(["closing", "opening", "never"]),
        "recovery": st.sampled_from(["trials", "time"]),
        "returns_every": st.sampled_from([1.0, 7.0]),
        "cooldown_factor": st.sampled_from([1.0, 2.0]),
        "max_cooldown": st.just(40.0),
        "forgiven_after": st.sampled_from([1.0, 10.0]),
        "trials_in_all": st.booleans(),
        "trial_calls": st.integers(1, 3),
        "trial_failures": st.integers(0, 2),
        "ramp": st.sampled_from([0.0, 5.0]),
    },
)
HISTORY = st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(0, 6), st.booleans()), max_size=50)
FOLLOWS = {CLOSED: {"opened"}, OPEN: {"half_opened", "closed"}, HALF_OPEN: {"opened", "closed"}}
BECOMES = {"opened": OPEN, "half_opened": HALF_OPEN, "closed": CLOSED}


def played(rules: dict[str, Any], history: Any, looks: bool) -> tuple[BreakerState, list[Any]]:
    """What came of a history, with looks in between or without."""
    state = BreakerState(**rules, probe_limit=40.0)
    now, out, seen = 0.0, [], []
    for pause, what, slow in history:
        if looks:
            state.settle(now + pause / 2)
            state.seen(now + pause / 2)
        now += pause
        state.settle(now)  # a place is given back without the time
        if what < 3:
            permit = state.ask(now)
            seen.append(permit is not None and permit.probe + 1)
            if permit is not None:
                out.append(permit)
        elif what == 3 and out:
            state.release(out.pop(0))
        elif out:
            state.tell(out.pop(0), what < 6, now, slow)
        state.settle(now)
        trials = [
            each
            for each in out
            if each.probe and each.generation == state.generation and each.given + 40.0 > now
        ]
        assert len(trials) <= max(rules.get("probes", 1), 6 if rules.get("trials_in_all") else 0)
        assert state.quiet is None or state.state == CLOSED
        seen.append(state.state)
    return state, seen


@settings(max_examples=300, deadline=None)
@given(RULES, HISTORY)
def test_whatever_the_rules_the_way_is_never_blocked_for_ever(rules, history):
    """And states follow one another as they may."""
    state, _ = played(rules, history, looks=False)
    before = CLOSED
    for event in state.news:
        assert event in FOLLOWS[before]
        before = BECOMES[event]
    assert before == state.state
    now = 20.0 * 50 + 40.0 + 40.0 + 7.0
    assert [state.ask(now + i) for i in range(20)] != [None] * 20


@settings(max_examples=300, deadline=None)
@given(RULES, HISTORY)
def test_how_often_one_looks_changes_nothing(rules, history):
    """The clock alone decides what is due."""
    assert played(rules, history, looks=True)[1] == played(rules, history, looks=False)[1]


@given(st.integers(0, 5000), st.sampled_from([1.0, 1.0001, 2.0, 1e6]), st.booleans())
def test_a_cooldown_stays_a_number_however_often_it_grows(openings, factor, bounded):
    """No overflow, and never longer than the longest."""
    longest = 3600.0 if bounded else None
    state = opened(cooldown_factor=factor, max_cooldown=longest)
    state.openings = openings
    state.force(OPEN, 10.0)
    assert math.isfinite(state.until)
    assert not bounded or state.until <= 10.0 + 3600.0


@pytest.mark.parametrize("every", [5e-324, 1e-9, 1e-3])
def test_looks_without_end_end(every):
    """A month between two calls, and looks every instant: the first after the failures decides."""
    state = BreakerState(rate=0.5, min_calls=2, judged_every=every, cooldown=1.0)
    tell(state, False, 0.0, 10.0, 1e4)
    tell(state, True, 1e4, 1e4, 1e4)
    assert state.at(3e6) == HALF_OPEN
    assert state.opened == pytest.approx(1e4, abs=1.0)


@pytest.mark.parametrize("short", [5e-324, 1e-300])
def test_no_time_is_too_short(short):
    """Parts, windows, looks and cooldowns of next to nothing."""
    for kind in ("sliding", "tumbling", "first_failure", "first_of_kind"):
        state = BreakerState(
            failures=1,
            window=short,
            window_kind=kind,
            buckets=10**9 if kind == "sliding" else None,
            cooldown=short,
            returns_every=short,
            forgiven_after=short,
            cooldown_step=short,
            half_open_limit=short,
            ramp=short,
        )
        for now in (0.0, 1.0, 1e6):
            permit = state.ask(now)
            if permit is not None:
                state.tell(permit, True, now)
        assert state.at(2e6) in (CLOSED, OPEN, HALF_OPEN)
