"""A deployment behaves as its log says: times by size and hour, failures when they were; and the
clock of a run goes through the trace."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.models import spec
from simroute.models.empirical import EmpiricalDeployment
from simroute.models.logged_behaviour import (
    NEIGHBOURS,
    LatencySamples,
    LoggedBehaviour,
)
from simroute.models.playback import MAX_SHIFT, Playback, PlaybackClock
from simroute.models.random import Streams
from simroute.traces import ReadOptions, Trace
from simroute.traces.importer import read
from simroute.traces.playback import write_columns
from tests.logs import calls, written

COINS = np.linspace(0, 1, 1000, endpoint=False)


def seen(hour, latency, tokens=None, failures=()):
    """What a recording has of target 0. failures: (window of 300 s, status, failed, calls) of each
    window."""
    size = len(latency)
    tokens = np.full(size, 100) if tokens is None else np.asarray(tokens)
    windows = list(failures) or [(0, 200, 0, size)]
    bad = [row for row in windows if row[2]]
    return {
        "target": np.zeros(size, int),
        "hour": np.asarray(hour),
        "t": np.asarray(hour) * 3600.0,
        "input_tokens": np.zeros(size, int),
        "output_tokens": tokens,
        "latency_s": np.asarray(latency, float),
        "ttft_s": np.full(size, np.nan),
        "failed": np.zeros(size, bool),
        "calls_target": np.zeros(len(windows), int),
        "calls_w": np.array([row[0] for row in windows]),
        "calls_calls": np.array([row[3] for row in windows]),
        "failures_target": np.zeros(len(bad), int),
        "failures_w": np.array([row[0] for row in bad], int),
        "failures_status": np.array([row[1] for row in bad], int),
        "failures_calls": np.array([row[2] for row in bad], int),
    }


def test_times_are_those_of_the_same_hour():
    """The first hour takes 1 s, the second 3 s; so do calls there, and never anything between."""
    behaviour = LoggedBehaviour(seen([0] * 40 + [1] * 40, [1.0] * 40 + [3.0] * 40), 0)
    for when, expected in ((1800.0, 1.0), (5400.0, 3.0)):
        ttft, decode, _ = behaviour.draw_times(
            np.full(1000, when), np.zeros(1000), np.full(1000, 100), np.stack([COINS, COINS])
        )
        assert np.allclose(ttft + decode, expected)


def test_an_hour_with_too_few_calls_takes_those_of_all_hours_and_is_not_observed():
    """One call less than the neighbours that are asked for."""
    behaviour = LoggedBehaviour(
        seen(
            [0] * NEIGHBOURS + [1] * (NEIGHBOURS - 1), [1.0] * NEIGHBOURS + [3.0] * (NEIGHBOURS - 1)
        ),
        0,
    )
    assert behaviour.has_enough_calls(np.array([0.0, 3599.0, 3600.0, 7200.0])).tolist() == [
        True,
        True,
        False,
        False,
    ]
    ttft, decode, _ = behaviour.draw_times(
        np.full(1000, 5400.0), np.zeros(1000), np.full(1000, 100), np.stack([COINS, COINS])
    )
    assert set(np.round(ttft + decode, 6)) <= {1.0, 3.0}


def test_times_grow_with_size_as_in_the_log():
    """10 ms a token: a call of 100 tokens takes 1 s, one of 900 nine, to within the width of the
    neighbourhood."""
    tokens = np.arange(1, 1001)
    behaviour = LoggedBehaviour(seen([0] * 1000, tokens / 100, tokens), 0)
    for size in (100, 500, 900):
        ttft, decode, _ = behaviour.draw_times(
            np.zeros(1000), np.zeros(1000), np.full(1000, size), np.stack([COINS, COINS])
        )
        assert np.allclose(ttft + decode, size / 100, rtol=1e-6)


@pytest.mark.parametrize("every", [2, 3, 50])
def test_a_first_token_that_a_call_does_not_tell_is_that_of_its_like(every):
    """Logs have it of streamed calls alone, here of every second, third, fiftieth: 1 s for the
    shorter half of the calls, 2 s for the longer; a streamed call is never as late as a whole
    answer."""
    tokens = np.arange(1000, 2000)
    told = np.where(np.arange(1000) % every == 0, np.where(tokens < 1500, 1.0, 2.0), np.nan)
    behaviour = LoggedBehaviour(seen([0] * 1000, tokens / 100, tokens) | {"ttft_s": told}, 0)
    for size, first in ((1200, 1.0), (1800, 2.0)):
        ttft, decode, _ = behaviour.draw_times(
            np.zeros(1000), np.zeros(1000), np.full(1000, size), np.stack([COINS, COINS])
        )
        assert np.allclose(ttft, first)
        assert np.allclose(ttft + decode, size / 100, rtol=1e-6)


@given(
    st.lists(
        st.tuples(st.integers(0, 200_000), st.integers(0, 20_000)),
        min_size=1,
        max_size=6,
        unique=True,
    ),
    st.integers(0, 2**32),
)
def test_calls_of_one_size_use_all_of_their_sample(sizes, seed):
    """Forty logged calls of each size, whatever fits best: forty coins in equal steps draw each of
    these times once, and no other."""
    source, each = np.random.default_rng(seed), 40
    asked, given_ = (np.repeat(column, each) for column in np.array(sizes).T)
    latency = source.random(len(asked)) + asked * 1e-5 + given_ * 1e-3
    behaviour = LoggedBehaviour(
        seen([0] * len(asked), latency, given_) | {"input_tokens": asked}, 0
    )
    # two sizes that are expected to take the same time are one sample
    expected = behaviour._size(asked, given_)
    for one, other in sizes:
        alike = expected == behaviour._size(np.array([one]), np.array([other]))
        coins = (np.arange(alike.sum()) + 0.5) / alike.sum()
        ttft, decode, _ = behaviour.draw_times(
            np.zeros(len(coins)),
            np.full(len(coins), one),
            np.full(len(coins), other),
            np.stack([coins, coins]),
        )
        assert sorted(ttft + decode) == sorted(latency[alike])


def test_a_log_that_is_too_long_is_thinned_and_says_what_that_costs(tmp_path, monkeypatch):
    """4,000 calls of one hour, of which a fifth is kept: its mean is off by no more than four of
    the standard errors that are told."""
    monkeypatch.setattr(write_columns, "MAX_OBSERVED", 800)
    rows = list(calls(4000, rate=4, models={"gpt-4o": 1}))
    made = write_columns.write_columns(
        read([written(tmp_path / "log.csv", rows)], ReadOptions()), tmp_path / "made"
    )
    (note,) = [note for note in made.notes if "resampling" in note]
    error = float(re.search(r"off by ([0-9.]+) %", note)[1]) / 100
    kept, whole = made.observations()["latency_s"], np.array([row["latency_s"] for row in rows])
    assert 600 < len(kept) < 1000
    assert error == pytest.approx(whole.std() / whole.mean() * np.sqrt(4 / 4000), rel=0.05)
    assert abs(kept.mean() / whole.mean() - 1) < 4 * error


def test_small_hours_are_kept_whole_when_a_log_is_thinned():
    """100 of 1,150 places go to the small hours, the rest is shared by the two busy ones."""
    assert write_columns._group_limit([40, 60, 5000, 9000], total=1150) == 525
    assert write_columns._group_limit([40, 60], total=1150) == 60
    assert write_columns._group_limit([], total=1150) == 1


def test_all_neighbours_come_equally_often():
    """Of 32 calls of one size, each is drawn as often as the coin's share of it says."""
    pool = LatencySamples(
        np.zeros(NEIGHBOURS, int),
        np.ones(NEIGHBOURS),
        np.full(NEIGHBOURS, np.nan),
        np.arange(NEIGHBOURS, dtype=float) + 1,
    )
    coin = (np.arange(3200) + 0.5) / 3200
    _, latency = pool.draw(np.zeros(3200, int), np.ones(3200), coin)
    assert np.unique(latency, return_counts=True)[1].tolist() == [100] * NEIGHBOURS


