"""Learning from a judge."""

import math

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.core import Judge
from simroute.policies.bandit import Bandit

PERFECT = Judge(1.0, 0.0, latency=2.0)


def asks(count, **more):
    return [Ask(number, arrival=10.0 * number, **more) for number in range(count)]


def sent(world):
    return [target for _, target in world.sent]


def words(world):
    return [event for _, event in world.events]


def test_the_upper_end_of_what_may_be_is_tried_first():
    """Nothing known: a is asked, and its refused answer lowers it below the others: 1/3 + sd .236
    against 1/2 + .289. b is accepted, so 2/3 + .236 keeps it."""
    world = FakeWorld(judged=[False, True, True, False, False])
    world.play(Bandit(method="ucb", judge=PERFECT, judged=1.0, memory=1e9), *asks(5))
    assert sent(world) == ["a", "b", "b", "b", "b"]
    assert words(world) == ["graded"] * 5


def test_cost_counts_against_what_may_be():
    """a costs USD .013 and c .0012: at USD .05 for a right answer that is .236 of quality."""
    world = FakeWorld(judged=[True])
    world.play(Bandit(method="ucb", judge=PERFECT, judged=1.0, willingness_to_pay=0.05), Ask())
    assert sent(world) == ["c"]


def test_thompson_asks_whom_the_draws_favour():
    """Coins of .1, .9 and .5 for a, b and c: b's draw is the highest; a further one of .99 says
    that its answer is not graded."""
    world = FakeWorld(coins=[0.1, 0.9, 0.5, 0.99])
    world.play(Bandit(judge=PERFECT, judged=0.2), Ask())
    assert (sent(world), world.seen) == (["b"], [])


def test_a_draw_is_the_posterior_s_quantile_less_the_judge_s_errors():
    """Two accepted of two: a beta of (3, 1). A judge of .9 and .3 accepts .9 q + .3 (1 - q)."""
    bandit = Bandit(judge=Judge(0.9, 0.3, 0.0, 0.0), judged=1.0, memory=1e9)
    world = FakeWorld(judged=[True, True], coins=[0.9, 0.1, 0.1, 0.0, 0.9, 0.1, 0.1, 0.0])
    world.play(bandit, *asks(2))
    world.coins = [0.8, 0.5, 0.5]
    found = []

    async def look(call, send, world):
        found.append(await bandit.qualities(call, ["a", "b", "c"], world))
        return await send(call)

    world.play(look, Ask(9, arrival=100.0))
    mean, deviation = 3 / 4, math.sqrt(3 / (16 * 5))
    assert found[0]["a"] == pytest.approx((mean + 0.8416212 * deviation - 0.3) / 0.6)
    assert found[0]["b"] == pytest.approx((0.5 - 0.3) / 0.6)


def test_who_was_refused_is_tried_anew_when_another_becomes_worse():
    """a is refused, b accepted and then refused three times: a's refusal has faded by then."""
    world = FakeWorld(judged=[False, True, False, False, False, True])
    policy = Bandit(
        targets=("a", "b"), method="ucb", judge=PERFECT, judged=1.0, memory=30.0, explore=0.1
    )
    world.play(policy, *asks(6))
    assert sent(world)[:2] == ["a", "b"]
    assert "a" in sent(world)[3:]
    # without fading the one refusal of a, and the one acceptance of b, would still count whole
    world = FakeWorld(judged=[False, True, True, False, False, True])
    lasting = Bandit(
        targets=("a", "b"), method="ucb", judge=PERFECT, judged=1.0, memory=1e9, explore=0.1
    )
    world.play(lasting, *asks(6))
    assert sent(world) == ["a", "b", "b", "b", "b", "b"]


def test_tasks_learn_apart():
    """A refusal of a chat says nothing of extractions."""
    world = FakeWorld(judged=[False, True, True])
    policy = Bandit(method="ucb", judge=PERFECT, judged=1.0)
    tasks = ("chat", "extract", "chat")
    world.play(policy, *(Ask(i, arrival=10.0 * i, task=task) for i, task in enumerate(tasks)))
    assert sent(world) == ["a", "a", "b"]


def test_a_graded_answer_waits_for_the_judge_and_others_do_not():
    """2 s, for a share of the answers."""
    world = FakeWorld(judged=[True], coins=[0.5, 0.5, 0.5, 0.1, 0.5, 0.5, 0.5, 0.3])
    ends = world.play(Bandit(judge=PERFECT, judged=0.2), *asks(2))
    assert [end - 10.0 * number for number, (end, _) in enumerate(ends)] == [3.0, 1.0]


def test_a_streamed_answer_is_graded_when_it_is_there():
    """Its first token comes after 1 s as ever; the end waits for the judge."""
    firsts = []

    async def watched(call, send, world):
        outcome = await policy(call, send, world)
        firsts.append(world.now())
        return outcome

    world = FakeWorld(lambda call, n: Reply(rest=5.0), judged=[True])
    policy = Bandit(method="ucb", judge=PERFECT, judged=1.0)
    ((end, outcome),) = world.play(watched, Ask(streamed=True))
    assert (firsts, end, outcome.ok, words(world)) == ([1.0], 8.0, True, ["graded"])


def test_failures_are_not_graded():
    """A breaker is for those."""
    world = FakeWorld(lambda call, n: Reply(503))
    ((_, outcome),) = world.play(Bandit(method="ucb", judged=1.0), Ask())
    assert (outcome.status, world.seen) == (503, [])


def test_who_answered_is_graded_not_who_was_asked():
    """A fallback inside moved the call to b."""

    async def moved(call, send, world):
        return await policy(call, lambda call: send(call.to("b")), world)

    world = FakeWorld(judged=[False, True])
    policy = Bandit(method="ucb", judge=PERFECT, judged=1.0, targets=("b", "a"))
    world.play(moved, *asks(2))
    assert [detail["target"] for detail in world.details] == ["b", "b"]
