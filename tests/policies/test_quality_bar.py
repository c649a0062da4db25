"""The cheapest that is good enough."""

import pytest
from scipy import stats

from fakes import Ask, FakeWorld
from simroute.core import Evaluation
from simroute.policies.quality_bar import QualityBar, lower_bound

SHARES = {("chat", "a"): [0.97], ("chat", "b"): [0.95, 0.7], ("chat", "c"): [0.85]}
DAILY = Evaluation(200, every=86_400.0)
MEASURED = QualityBar(bar=0.9, confidence=0.5, evaluation=DAILY)


def sent(world):
    return [target for _, target in world.sent]


def test_the_cheapest_that_clears_the_bar_is_asked():
    """c is cheaper and not good enough, a is better and dearer."""
    world = FakeWorld(shares=SHARES)
    world.play(MEASURED, Ask())
    assert sent(world) == ["b"]


def test_how_sure_it_must_be_decides():
    """.95 of 200 is surely above .9 at 99 %, and not at 99.99 %; that of 20 is not even at 99 %."""
    for confidence, examples, asked in ((0.99, 200, "b"), (0.9999, 200, "a"), (0.99, 20, "a")):
        world = FakeWorld(shares=SHARES)
        policy = QualityBar(bar=0.9, confidence=confidence, evaluation=Evaluation(examples))
        world.play(policy, Ask())
        assert sent(world) == [asked], (confidence, examples)


@pytest.mark.parametrize(("right", "number"), [(0, 10), (7, 10), (190, 200), (200, 200)])
@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.99])
def test_the_bound_is_wilson_s(right, number, confidence):
    """scipy's, which has two sides of it."""
    known = stats.binomtest(right, number).proportion_ci(2 * confidence - 1, "wilson")
    assert lower_bound(right / number, number, confidence) == pytest.approx(known.low, abs=1e-12)


def test_a_target_that_became_worse_keeps_its_work_until_the_next_evaluation():
    """b falls to .7; after a day a is asked instead."""
    world = FakeWorld(shares=SHARES)
    world.play(MEASURED, Ask(arrival=0.0), Ask(arrival=86_399.0), Ask(arrival=86_401.0))
    assert sent(world) == ["b", "b", "a"]


def test_where_nobody_clears_it_the_best_is_asked():
    """Also where its bar is a task's own."""
    for policy in (QualityBar(bar=0.99), QualityBar(bar=0.5, bars={"chat": 0.99})):
        world = FakeWorld(shares=SHARES)
        world.play(policy, Ask())
        assert sent(world) == ["a"]


def test_tasks_without_an_evaluation_go_to_the_first():
    """Nothing is known about them."""
    world = FakeWorld(shares=SHARES)
    world.play(MEASURED, Ask(task="poem"))
    assert sent(world) == ["a"]


def test_a_table_stands_for_evaluations():
    """And then nobody is needed for them."""
    world = FakeWorld()
    policy = QualityBar(bar=0.8, table={"chat": {"c": 0.9, "a": 0.99}})
    world.play(policy, Ask())
    assert (sent(world), policy.asks) == (["c"], ())
    assert QualityBar().asks == ("evaluator",)


def test_a_request_is_never_aimed_where_it_forbids():
    """The next one that is good enough is asked."""
    world = FakeWorld(shares=SHARES)
    world.play(MEASURED, Ask(forbids=frozenset({"bob"})))
    assert sent(world) == ["a"]
