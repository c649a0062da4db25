"""Choosing one of several that could all serve."""

import math
from collections import Counter

import pytest

from simroute.core import Price, Target
from simroute.gauges.choice import ranking
from simroute.gauges.measure import Avoid, Measure
from simroute.policies.balance import Balance
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.timeout import Timeout
from simroute.testing import Step, check_policy, play
from tests.fakes import Ask, FakeWorld, Reply

TWINS = (
    Target("a", "ann", "big", "big"),
    Target("b", "bob", "big", "big"),
    Target("c", "cat", "small", "big"),
)


def asked(world):
    return [target for _, target in world.sent]


def world_of(*us, known=TWINS, **replies):
    """Draws the numbers `us` in turn and then the last; replies: target -> Reply, or a list of them
    by its calls."""
    draws, counts = list(us), Counter()

    def reply(call, n):
        said = replies.get(call.target, Reply())
        counts[call.target] += 1
        return said[min(counts[call.target], len(said)) - 1] if isinstance(said, list) else said

    world = FakeWorld(reply, known=known)
    world.uniform = lambda stream, call: draws.pop(0) if len(draws) > 1 else draws[0]
    return world


def each(count, gap=10.0, **rest):
    return [Ask(id=i, arrival=gap * i, **rest) for i in range(count)]


def grid(n):
    return [(i + 0.5) / n for i in range(n)]


@pytest.mark.parametrize(
    "policy",
    [
        Balance(),
        Balance(pick="two", measure=Measure("latency", "peak", 10.0, busy=True), tries=3),
        Balance(pick="best", measure=Measure("in_flight"), avoid=Avoid(1e-3, 0.0, 1)),
        Balance(pick="hash", key="prompt", bound=1.0, sticky=1e-3, require={"price": 0.0}),
        Balance(pick="turns", levels={"b": 3}, group="provider", prefer={"latency": 0.0}),
    ],
)
def test_it_keeps_the_contract(policy):
    """With usual parameters and with extreme ones."""
    assert check_policy(policy) == []


def test_the_inverse_square_of_the_price_decides():
    """$1 and $3 for each token alike: nine to one."""
    world = world_of(*grid(100))
    world.prices = {"a": Price(1.0, 1.0), "b": Price(3.0, 3.0), "c": Price(9.0, 9.0)}
    policy = Balance(targets=("a", "b"), measure=Measure("price"), exponent=2.0)
    world.play(policy, *each(100))
    assert Counter(asked(world)) == {"a": 90, "b": 10}


def test_whoever_a_request_forbids_leaves_its_share_to_the_others():
    """1 : 2 : 1 without ann is 2 : 1; without all nobody is asked."""
    world = world_of(*grid(90))
    policy = Balance(weights={"a": 1.0, "b": 2.0, "c": 1.0})
    world.play(policy, *each(90, forbids=frozenset({"ann"})))
    assert Counter(asked(world)) == {"b": 60, "c": 30}
    ((_, outcome),) = world.play(
        policy, Ask(arrival=5000.0, forbids=frozenset({"ann", "bob", "cat"}))
    )
    assert (outcome.status, outcome.by, len(world.sent)) == (403, "balance", 90)


def test_least_busy_goes_to_who_has_the_fewest_calls_under_way():
    """Answers take 35 s, a call every 10 s: each goes where nothing is, the fourth where the first
    has not ended yet by chance, here the first."""
    world = world_of(0.0, **dict.fromkeys("abc", Reply(seconds=35.0)))
    world.play(Balance(pick="best", measure=Measure("in_flight")), *each(5))
    # at 40 s the calls of 0 and, at 35 s, of a have ended: a has that of 30 s, b and c have theirs
    assert asked(world) == ["a", "b", "c", "a", "a"]


def test_seconds_for_an_output_token_decide():
    """b answers later, and with four times as many tokens."""
    replies = {
        "a": Reply(seconds=2.0, output_tokens=100),
        "b": Reply(seconds=4.0, output_tokens=400),
    }
    world = world_of(0.0, known=TWINS[:2], **replies)
    world.play(Balance(pick="best", measure=Measure("token_time", "last")), *each(4))
    assert asked(world) == ["a", "b", "b", "b"]


