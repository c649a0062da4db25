"""Keeping calls for later."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.policies.queue import Queue
from simroute.testing.script import Step, play


def down(until: int, seconds: float = 0.0, **rest: object) -> FakeWorld:
    return FakeWorld(lambda call, n: Reply(503 if n < until else 200, seconds, **rest))


def test_a_call_that_failed_is_sent_again_at_the_pace_until_it_is_answered():
    """One every 2 s: three failures and an answer, at 0, 0, 2 and 4 s."""
    world = down(3)
    ((end, outcome),) = world.play(Queue(rate=0.5), Ask())
    assert (end, outcome.status) == (4.0, 200)
    assert [at for at, _ in world.sent] == [0.0, 0.0, 2.0, 4.0]
    assert [event for _, event in world.events] == ["queued", "dequeued"]


def test_those_that_wait_are_tried_in_rounds():
    """Three calls at 0 and turns each second: tried again at 0, 1, 2 and 3, 4, 5; answered from the
    seventh send on, the oldest first."""
    world = down(6)
    ends = world.play(Queue(rate=1.0), *[Ask(id=i) for i in range(3)])
    assert [end for end, _ in ends] == [3.0, 4.0, 5.0]


def test_a_backlog_goes_at_the_rate():
    """Of ten calls, with an outage that is over at once: 10 / rate seconds from the first."""
    ends = down(10).play(Queue(rate=2.0), *[Ask(id=i) for i in range(10)])
    assert [end for end, _ in ends] == [0.5 * i for i in range(10)]


def test_without_a_turn_before_its_deadline_a_call_fails():
    """Turns at 0, 1, 2 and 3 s with 3 s to live from its arrival: four more sends; then there is no
    turn before 4 s, and it fails at 3 s."""
    world = down(99)
    ((end, outcome),) = world.play(Queue(rate=1.0, deadline=3.0), Ask())
    assert (end, outcome.status, len(world.sent)) == (3.0, 503, 5)
    assert [event for _, event in world.events] == ["queued", "expired"]


def test_no_more_wait_than_there_is_room_for():
    """Two of three; the third gets its failure at once."""
    ends = down(3).play(Queue(rate=1.0, size=2), *[Ask(id=i) for i in range(3)])
    assert [outcome.status for _, outcome in ends] == [200, 200, 503]


@pytest.mark.parametrize(
    ("reply", "sends"),
    [(Reply(400), 1), (Reply(402, by="budget"), 3), (Reply(429), 3), (Reply(200), 1)],
)
def test_what_would_fail_again_does_not_wait(reply, sends):
    """A bad request; what a layer inside refused may be let in later."""
    world = FakeWorld(lambda call, n: reply if n < 2 else Reply())
    world.play(Queue(rate=1.0), Ask())
    assert len(world.sent) == sends


@pytest.mark.parametrize(
    ("task", "feature", "waits"), [("extract", "", 1), ("", "extract", 1), ("", "", 0)]
)
def test_only_the_named_work_waits(task, feature, waits):
    """A task or a feature."""
    world = down(1)
    world.play(Queue(work=("extract",)), Ask(task=task, feature=feature))
    assert len(world.sent) == 1 + waits


def test_a_ping_does_not_wait():
    """It is to be sent once."""
    world = down(1)

    async def once(call, send, world):
        return await Queue()(call.as_probe(once=True), send, world)

    world.play(once, Ask())
    assert len(world.sent) == 1


def test_whoever_leaves_makes_room():
    """Room for one; its caller leaves at 3 s, before the provider is back."""
    world = down(3, 1.0)
    queue = Queue(rate=0.1, size=1)
    world.play(queue, Ask(), give_up=3.0)
    assert queue._waiting == 0


def test_an_outage_is_outlasted():
    """a is down for three sends: the request that arrived at 0 ends at 3 s, counted as one
    request with four sends and its whole wait."""
    log = play({"queue": Queue(rate=1.0)}, {"a": [Step(0.5, 503)] * 3 + [Step(0.5)]}, [0.0])
    assert log.requests[0] == ("ok", "a", pytest.approx(3.0))
    assert [start for start, *_ in log.attempts] == [0.0, 0.5, 1.5, 2.5]
