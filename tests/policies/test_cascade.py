"""Cheap first, strong when a judge says no."""

import pytest

from fakes import A, Ask, FakeWorld, Reply
from simroute.core import Judge
from simroute.policies.cascade import Cascade

QUICK = Judge(latency=2.0)


def targets(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def words(world: FakeWorld) -> list[str]:
    return [event for _, event in world.events]


def test_an_accepted_cheap_answer_is_the_answer():
    """The cheap target and the judge are waited for, and nobody else is asked."""
    world = FakeWorld(judged=[True])
    ((end, outcome),) = world.play(Cascade(judge=QUICK), Ask())
    assert (end, outcome.target, targets(world), words(world)) == (3.0, "c", ["c"], [])


def test_a_refused_cheap_answer_escalates():
    """When the judge says no, the strong target is asked, after the judge's time."""
    world = FakeWorld(judged=[False])
    ((end, outcome),) = world.play(Cascade(judge=QUICK), Ask())
    assert (end, outcome.target, world.sent) == (4.0, "a", [(0.0, "c"), (3.0, "a")])
    assert world.events == [(3.0, "escalated")]


def test_a_failed_cheap_call_escalates_without_a_judge():
    """There is nothing to judge about a 503."""
    world = FakeWorld(lambda call, n: Reply(503 if call.target == "c" else 200))
    ((_, outcome),) = world.play(Cascade(), Ask())
    assert (outcome.target, targets(world), world.seen) == ("a", ["c", "a"], [])


def test_a_refused_answer_is_better_than_none():
    """If the strong target fails, the cheap answer is given after all, and that is recorded."""
    world = FakeWorld(lambda call, n: Reply(200 if call.target == "c" else 529), judged=[False])
    ((_, outcome),) = world.play(Cascade(judge=QUICK), Ask())
    assert (outcome.ok, outcome.target, words(world)) == (True, "c", ["escalated", "degraded"])


def test_when_both_fail_the_strong_one_tells_why():
    """Two failures give the second one's status."""
    world = FakeWorld(lambda call, n: Reply(500 if call.target == "c" else 529))
    ((_, outcome),) = world.play(Cascade(), Ask())
    assert (outcome.status, words(world)) == (529, ["escalated"])


def test_the_judge_sees_complete_answers():
    """A streamed cheap answer is read to its end (1 s + 5 s) before it is judged, and is complete
    when handed on."""
    world = FakeWorld(lambda call, n: Reply(rest=5.0), judged=[True])
    ((end, outcome),) = world.play(Cascade(judge=QUICK), Ask(streamed=True))
    assert end == 8.0
    assert outcome.rest is None
    assert [seen.rest for seen in world.seen] == [None]


def test_a_cheap_stream_that_breaks_off_escalates():
    """A cheap answer that is cut after its first token was never handed on, so the cut can still be
    repaired."""
    world = FakeWorld(lambda call, n: Reply(502 if call.target == "c" else 200, rest=1.0))
    ((_, outcome),) = world.play(Cascade(), Ask(streamed=True))
    assert (outcome.ok, outcome.target) == (True, "a")


def test_other_tasks_pass_through():
    """Only the tasks that are listed go to the cheap target."""
    world = FakeWorld(judged=[True])
    world.play(Cascade(tasks=("extract",)), Ask(task="chat"), Ask(task="extract"))
    assert targets(world) == [None, "c"]


def test_one_deployment_is_no_cascade():
    """Where the cheapest is also the first, calls pass through unaimed and unjudged."""
    world = FakeWorld(known=(A,))
    world.play(Cascade(), Ask())
    assert (targets(world), world.seen) == ([None], [])


@pytest.mark.parametrize(
    ("forbidden", "asked"), [({"ann"}, ["c"]), ({"cat"}, ["a"]), ({"ann", "cat"}, [None])]
)
def test_a_request_is_never_aimed_where_it_forbids(forbidden, asked):
    """With one of the two forbidden, the other is asked alone; with both, the layers inside
    choose."""
    world = FakeWorld(judged=[False])
    world.play(Cascade(), Ask(forbids=frozenset(forbidden)))
    assert targets(world) == asked


def test_a_call_that_was_shifted_to_the_cheap_target_stays_there():
    """A budget outside may aim at the cheap target; escalating would spend what it wanted to
    save."""
    world = FakeWorld(judged=[False])
    world.play(Cascade(), Ask(), aim="c")
    assert (targets(world), world.seen) == (["c"], [])


@pytest.mark.parametrize("auroc", [0.0, 0.5, 0.627, 0.9, 1.0])
def test_a_judge_s_thresholds_trace_a_curve_of_its_auroc(auroc):
    """The mean share of right answers accepted, over 10,000 even shares of wrong ones, is the area,
    and grows with them."""
    curve = [
        Judge(auroc=auroc, false_accept=(i + 0.5) / 10_000).accepts(True) for i in range(10_000)
    ]
    assert sum(curve) / len(curve) == pytest.approx(auroc, abs=0.001)
    assert curve == sorted(curve)
    assert Judge(auroc=auroc, false_accept=0.3).accepts(False) == 0.3


def test_a_judge_without_a_score_has_the_shares_stated():
    """And a threshold beyond all scores accepts nothing, or everything, whatever the score is
    worth."""
    assert (Judge(0.7, 0.2).accepts(True), Judge(0.7, 0.2).accepts(False)) == (0.7, 0.2)
    assert [Judge(auroc=0.7, false_accept=end).accepts(True) for end in (0.0, 1.0)] == [0.0, 1.0]