def test_failures_come_by_status_in_the_windows_of_the_log():
    """A quarter 429 and half 503 of the calls from 300 s to 600 s, and none before or after."""
    windows = [(0, 200, 0, 40), (1, 429, 10, 40), (1, 503, 20, 0), (2, 200, 0, 40)]
    behaviour = LoggedBehaviour(seen([0] * 40, [1.0] * 40, failures=windows), 0)
    assert behaviour.errors == [(0.0, {}), (300.0, {429: 0.25, 503: 0.5}), (600.0, {})]


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_the_clock_begins_later_goes_faster_and_over_again(turn):
    """Twice as fast from second 100 on, 600 s long: second 50 of each turn is second 200 of the
    trace."""
    clock = PlaybackClock(100.0, 2.0, 600.0)
    assert clock.trace_time(np.array([turn * 300.0 + 50.0])).tolist() == [200.0]


def test_errors_follow_the_clock_of_the_run():
    """Those at 300 s to 600 s of the trace, seen from 450 s on, at double speed, twice over."""
    windows = [(0, 200, 0, 40), (1, 503, 40, 40), (2, 200, 0, 40)]
    recorded = EmpiricalDeployment(
        "a",
        LoggedBehaviour(seen([0] * 40, [1.0] * 40, failures=windows), 0),
        PlaybackClock(450.0, 2.0, 450.0),
        Streams(1, 0),
    )
    assert recorded.error_steps(450.0) == [
        (0.0, {503: 1.0}),
        (75.0, {}),
        (225.0, {503: 1.0}),
        (300.0, {}),
    ]


