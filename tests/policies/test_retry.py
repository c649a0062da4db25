"""Asking again."""

import pytest

from simroute.gauges.backoff import Backoff
from simroute.policies.retry import Retry, RetryBudget
from tests.fakes import Ask, FakeWorld, Reply

PLAIN = Backoff(initial=1.0, jitter="none")


def world_of(*replies: Reply, u: float = 0.5) -> FakeWorld:
    """Replies at once, the last one for ever."""
    world = FakeWorld(lambda call, n: replies[min(n, len(replies) - 1)])
    world.uniform = lambda stream, call: u  # type: ignore[attr-defined]
    return world


def fails(status: int = 503, **rest: float) -> Reply:
    return Reply(status, seconds=0.0, **rest)  # type: ignore[arg-type]


def times(world: FakeWorld) -> list[float]:
    return [time for time, _ in world.sent]


def test_it_pauses_between_tries_and_not_after_the_last():
    """Four tries at 0, 1, 3 and 7 s; the error is returned at 7 s."""
    world = world_of(fails())
    ((end, outcome),) = world.play(Retry(attempts=4, backoff=PLAIN), Ask())
    assert (times(world), end, outcome.status) == ([0.0, 1.0, 3.0, 7.0], 7.0, 503)
    assert [event for _, event in world.events] == ["retried"] * 3


def test_it_stops_when_it_succeeds_or_cannot_hope():
    """A success, and a status that is not worth another try."""
    for last in (Reply(seconds=0.0), fails(400)):
        world = world_of(fails(), last)
        world.play(Retry(attempts=5, backoff=PLAIN), Ask())
        assert times(world) == [0.0, 1.0]


def test_jitter_is_drawn_only_where_there_is_some():
    """Full jitter at u = .5 halves the pause; without jitter the world is not asked for chance."""
    world = world_of(fails())
    world.play(Retry(backoff=Backoff(initial=1.0, jitter="full")), Ask())
    assert times(world) == [0.0, 0.5]
    world = world_of(fails())
    del world.uniform  # type: ignore[attr-defined]
    world.play(Retry(backoff=PLAIN), Ask())
    assert times(world) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("asked", "sent"), [(0.2, [0.0, 1.0]), (7.0, [0.0, 7.0]), (60.0, [0.0, 60.0]), (60.1, [0.0])]
)
def test_retry_after_lengthens_the_pause_or_ends_it_all(asked, sent):
    """The longer of both; beyond 60 s it gives up at once and hands the 429 on."""
    world = world_of(fails(429, retry_after=asked))
    ((end, outcome),) = world.play(Retry(backoff=PLAIN), Ask())
    assert (times(world), end, outcome.retry_after) == (sent, sent[-1], asked)


def test_retry_after_can_be_ignored():
    """Then the back-off alone counts."""
    world = world_of(fails(429, retry_after=600.0))
    world.play(Retry(backoff=PLAIN, retry_after=False), Ask())
    assert times(world) == [0.0, 1.0]


def test_what_was_refused_further_in_is_not_tried_again():
    """An open breaker would refuse again."""
    world = world_of(Reply(503, seconds=0.0, by="breaker", retry_after=0.1))
    world.play(Retry(attempts=3, backoff=PLAIN), Ask())
    assert times(world) == [0.0]


def test_a_budget_keeps_retries_below_their_share():
    """A fifth of 50 calls that all fail, and nothing in reserve: ten retries."""
    world = world_of(fails())
    world.play(
        Retry(backoff=PLAIN, budget=RetryBudget(share=0.2, reserve=0.0)),
        *(Ask(id=i, arrival=i / 100) for i in range(50)),
    )
    assert len(world.sent) == 60


def test_a_stream_that_has_begun_is_not_begun_again():
    """Its failure comes too late."""
    world = world_of(Reply(502, seconds=0.0, rest=2.0))
    ((_, outcome),) = world.play(Retry(backoff=PLAIN), Ask(streamed=True))
    assert (outcome.status, len(world.sent)) == (502, 1)
