"""Choosing whom to ask first."""

from collections import Counter

import pytest

from simroute.core import Price
from simroute.policies.route import Route
from tests.fakes import Ask, FakeWorld, Reply


def asked(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def world_of(*us: float, **seconds: float) -> FakeWorld:
    """Draws the numbers `us` in turn; each target takes so many seconds (1 s where not stated), or
    fails at once (0)."""
    draws = list(us)
    world = FakeWorld(
        lambda call, n: Reply(
            200 if seconds.get(call.target or "", 1.0) else 500,
            seconds=seconds.get(call.target or "", 1.0),
        )
    )
    world.uniform = lambda stream, call: draws.pop(0) if len(draws) > 1 else draws[0]
    return world


def each(count: int, **rest: object) -> list[Ask]:
    return [Ask(id=i, arrival=10.0 * i, **rest) for i in range(count)]  # type: ignore[arg-type]


def test_weights_are_chances():
    """1 : 2 : 1 over a hundred evenly spread numbers: 25, 50 and 25 exactly; roles may stand for
    names, and add up."""
    world = world_of(*(i / 100 for i in range(100)))
    world.play(Route(weights={"first": 0.5, "a": 0.5, "b": 2.0, "cheapest": 1.0}), *each(100))
    assert Counter(asked(world)) == {"a": 25, "b": 50, "c": 25}


def test_a_forbidden_provider_leaves_its_chance_to_the_others():
    """Without ann's a, b has two of three chances; without anybody nobody is asked."""
    world = world_of(*(i / 90 for i in range(90)))
    policy = Route(weights={"a": 1.0, "b": 2.0, "c": 1.0})
    world.play(policy, *each(90, forbids=frozenset({"ann"})))
    assert Counter(asked(world)) == {"b": 60, "c": 30}
    ((_, outcome),) = world.play(
        policy, Ask(arrival=5000.0, forbids=frozenset({"ann", "bob", "cat"}))
    )
    assert (outcome.status, outcome.by, len(world.sent)) == (403, "route", 90)


def test_the_cheapest_is_the_cheapest_now():
    """c at first; a once its price falls."""
    world, policy = FakeWorld(), Route(by="price")
    world.play(policy, Ask())
    world.price = lambda target: Price(0.1 if target == "a" else 1.0, 1.0)
    world.play(policy, Ask(arrival=5.0))
    assert asked(world) == ["c", "a"]


def test_each_is_looked_at_once_and_then_the_fastest_is_asked():
    """b takes 1 s, the others 3 s."""
    world = world_of(0.9, a=3.0, b=1.0, c=3.0)
    world.play(Route(by="latency"), *each(6))
    assert asked(world) == ["a", "b", "c", "b", "b", "b"]


def test_a_target_that_never_answers_does_not_stay_unknown():
    """a fails at once, which says nothing about speed, and it is not looked at for ever."""
    world = world_of(0.9, a=0.0, b=2.0, c=3.0)
    world.play(Route(by="latency"), *each(5))
    assert asked(world) == ["a", "b", "c", "b", "b"]


def test_a_share_of_calls_looks_elsewhere():
    """Below the share of exploration a second number says where; above it the fastest is asked."""
    world = world_of(0.01, 0.99, 0.06, a=1.0, b=2.0, c=3.0)
    world.play(Route(by="latency", explore=0.05), *each(5))
    assert asked(world) == ["a", "b", "c", "c", "a"]


def test_tasks_have_targets_of_their_own():
    """extract goes to the cheapest, all else to the default."""
    world = FakeWorld()
    world.play(
        Route(by="task", tasks={"extract": "cheapest"}, default="b"),
        Ask(task="extract"),
        Ask(id=1, task="chat"),
    )
    assert asked(world) == ["c", "b"]


@pytest.mark.parametrize("by", ["weight", "price", "latency", "task"])
def test_a_call_that_is_aimed_stays_aimed_unless_it_is_forbidden(by):
    """An outer layer chose b; only a request that forbids b is aimed anew."""
    world = world_of(0.0)
    world.play(Route(by=by), Ask(), Ask(id=1, forbids=frozenset({"bob"})), aim="b")
    first, second = asked(world)
    assert first == "b"
    assert second != "b"
