"""By predicted quality and cost."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.core import Predictor
from simroute.gauges.dual_price import Pace
from simroute.policies.predict import Predict

PREDICTED = {"a": 0.95, "b": 0.9, "c": 0.6}
"""An answer of 100 tokens to 1,000 costs 13 (a), 6.5 (b) and 1.2 (c) thousandths of a USD."""
QUICK = Predictor(latency=0.0)


def world_of(**more):
    return FakeWorld(predicted=PREDICTED, **more)


def sent(world):
    return [target for _, target in world.sent]


@pytest.mark.parametrize(
    ("worth", "target"), [(None, "a"), (1.0, "a"), (0.1, "b"), (0.01, "c"), (0.0, "c")]
)
def test_what_a_right_answer_is_worth_decides(worth, target):
    """a is .05 better than b for USD .0065: worth it from USD .13 on; b than c from .0177 on. 800
    tokens may come, of which an eighth is expected: 100."""
    world = world_of()
    world.play(Predict(willingness_to_pay=worth, predictor=QUICK), Ask())
    assert sent(world) == [target]


@pytest.mark.parametrize(
    ("most", "target"), [(0.0131, "a"), (0.0129, "b"), (0.005, "c"), (0.0, "c")]
)
def test_no_call_is_to_cost_more_than_its_most(most, target):
    """If all cost more, it is the cheapest."""
    world = world_of()
    world.play(Predict(max_cost=most, predictor=QUICK), Ask())
    assert sent(world) == [target]


def test_answers_are_expected_to_be_as_long_as_lately():
    """One of 700 tokens makes b cost .0155: more than .013, so c is asked from then on."""
    world = world_of(reply=lambda call, n: Reply(output_tokens=700))
    policy = Predict(targets=("b", "c"), max_cost=0.013, predictor=QUICK)
    world.play(policy, Ask(0), Ask(1, arrival=10.0), Ask(2, arrival=10.0, task="other"))
    assert sent(world) == ["b", "c", "b"]


def test_a_target_of_which_nothing_is_said_is_asked_only_without_others():
    """And where nothing is said at all the first is."""
    world = FakeWorld(predicted={"c": 0.1})
    world.play(Predict(predictor=QUICK), Ask(0), Ask(1, forbids=frozenset({"cat"})))
    assert sent(world) == ["c", "a"]


def test_the_predictor_takes_its_time_unless_there_is_no_choice():
    """Two targets forbidden: the third is asked at once."""
    world = world_of()
    policy = Predict(predictor=Predictor(latency=0.5))
    world.play(policy, Ask(0), Ask(1, forbids=frozenset({"ann", "bob"})))
    assert world.sent == [(0.0, "c"), (0.5, "a")]


def test_a_call_that_was_aimed_stays_aimed():
    """Nothing is predicted."""
    world = world_of()
    world.play(Predict(predictor=Predictor(latency=0.5)), Ask(), aim="c")
    assert world.sent == [(0.0, "c")]


def calls(count, every=1.0):
    return [Ask(number, arrival=number * every) for number in range(count)]


def test_the_price_of_a_budget_moves_work_to_the_cheaper_target():
    """USD .01 a minute; an answer of a costs USD .013. When the first has cost that, .78 of what
    may be ahead is overdrawn, so a usual call gives up that much: c is asked until it is worked
    off."""
    world = world_of(reply=lambda call, n: Reply(usd=0.013 if call.target == "a" else 0.0))
    pace = Pace(0.01, period=60.0, ahead=100.0)
    world.play(Predict(targets=("a", "c"), predictor=QUICK, pace=pace), *calls(60, 2.0))
    first = sent(world)
    assert first[0] == "a"
    assert 0 < first.count("a") * 0.013 <= 0.01 * (120 + 100) / 60
    assert first.count("c") > 30


def test_a_target_s_own_budget_moves_its_work_alone():
    """a has one, b has none."""
    world = world_of(reply=lambda call, n: Reply(usd=1.0))
    pace = Pace(by_target={"first": 0.001}, period=60.0, ahead=10.0)
    world.play(Predict(predictor=QUICK, pace=pace), *calls(4, 2.0))
    assert sent(world) == ["a", "b", "b", "b"]


def test_a_hard_budget_refuses_what_is_beyond_until_the_next_period():
    """USD 1 a minute, and each answer costs all of it."""
    world = world_of(reply=lambda call, n: Reply(usd=1.0))
    policy = Predict(predictor=QUICK, pace=Pace(1.0, period=60.0, hard=True))
    ends = world.play(policy, *calls(3, 25.0), Ask(9, arrival=61.0))
    assert [outcome.status for _, outcome in ends] == [200, 402, 402, 200]
    assert [end for end, _ in ends] == [1.0, 25.0, 50.0, 62.0]


def test_a_hard_budget_of_a_target_leaves_it_out():
    """Others are asked meanwhile."""
    world = world_of(reply=lambda call, n: Reply(usd=1.0))
    pace = Pace(by_target={"a": 1.0}, period=60.0, ahead=1e9, hard=True)
    world.play(Predict(predictor=QUICK, pace=pace), *calls(3, 25.0))
    assert sent(world) == ["a", "b", "b"]


def test_what_was_given_up_counts_for_the_budget_too():
    """A copy of USD 1 was billed when its caller left, so nothing is left for the next."""
    world = world_of()

    def reply(call, n):
        world.bills[call.request.id] += 1.0  # as it is sent
        return Reply()

    world.reply = reply
    policy = Predict(predictor=QUICK, pace=Pace(1.0, period=60.0, hard=True))
    world.play(policy, Ask(0), give_up=0.5)
    ((_, outcome),) = world.play(policy, Ask(1, arrival=2.0))
    assert (outcome.status, outcome.by) == (402, "predict")
