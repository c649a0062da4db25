"""What else opens a breaker, keeps it closed, and brings traffic back: the layer around the
rules."""

import pytest

from simroute.policies.breaker import Breaker
from simroute.testing import check_policy
from tests.fakes import Ask, FakeWorld, Reply, Target


def at(*times: float) -> list[Ask]:
    return [Ask(id=i, arrival=now) for i, now in enumerate(times)]


def answering(*statuses: int, then: int = 200, **rest: float) -> FakeWorld:
    """The n-th send is answered with the n-th of these, without delay."""
    return FakeWorld(
        lambda call, n: Reply(statuses[n] if n < len(statuses) else then, seconds=0.0, **rest)
    )


def statuses(ends: list) -> list[int]:
    return [outcome.status for _, outcome in ends]


def test_a_single_failure_of_some_kinds_is_enough():
    """A wrong key opens it at once; server errors are counted as ever."""
    world = answering(401)
    ends = world.play(Breaker(at_once=(401,), cooldown=5.0), *at(0.0, 1.0, 5.0))
    assert statuses(ends) == [401, 503, 200]
    assert answering(500).play(Breaker(at_once=(401,)), *at(0.0, 1.0))[1][1].status == 200


def test_a_rate_limit_opens_it_for_as_long_as_it_asks():
    """20 s and not the cooldown of 5 s; with 30 s in addition, 50."""
    world = answering(429, retry_after=20.0)
    opened = Breaker(at_once=(429,), retry_after=True, cooldown=5.0)
    assert statuses(world.play(opened, *at(0.0, 19.9, 20.0))) == [429, 503, 200]
    world = answering(429, retry_after=20.0)
    longer = Breaker(at_once=(429,), retry_after=True, retry_after_extra=30.0)
    assert statuses(world.play(longer, *at(0.0, 49.9, 50.0))) == [429, 503, 200]


def test_a_rate_limit_without_a_time_takes_the_cooldown_and_what_is_added():
    """30 s and 30 s in addition."""
    breaker = Breaker(at_once=(429,), retry_after=True, retry_after_extra=30.0)
    assert statuses(answering(429).play(breaker, *at(0.0, 59.9, 60.0))) == [429, 503, 200]


def test_without_trials_all_traffic_is_back_at_once():
    """Four calls at the very end of the cooldown pass, where a trial would let one."""
    world = answering(503, 503, 503)
    ends = world.play(Breaker(recovery="time"), *at(0.0, 0.0, 0.0, 29.9, 30.0, 30.0, 30.0, 30.0))
    assert statuses(ends) == [503] * 4 + [200] * 4
    assert [event for _, event in world.events] == ["opened", "closed"]


def test_failures_that_are_forgotten_close_it_where_only_the_window_counts():
    """Opened by the third failure at 10 s, it lets calls pass when more than 30 s have passed since
    the first one."""
    world = answering(503, 503, 503)
    breaker = Breaker(window_kind="first_failure", recovery="window")
    ends = world.play(breaker, *at(0.0, 5.0, 10.0, 30.0, 30.1))
    assert statuses(ends) == [503, 503, 503, 503, 200]


FOUR = tuple(Target(name, name, name, name) for name in "abcd")


@pytest.mark.parametrize(
    ("cap", "out"),
    [({}, 4), ({"max_open": 0.5}, 2), ({"min_closed": 1}, 3), ({"max_open": 0.1}, 0)],
)
def test_of_four_targets_that_all_fail_so_many_are_shut_out(cap, out):
    """Each has been met before; a share of .5 is two of them, .1 is none."""
    world = FakeWorld(lambda call, n: Reply(200 if n < 4 else 503, seconds=0.0), known=FOUR)
    breaker = Breaker(failures=1, **cap)
    for now in (0.0, 1.0, 2.0):
        for target in "abcd":
            world.play(breaker, *at(now), aim=target)
    assert len([event for _, event in world.events if event == "opened"]) == out
    assert len(world.sent) == 4 + 4 + (4 - out)


@pytest.mark.parametrize(("choice", "sent"), [("refuse", 2), ("try", 4)])
def test_where_all_are_open_all_may_be_tried(choice, sent):
    """Two targets have failed; the next calls are refused, or reach them all the same."""
    world = FakeWorld(lambda call, n: Reply(503, seconds=0.0), known=FOUR)
    breaker = Breaker(failures=1, when_all_open=choice)
    for now in (0.0, 1.0):
        for target in "ab":
            world.play(breaker, *at(now), aim=target)
    assert len(world.sent) == sent