def test_two_choices_take_the_one_that_was_faster():
    """First a and b are drawn, then c and b … of each pair the lower peak; unknown is .25 s."""
    draws = [0.0, 0.0, 0.9, 0.9, 0.0, 0.9]
    replies = {"a": Reply(seconds=3.0), "b": Reply(seconds=1.0), "c": Reply(seconds=2.0)}
    world = world_of(*draws, **replies)
    measure = Measure("latency", "peak", memory=1e9, unknown=0.25)
    world.play(Balance(pick="two", measure=measure), *each(3))
    # a against b: alike, the first; c against b: alike, the first; a (3 s) against c (2 s): c
    assert asked(world) == ["a", "c", "c"]


def test_the_lowest_tokens_of_the_minute_are_used_first():
    """LiteLLM's usage-based routing: who has had fewer tokens in this minute; afresh in the
    next."""
    replies = {"a": Reply(output_tokens=500), "b": Reply(output_tokens=100)}
    world = world_of(0.0, known=TWINS[:2], **replies)
    policy = Balance(pick="best", measure=Measure("tokens"))
    world.play(policy, *each(6, 9.0))
    # tokens: a 1500, b 1100, b 2200, a 3000, b 3300, a
    assert asked(world) == ["a", "b", "b", "a", "b", "a"]
    world.play(policy, Ask(arrival=60.5))
    assert asked(world)[-1] == "a"


def test_turns_are_taken_by_weight():
    """Two to one, evenly spread."""
    world = world_of(0.5)
    world.play(Balance(pick="turns", weights={"a": 2.0, "b": 1.0}), *each(6))
    assert asked(world) == ["a", "b", "a", "a", "b", "a"]


def test_the_lowest_level_that_can_be_asked_is_asked():
    """b stands behind a; a fails, and with `tries` the next level follows, with an event; c stands
    further behind."""
    world = world_of(0.9, a=[Reply(), Reply(503), Reply()])
    policy = Balance(levels={"b": 1, "c": 2}, tries=2)
    ends = world.play(policy, *each(3))
    assert asked(world) == ["a", "a", "b", "a"]
    assert [outcome.status for _, outcome in ends] == [200, 200, 200]
    assert [event for _, event in world.events] == ["fell_back"]
    assert world.details[0] == {"target": "a", "status": 503, "to": "b"}


def test_without_further_asks_a_failure_is_the_end():
    """It comes back as it was."""
    world = world_of(0.0, a=Reply(503))
    ((_, outcome),) = world.play(Balance(), Ask())
    assert (outcome.status, asked(world)) == (503, ["a"])


def test_a_bad_request_is_not_asked_elsewhere():
    """Its status is none of those that another could help."""
    world = world_of(0.0, a=Reply(400))
    ((_, outcome),) = world.play(Balance(tries=3), Ask())
    assert (outcome.status, asked(world)) == (400, ["a"])


def test_whom_a_layer_further_in_refuses_is_passed_over_at_no_cost():
    """a's breaker opens with its first failure and stays open: from then on all goes to b, at the
    moment of the request."""
    layers = {
        "balance": Balance(targets=("a", "b"), pick="best", measure=Measure("price")),
        "breaker": Breaker(failures=1, cooldown=1e6),
        "timeout": Timeout(100.0),
    }
    log = play(layers, {"a": [Step(1.0, 503)], "b": [Step(1.0)]}, [0.0, 10.0, 20.0, 30.0])
    targets = [(start, target) for start, target, *_ in log.attempts]
    assert targets[0][0] == 0.0
    assert [row for row in targets if row[1] == "a"] in ([(0.0, "a")], [(10.0, "a")], [(20.0, "a")])
    assert {target for start, target in targets if start > targets[-2][0]} == {"b"}
    assert all(start % 10 == 0 for start, _ in targets)


def test_a_fast_failing_target_is_avoided_until_its_window_is_over():
    """Two failures of two within 30 s: a is behind the others. At 30 s only that of 5 s counts,
    and one call decides nothing."""
    world = world_of(0.0, known=TWINS[:2], a=Reply(500, seconds=0.0))
    policy = Balance(avoid=Avoid(window=30.0, share=0.5, calls=2))
    world.play(policy, *each(7, 5.0))
    assert asked(world) == ["a", "a", "b", "b", "b", "b", "a"]


