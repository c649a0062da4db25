"""Not too many calls at a time."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.gauges.line import Order
from simroute.models import spec
from simroute.policies.concurrency import Concurrency
from simroute.policies.timeout import Timeout
from simroute.testing import check_policy
from simroute.testing.script import Step, play


def burst(count, users="a", **rest):
    return [Ask(id=i, user=users[i % len(users)], **rest) for i in range(count)]


def times(world):
    return [time for time, _ in world.sent]


def test_two_at_a_time_and_the_others_wait():
    """Answers of 1 s: five calls go at 0, 0, 1, 1 and 2 s; whoever would wait longer than 1.5 s is
    refused then."""
    world = FakeWorld()
    ends = world.play(Concurrency(initial=2, wait=1.5), *burst(5))
    assert times(world) == [0.0, 0.0, 1.0, 1.0]
    assert [(end, outcome.status) for end, outcome in ends] == [
        *[(1.0, 200)] * 2,
        *[(2.0, 200)] * 2,
        (1.5, 503),
    ]
    assert ends[-1][1].by == "concurrency"


def test_nobody_waits_where_nobody_may():
    """The third is refused at once."""
    world = FakeWorld()
    ends = world.play(Concurrency(initial=2, wait=0.0), *burst(3))
    assert (len(world.sent), ends[2][0]) == (2, 0.0)


def test_each_target_has_its_own_number_unless_they_share_one():
    """Two targets, one place each; or one for both."""
    for scope, sent in (("deployment", [0.0, 0.0]), ("all", [0.0, 1.0])):
        world, layer = FakeWorld(), Concurrency(initial=1, scope=scope)

        async def spread(call, send, world, layer=layer):
            return await layer(call.to("ab"[call.request.id]), send, world)

        world.play(spread, *burst(2))
        assert times(world) == sent


def test_only_those_named_are_bounded():
    """b is; a, by its role, is not."""
    for targets, sent in ((("b",), 2), (("first",), 1), ((), 1)):
        world = FakeWorld()
        world.play(Concurrency(initial=1, wait=0.0, targets=targets), *burst(2))
        assert len(world.sent) == sent


def test_turns_are_by_user():
    """a has ten waiting when b comes: with one place, b's is the third."""
    world = FakeWorld()
    asks = [*burst(10), Ask(id=99, user="b", arrival=0.5)]
    layer = Concurrency(initial=1, wait=60.0, line=Order(fair="user"))
    ends = world.play(layer, *asks)
    assert ends[-1][0] in (2.0, 3.0)


def test_a_full_line_refuses_the_least_urgent():
    """One place and one in the line: batch goes for chat."""
    world = FakeWorld()
    order = Order(urgent="task", classes={"batch": 1}, most=1)
    asks = [Ask(0), Ask(1, task="batch", arrival=0.1), Ask(2, arrival=0.2)]
    ends = world.play(Concurrency(initial=1, line=order), *asks)
    assert [(end, outcome.status) for end, outcome in ends] == [(1.0, 200), (0.2, 503), (2.0, 200)]


def test_a_streamed_call_keeps_its_place_to_its_end():
    """First token after 1 s, end after 3 s: the next begins then."""
    log = play(
        {"concurrency": Concurrency(initial=1)},
        {"a": [Step(3.0, first=1.0)]},
        [0.0, 0.5],
        streamed=True,
    )
    assert [start for start, *_ in log.attempts] == [0.0, 3.0]


def test_what_is_given_up_gives_its_place_back():
    """A timeout of 2 s outside. The first is given up under way, the second, which then has its
    place, .1 s later; the third has it then."""
    layers = {"timeout": Timeout(2.0), "concurrency": Concurrency(initial=1, wait=60.0)}
    log = play(layers, {"a": [Step(9.0), Step(9.0), Step(1.0)]}, [0.0, 0.1, 1.9, 5.0])
    assert [start for start, *_ in log.attempts] == pytest.approx([0.0, 2.0, 2.1, 5.0])
    assert [log.requests[n][0] for n in range(4)] == ["failed", "failed", "ok", "ok"]


def test_who_is_given_up_in_the_line_is_in_nobody_s_way():
    """The second goes away before its turn, at .5 s after it came; the third has the place."""
    layers = {"timeout": Timeout(2.0), "concurrency": Concurrency(initial=1, wait=0.5)}
    log = play(layers, {"a": [Step(1.5)]}, [0.0, 0.1, 1.2])
    assert [start for start, *_ in log.attempts] == [0.0, 1.5]
    assert [log.requests[n][0] for n in range(3)] == ["ok", "rejected", "ok"]


def test_aimd_learns_the_room_of_a_target():
    """A target of 8 slots and no line refuses the ninth: asked for twice as much as it can do it
    refuses half. Halved at each refusal, the number must grow from 4 to 9 again, so about one in
    nine is refused; at .9 it is back at 9 with the next answer."""
    limits = spec.Limits(concurrency=8)
    arrivals = [i / 16 for i in range(16 * 120)]
    refused = {}
    for name, layers in (
        (1.0, {}),
        (0.5, {"concurrency": Concurrency("aimd", initial=4, wait=0.0, decrease=0.5)}),
        (0.9, {"concurrency": Concurrency("aimd", initial=4, wait=0.0, decrease=0.9)}),
    ):
        log = play(layers, {"a": [Step(1.0)]}, arrivals, limits=limits)
        late = [status for start, *_, status, _ in log.attempts if start > 30]
        refused[name] = sum(status != 200 for status in late) / len(late)
    assert refused[1.0] == pytest.approx(0.5, abs=0.05)
    assert 0.05 < refused[0.5] < 0.2
    assert refused[0.9] > 0.3


@pytest.mark.parametrize("rule", ["fixed", "aimd", "vegas", "gradient"])
@pytest.mark.parametrize("initial", [1, 3])
def test_it_keeps_the_rules_of_layers(rule, initial):
    """Nothing leaks, whatever is learnt."""
    assert check_policy(Concurrency(rule, initial=initial, least=1, wait=3.0)) == []
    assert check_policy(Concurrency(rule, initial=initial, least=1, wait=0.0)) == []
    order = Order(fair="user", urgent="task", most=1)
    assert check_policy(Concurrency(rule, initial=initial, least=1, line=order)) == []


def test_what_is_refused_further_in_teaches_nothing():
    """A breaker's refusal is no drop of the target."""
    world = FakeWorld(lambda call, n: Reply(503, seconds=0.1, by="breaker"))
    layer = Concurrency("aimd", initial=10, least=1)
    world.play(layer, *burst(5))
    assert layer._slots["a"].rule.limit == 10