def test_one_that_is_closed_keeps_calls_from_those_that_are_open():
    """a is open and b is not: whoever asks a is refused."""
    world = FakeWorld(lambda call, n: Reply(503 if call.target == "a" else 200, seconds=0.0))
    breaker = Breaker(failures=1, when_all_open="try")
    world.play(breaker, *at(0.0), aim="a")
    world.play(breaker, *at(1.0), aim="b")
    assert statuses(world.play(breaker, *at(2.0), aim="a")) == [503]
    assert len(world.sent) == 2


def test_the_only_deployment_of_its_model_may_be_spared():
    """Of a model with two deployments one opens; the other model's only one never does."""
    twins = (Target("a", "x", "m", "m"), Target("b", "y", "m", "m"), Target("c", "z", "n", "n"))
    world = FakeWorld(lambda call, n: Reply(503, seconds=0.0), known=twins)
    breaker = Breaker(failures=1, spare_alone=True, scope="deployment")
    for now in (0.0, 1.0):
        for target in "ac":
            world.play(breaker, *at(now), aim=target)
    assert [target for _, target in world.sent] == ["a", "c", "c"]


def test_after_closing_traffic_comes_back_evenly():
    """One call each .1 s for 10 s of ramp: the share grows from 0 to 1, so half of the hundred
    pass, few of them early."""
    world = answering(503)
    breaker = Breaker(failures=1, cooldown=10.0, ramp=10.0)
    times = [10.0 + 0.1 * i for i in range(1, 101)]
    ends = world.play(breaker, *at(0.0, 10.0, *times))
    passed = [outcome.ok for _, outcome in ends[2:]]
    assert sum(passed) == pytest.approx(50, abs=2)
    assert sum(passed[:25]) == pytest.approx(25 / 8, abs=1)
    assert statuses(world.play(breaker, *at(21.0, 21.0))) == [200, 200]


def test_forced_open_refuses_and_disabled_lets_pass():
    """Whatever is answered."""
    assert answering().play(Breaker(mode="forced_open"), *at(0.0, 1e6))[1][1].status == 503
    world = answering(then=503)
    world.play(Breaker(mode="disabled"), *at(*range(20)))
    assert (len(world.sent), world.events) == (20, [])


def test_metrics_only_tells_once_when_it_would_open():
    """Nobody is refused."""
    world = answering(then=503)
    world.play(Breaker(mode="metrics_only"), *at(0.0, 1.0, 2.0, 3.0))
    assert (len(world.sent), world.events) == (4, [(2.0, "exceeded")])


def test_slow_answers_open_it_though_none_failed():
    """Half of four answers take more than 5 s; just 5 s are not slow."""
    times = [1.0, 6.0, 5.0, 6.0]
    world = FakeWorld(lambda call, n: Reply(seconds=times[n] if n < 4 else 0.0))
    breaker = Breaker(slow_after=5.0, slow_rate=0.5, min_calls=4, window=60.0)
    ends = world.play(breaker, *at(0.0, 10.0, 20.0, 30.0, 37.0))
    assert statuses(ends) == [200, 200, 200, 200, 503]
    assert world.events == [(36.0, "opened")]


EXTREMES = [
    {"rate": 1.0, "min_calls": 1, "count_window": 1, "either": True},
    {"judged_every": 0.001, "rate": 0.01, "min_calls": 1},
    {"window_kind": "tumbling", "window": 0.001},
    {"window_kind": "first_of_kind", "recovery": "window", "forgets": "never"},
    {"buckets": 1000, "slow_after": 0.001, "slow_rate": 0.01, "min_calls": 1},
    {"failures": 1, "cooldown_factor": 10.0, "max_cooldown": 1.0, "forgiven_after": 0.001},
    {"failures": 1, "trials_in_all": True, "successes": 100, "trial_failures": 3},
    {"failures": 1, "half_open_limit": 0.001, "after_half_open": "closed", "ramp": 1000.0},
    {"failures": 1, "recovery": "time", "returns_every": 7.0, "max_open": 0.0},
    {"failures": 1, "when_all_open": "try", "min_closed": 5, "at_once": (429,)},
]


@pytest.mark.parametrize("settings", EXTREMES, ids=lambda each: ",".join(each))
def test_the_contract_holds_with_extreme_parameters(settings):
    """Nothing leaks, nothing is swallowed, and twice the same is the same."""
    assert check_policy(Breaker(**settings)) == []
