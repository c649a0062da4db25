"""Refusing what matters less."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.policies.shed import Shed


def statuses(ends) -> list[int]:
    return [outcome.status for _, outcome in ends]


def test_each_work_has_its_own_limit_of_calls_under_way():
    """Calls of 10 s, one each second: batch is refused from two under way on, search from four on,
    and chat never; at 10 s the first has ended."""
    world = FakeWorld(lambda call, n: Reply(seconds=10.0))
    shed = Shed(in_flight={"batch": 2, "search": 4})
    tasks = ["chat", "batch", "batch", "search", "search", "search", "chat", "batch"]
    asks = [Ask(id=i, task=task, arrival=float(i)) for i, task in enumerate(tasks)]
    assert statuses(world.play(shed, *asks)) == [200, 200, 503, 200, 200, 503, 200, 503]
    assert world.events == [(2.0, "shed"), (5.0, "shed")]


def test_it_is_let_in_when_there_is_room_again():
    """The call of 5 s that was under way has ended at 5 s."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    asks = [Ask(id=i, task="batch", arrival=at) for i, at in enumerate((0.0, 4.9, 5.1))]
    assert statuses(world.play(Shed(in_flight={"batch": 1}), *asks)) == [200, 503, 200]
    assert world.events == [(4.9, "shed"), (5.1, "admitted")]


@pytest.mark.parametrize(("failures", "batch"), [(2, 503), (1, 200)])
def test_while_much_fails_the_least_important_is_refused(failures, batch):
    """From half of four calls on; a work that is not named goes on."""
    world = FakeWorld(lambda call, n: Reply(503 if n < failures else 200, seconds=0.0))
    shed = Shed(failing={"batch": 0.5}, min_calls=4)
    asks = [Ask(id=i, arrival=float(i)) for i in range(4)]
    asks += [Ask(id=4, arrival=4.0, task="batch"), Ask(id=5, arrival=5.0)]
    assert statuses(world.play(shed, *asks))[4:] == [batch, 200]


def test_after_the_window_nothing_is_known_of_failures():
    """At 30 s the failures of 0 s are forgotten, and the work is let in."""
    world = FakeWorld(lambda call, n: Reply(503 if n == 0 else 200, seconds=0.0))
    shed = Shed(failing={"batch": 0.5}, min_calls=1, window=30.0)
    asks = [Ask(id=i, task="batch", arrival=at) for i, at in enumerate((0.0, 29.9, 30.0))]
    assert statuses(world.play(shed, *asks)) == [503, 503, 200]
    assert len(world.sent) == 2


def test_what_a_layer_inside_refused_is_no_failure():
    """A budget's 402 with the word of its layer, and a rate limit, say nothing."""
    replies = [Reply(503, by="breaker"), Reply(429), Reply()]
    world = FakeWorld(lambda call, n: replies[n])
    shed = Shed(failing={"chat": 0.1}, min_calls=1)
    assert statuses(world.play(shed, *[Ask(id=i, arrival=2.0 * i) for i in range(3)])) == [
        503,
        429,
        200,
    ]


def test_a_call_that_is_given_up_is_no_longer_under_way():
    """Its caller left at 1 s."""
    world = FakeWorld(lambda call, n: Reply(seconds=100.0))
    shed = Shed(in_flight={"chat": 1})
    ends = world.play(shed, Ask(), Ask(id=1, arrival=2.0), give_up=1.0)
    assert statuses(ends) == [408, 408]
    assert len(world.sent) == 2


def test_a_stream_is_under_way_to_its_end():
    """First token at 1 s, the end at 101 s."""
    world = FakeWorld(lambda call, n: Reply(rest=100.0))
    asks = [Ask(id=i, arrival=at, streamed=True) for i, at in enumerate((0.0, 50.0, 102.0))]
    assert statuses(world.play(Shed(in_flight={"chat": 1}), *asks)) == [200, 503, 200]


def test_a_refused_caller_is_told_when_to_come_back():
    """As stated."""
    world = FakeWorld(lambda call, n: Reply(seconds=10.0))
    shed = Shed(in_flight={"chat": 1}, retry_after=7.0)
    _, (_, refused) = world.play(shed, Ask(), Ask(id=1, arrival=1.0))
    assert (refused.by, refused.retry_after) == ("shed", 7.0)