class Kept:
    """4,000 requests, one a second, in sessions of four that take turns."""

    requests, repeated_questions, known_columns, prompt_parts = 4000, 0, ["session"], None

    def __init__(self):
        number = np.arange(self.requests)
        self.columns = {
            "arrival": number.astype(float),
            "session": number // 40 * 10 + number % 10,
            "place": number,
        }
        self.columns |= {"question": number, "input_tokens": number, "output_tokens": number}

    def column(self, name):
        return self.columns[name]

    def block(self, start, stop):
        return {name: column[start:stop].copy() for name, column in self.columns.items()}

    def select(self, places):
        return {name: column[places] for name, column in self.columns.items()}


def played(replication=0, **load):
    """All blocks of a replay in one."""
    trace = Kept()
    horizon = (trace.requests - 1) * load.get("trace_loop", 1) * 1.01 / load.get("rate_scale", 1.0)
    blocks = list(Playback(spec.Workload(**load), trace).blocks(horizon, Streams(3, replication)))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def test_every_request_is_played_once_in_its_order():
    """All 4,000, each at its second, or in a third of the time."""
    assert played()["place"].tolist() == list(range(4000))
    fast = played(rate_scale=3.0)
    assert fast["place"].tolist() == list(range(4000))
    assert np.allclose(fast["arrival"] * 3, np.arange(4000))


def test_a_window_and_a_loop_play_what_they_say():
    """Seconds 1,000 to 1,099 three times over, in order, with even steps between the turns."""
    found = played(trace_from=1000.0, trace_to=1099.0, trace_loop=3)
    assert found["place"].tolist() == 3 * list(range(1000, 1100))
    assert np.allclose(np.diff(found["arrival"]), 1.0, atol=0.02)


def test_jitter_draws_whole_sessions_poisson_often():
    """Each session is there 0, 1, 2 … times with all of its requests; over 1,000 sessions mean and
    variance are 1 within four standard errors."""
    found = played(trace_jitter=True)
    often = np.bincount(found["place"], minlength=4000)
    sessions = Kept().columns["session"]
    by_session = [set(often[sessions == session].tolist()) for session in np.unique(sessions)]
    assert all(len(counts) == 1 for counts in by_session)
    counts = np.array([next(iter(one)) for one in by_session])
    assert len(counts) == 1000
    assert abs(counts.mean() - 1) < 4 * np.sqrt(1 / 1000)
    # Var of a Poisson(1) sample's variance: (mu4 - 1) / n = 3 / n
    assert abs(counts.var() - 1) < 4 * np.sqrt(3 / 1000)
    assert np.all(np.diff(found["arrival"]) >= 0)


def test_jitter_moves_a_session_as_one():
    """A session that came once keeps its steps of 10 s, within 300 s of where it was; another
    replication moves it elsewhere."""
    moves = []
    for replication in (0, 1):
        found = played(replication, trace_jitter=True)
        sessions, many = np.unique(found["session"], return_counts=True)
        inner = [session for session in sessions[many == 4].tolist() if 20 * 4 < session < 900]
        assert len(inner) > 200
        for session in inner:
            mine = found["session"] == session
            if sorted(np.diff(np.sort(found["arrival"][mine])).round(6).tolist()) != [
                10.0,
                10.0,
                10.0,
            ]:
                pytest.fail("a session is torn apart")
        first = [
            np.min(found["arrival"][found["session"] == session])
            - (session // 10 * 40 + session % 10)
            for session in inner
        ]
        assert max(np.abs(first)) <= MAX_SHIFT
        moves.append(first[:50])
    assert moves[0] != moves[1]


def test_of_calls_that_are_all_alike_every_one_is_drawn():
    """A thousand calls of one size: none is left out, and none comes more often than the others."""
    behaviour = LoggedBehaviour(seen([0] * 1000, np.arange(1, 1001) / 100), 0)
    ttft, decode, _ = behaviour.draw_times(
        np.zeros(1000), np.zeros(1000), np.full(1000, 100), np.stack([COINS, COINS])
    )
    assert sorted((ttft + decode).tolist()) == pytest.approx((np.arange(1, 1001) / 100).tolist())


def test_a_bootstrap_of_a_short_trace_stays_within_it() -> None:
    """Sessions of a trace of ten seconds do not begin before it."""
    trace = Trace(np.arange(11.0), np.ones(11, np.int64), np.ones(11, np.int64))
    load = spec.Workload(trace="log", trace_jitter=True)
    when = np.concatenate(
        [block["arrival"] for block in Playback(load, trace).blocks(10.0, Streams(1, 0))]
    )
    assert len(when)
    assert when.min() >= 0.0