def test_a_session_stays_where_it_was_served_and_moves_when_it_is_not():
    """Turns would change at every call. Ann's session is served by a, which then fails: b takes it,
    and keeps it when a is well again. An hour without a call, and it is chosen anew."""
    world = world_of(0.0, known=TWINS[:2], a=[Reply(), Reply(), Reply(503), Reply()])
    policy = Balance(pick="turns", sticky=3600.0, tries=2)
    for i, when in enumerate((0.0, 10.0, 20.0, 30.0, 40.0)):
        world.play(policy, Ask(id=i, arrival=when, session="one"))
    assert asked(world) == ["a", "a", "a", "b", "b", "b"]
    world.play(policy, Ask(id=9, arrival=40.0 + 3600.0 + 2.0, session="one"))
    world.play(policy, Ask(id=10, arrival=40.0 + 3600.0 + 4.0, session="two"))
    assert sorted(asked(world)[-2:]) == ["a", "b"]


def test_a_hash_keeps_users_together_and_apart_by_weight():
    """A canary by user: whoever has it has it always."""
    world = world_of(0.5)
    weights = {"a": 0.9, "b": 0.1}
    policy = Balance(pick="hash", key="user", weights=weights)
    users = [f"user-{i}" for i in range(50)] * 2
    for i, user in enumerate(users):
        world.play(policy, Ask(id=i, arrival=10.0 * i, user=user))
    full = {**weights, "c": 0.0}
    assert asked(world) == [ranking(user, full)[0] for user in users]
    assert set(asked(world)) == {"a", "b"}


def test_a_fallback_outside_names_models_and_the_deployment_is_chosen_here():
    """a and b are one model, c another: a's group is a and b, and only when both fail the fallback
    goes on to c. A ping stays where it is sent."""
    world = world_of(0.0, a=Reply(503), b=Reply(503))
    inner, outer = Balance(group="model", tries=2), Fallback(("a", "c"))

    async def both(call, send, world):
        async def through(call):
            return await inner(call, send, world)

        return await outer(call, through, world)

    ((_, outcome),) = world.play(both, Ask())
    assert (outcome.status, outcome.target) == (200, "c")
    assert asked(world) == ["a", "b", "c"]


def test_a_call_that_is_aimed_stays_so_unless_a_group_is_asked_for():
    """Then any of the same model, or family, may serve it."""
    world = world_of(0.9)
    world.play(Balance(), Ask(), aim="a")
    world.play(Balance(group="model"), Ask(id=1, arrival=5.0), aim="a")
    world.play(Balance(group="family"), Ask(id=2, arrival=9.0), aim="a")
    assert asked(world) == ["a", "b", "c"]


def test_what_is_beyond_its_requirement_is_never_asked():
    """Prices a 15, b 7.5, c 1.25 by the usual mix: at most 8 leaves b and c, at most 1 nobody."""
    world = world_of(0.0)
    world.play(Balance(require={"price": 8.0}), Ask())
    ((_, outcome),) = world.play(Balance(require={"price": 1.0}), Ask(id=1, arrival=9.0))
    assert (asked(world), outcome.status, outcome.by) == (["b"], 403, "balance")


def test_a_stale_measure_keeps_sending_where_it_was_fast():
    """Refreshed every 100 s. Up to 100 s both are unknown, and a is the first; at 100 s it is known
    to have taken 1 s, b nothing, so b is asked; at 200 s b's 2 s are known, and a is asked up to
    300 s though it takes 8 s by now. As it is known at once, it is asked a single time more."""

    def run(refresh):
        fast_first = [Reply(seconds=1.0)] * 10 + [Reply(seconds=8.0)]
        world = world_of(0.0, known=TWINS[:2], a=fast_first, b=Reply(seconds=2.0))
        measure = Measure("latency", "last", samples=1, refresh=refresh)
        world.play(Balance(pick="best", measure=measure), *each(36))
        return "".join(asked(world))

    assert run(100.0) == "a" * 10 + "b" * 10 + "a" * 10 + "b" * 6
    assert run(0.0) == "ab" + "a" * 10 + "b" * 24


def test_of_many_calls_each_keeps_the_share_of_its_weight_in_whole_runs():
    """3 : 1 over 4,000 requests, within four standard deviations."""
    layers = {"balance": Balance(weights={"a": 3.0, "b": 1.0})}
    script = {"a": [Step(0.1)], "b": [Step(0.1)]}
    log = play(layers, script, [float(i) for i in range(4000)])
    count = Counter(target for _, target, *_ in log.attempts)
    assert count["b"] == pytest.approx(1000, abs=4 * math.sqrt(4000 * 0.25 * 0.75))
