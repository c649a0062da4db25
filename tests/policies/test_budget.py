"""Spending against a limit."""

from math import sqrt

import numpy as np
import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.policies.budget import Budget

DAY = 86_400.0


def asks(count: int, every: float = 10.0, **rest: object) -> list[Ask]:
    return [Ask(id=i, arrival=i * every, **rest) for i in range(count)]  # type: ignore[arg-type]


def targets(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def test_without_a_sum_it_stands_aside():
    """`usd` None means no budget."""
    world = FakeWorld(lambda call, n: Reply(usd=1e6))
    world.play(Budget(), *asks(3))
    assert (targets(world), world.events) == ([None] * 3, [])


def test_from_eighty_percent_on_work_shifts():
    """At 1 USD a call and 10 USD a month, calls 1 to 8 go as they came, the 9th and later ones to the cheapest."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))
    world.play(Budget(usd=10.0), *asks(12))
    assert targets(world) == [None] * 8 + ["c"] * 4
    assert world.events == [(80.0, "shifted"), (100.0, "exhausted")]


@pytest.mark.parametrize("stated", [("extract",), ("search",)])
def test_only_stated_classes_shift(stated):
    """A class is a task or a feature; others go on until the limit."""
    world = FakeWorld(lambda call, n: Reply(usd=8.0 if n == 0 else 0.0))
    policy = Budget(usd=10.0, shift=stated)
    world.play(policy, Ask(id=0), Ask(id=1, arrival=10.0), Ask(id=2, arrival=20.0, task="extract", feature="search"))
    assert targets(world) == [None, None, "c"]


@pytest.mark.parametrize(
    ("at_limit", "chat", "extract"), [("allow", None, "c"), ("shift", "c", "c"), ("reject", "refused", "refused")]
)  # fmt: skip
def test_at_the_limit_the_stated_action_is_taken(at_limit, chat, extract):
    """allow: stated classes stay shifted and the others go on; shift: all are; reject: 402 and no send."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0 if n == 0 else 0.0))
    policy = Budget(usd=10.0, shift=("extract",), at_limit=at_limit)
    ends = world.play(policy, Ask(id=0), Ask(id=1, arrival=10.0), Ask(id=2, arrival=20.0, task="extract"))
    went = ["refused" if outcome.status == 402 else outcome.target for _, outcome in ends[1:]]
    assert went == [chat, extract]
    assert len(world.sent) == 1 + 2 * (at_limit != "reject")


def test_a_new_day_starts_afresh():
    """A daily budget that was exhausted is whole again at t = 86,400 s, which is said once."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0))
    policy = Budget(usd=10.0, period="day", at_limit="reject")
    ends = world.play(policy, Ask(id=0), Ask(id=1, arrival=DAY - 1), Ask(id=2, arrival=DAY))
    assert [outcome.status for _, outcome in ends] == [200, 402, 200]
    assert world.events == [(DAY - 1, "exhausted"), (DAY, "renewed")]


def test_estimates_of_calls_under_way_count():
    """1000 tokens in and 800 / 8 out at 10 and 30 USD a million are estimated at 0.013 USD, before anything is billed."""
    world = FakeWorld(lambda call, n: Reply(seconds=1000.0))
    world.play(Budget(usd=0.013), Ask(id=0), Ask(id=1, arrival=1.0))
    assert targets(world) == [None, "c"]


def test_estimates_follow_the_answers_of_their_own_task():
    """After an answer of 500 tokens a chat is estimated at 0.025 USD (1000 x 10 + 500 x 30 a million), an extract still at 0.013."""
    for task, shifted in (("chat", "c"), ("extract", None)):
        world = FakeWorld(lambda call, n: Reply(seconds=1.0 if n == 0 else 1000.0, output_tokens=500))
        world.play(Budget(usd=0.025, shift_at=0.9), Ask(id=0), Ask(id=1, arrival=10.0, task=task), Ask(id=2, arrival=11.0))
        assert targets(world) == [None, None, shifted]


def test_the_bill_replaces_the_estimate():
    """Calls that turn out to cost nothing never move the meter, however many they are."""
    world = FakeWorld()
    world.play(Budget(usd=0.02), *asks(50))
    assert (targets(world), world.events) == ([None] * 50, [])


def test_what_inner_layers_spend_counts():
    """A request billed 2 x 1 USD by two sends inside counts 2 USD, though its final answer cost 1."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))

    async def twice(call, send, world):
        async def both(call):
            await send(call)
            return await send(call)

        return await budget(call, both, world)

    budget = Budget(usd=4.0, shift_at=1.0)
    world.play(twice, *asks(3))
    assert targets(world) == [None] * 4 + ["c"] * 2


def test_a_call_that_is_given_up_keeps_its_estimate():
    """Whoever leaves after 1 s may still be billed: the estimate of 0.013 USD stays and the next call shifts."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    world.play(Budget(usd=0.013), Ask(id=0), Ask(id=1, arrival=10.0), give_up=1.0)
    assert targets(world) == [None, "c"]


def test_a_call_that_timed_out_inside_keeps_its_estimate():
    """Status 408 was billed nothing so far, but an abandoned call runs on: 0.013 USD stay reserved and the next call shifts."""
    world, budget = FakeWorld(lambda call, n: Reply(seconds=5.0)), Budget(usd=0.013)

    async def hurried(call, send, world):
        return await budget(call, lambda inner: world.within(1.0, send(inner)), world)

    world.play(hurried, *asks(2))
    assert targets(world) == [None, "c"]


def test_a_streamed_answer_is_billed_at_its_end():
    """The meter moves when the stream has ended, not at its first token; meanwhile the estimate stands."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0, rest=100.0))
    world.play(Budget(usd=10.0), *asks(3, every=60.0, streamed=True))
    assert targets(world) == [None, None, "c"]


def test_a_level_is_announced_once_a_period():
    """Estimates that are later corrected downwards move the share to and fro across 80 %; the crossing is told once."""
    world = FakeWorld(lambda call, n: Reply(usd=7.99 if n == 0 else 0.0, seconds=5.0))
    pairs = [Ask(id=2 * i + k, arrival=10.0 * i + k, input_tokens=10_000) for i in range(1, 10) for k in (0, 1)]
    world.play(Budget(usd=10.0, shift_at=0.8), Ask(id=0), *pairs)
    assert targets(world) == [None] + [None, "c"] * 9
    assert [event for _, event in world.events] == ["shifted"]


def test_nothing_shifts_to_where_it_is_forbidden():
    """The cheapest target that a request allows is chosen; a named one that it forbids is not used."""
    for to, chosen in (("cheapest", "b"), ("c", None)):
        world = FakeWorld(lambda call, n: Reply(usd=9.0 if n == 0 else 0.0))
        world.play(Budget(usd=10.0, to=to), Ask(id=0), Ask(id=1, arrival=10.0, forbids=frozenset({"cat"})))
        assert targets(world) == [None, chosen]


def test_a_role_that_nobody_fills_shifts_nothing():
    """With one deployment there is no other company to shift to."""
    world = FakeWorld(lambda call, n: Reply(usd=9.0), known=FakeWorld().known[:1])
    world.play(Budget(usd=10.0, to="same_family"), *asks(3))
    assert targets(world) == [None] * 3


def test_exponential_costs_exhaust_as_renewal_theory_says():
    """Requests served before a rejecting budget stops: mean 1 + B/m = 201, sd sqrt(B/m) = 14.1; 100 runs, within 4 standard errors (5.7)."""
    rng, served = np.random.default_rng(7), []
    for _ in range(100):
        world = FakeWorld(lambda call, n: Reply(seconds=0.0, usd=float(rng.exponential(0.02))))
        world.play(Budget(usd=4.0, at_limit="reject", shift_at=1.0), *asks(300, every=1.0))
        served.append(len(world.sent))
    assert np.mean(served) == pytest.approx(201.0, abs=4 * sqrt(200 / 100))
