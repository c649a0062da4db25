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


# -- more than two steps ---------------------------------------------------------------------------

STEPS = Cascade(steps=("c", "b", "a"), judge=QUICK)


@pytest.mark.parametrize(
    ("verdicts", "end", "asked"),
    [([True], 3.0, "c"), ([False, True], 6.0, "cb"), ([False, False], 7.0, "cba")],
)
def test_each_step_is_asked_when_the_one_before_is_refused(verdicts, end, asked):
    """A second for each answer, two for each verdict; the last is not judged."""
    world = FakeWorld(judged=verdicts)
    ((ended, outcome),) = world.play(STEPS, Ask())
    assert (ended, outcome.target, targets(world)) == (end, asked[-1], list(asked))
    assert words(world) == ["escalated"] * (len(asked) - 1)


def test_two_steps_are_what_cheap_and_strong_are():
    """The same sends at the same times, the same events, whatever the judge says."""
    for verdicts in ([True, False, True], [False, False, False]):
        worlds = [FakeWorld(judged=list(verdicts)) for _ in range(2)]
        asks = [Ask(number, arrival=7.0 * number) for number in range(3)]
        two = Cascade(steps=("cheapest", "first"), judge=QUICK)
        ends = [
            world.play(policy, *asks)
            for world, policy in zip(worlds, (Cascade(judge=QUICK), two), strict=True)
        ]
        assert worlds[0].sent == worlds[1].sent
        assert worlds[0].events == worlds[1].events
        assert ends[0] == ends[1]


def test_the_latest_answer_before_a_failure_is_better_than_none():
    """b was refused as well, and is given when a fails."""
    world = FakeWorld(lambda call, n: Reply(529 if call.target == "a" else 200), judged=[False] * 2)
    ((_, outcome),) = world.play(STEPS, Ask())
    assert (outcome.ok, outcome.target, words(world)[-1]) == (True, "b", "degraded")


def test_a_failed_step_is_not_judged_and_the_next_one_is():
    """c fails, b is judged, accepted and given."""
    world = FakeWorld(lambda call, n: Reply(503 if call.target == "c" else 200), judged=[True])
    ((end, outcome),) = world.play(STEPS, Ask())
    assert (end, outcome.target, len(world.seen)) == (4.0, "b", 1)


def test_each_step_may_have_a_judge_of_its_own():
    """One of 1 s, and one of 4 s for the second."""
    policy = Cascade(steps=("c", "b", "a"), judges=(Judge(latency=1.0), Judge(latency=4.0)))
    world = FakeWorld(judged=[False, True])
    ((end, _),) = world.play(policy, Ask())
    assert end == 7.0


@pytest.mark.parametrize(
    ("forbidden", "asked"),
    [
        ({"bob"}, ["c", "a"]),
        ({"cat"}, ["b", "a"]),
        ({"ann", "bob"}, ["c"]),
        ({"ann", "bob", "cat"}, [None]),
    ],
)
def test_forbidden_targets_are_no_steps(forbidden, asked):
    """The others keep their order."""
    world = FakeWorld(judged=[False] * 2)
    world.play(STEPS, Ask(forbids=frozenset(forbidden)))
    assert targets(world) == asked


# -- escalations on a budget -----------------------------------------------------------------------


def test_no_more_than_the_share_of_a_minute_s_calls_is_escalated():
    """A judge who refuses all, a share of .25: the fourth call of a minute is the first that may be
    asked again; then the eighth."""
    world = FakeWorld(judged=[False] * 8)
    policy = Cascade(judge=QUICK, max_escalated=0.25)
    world.play(policy, *(Ask(number, arrival=7.0 * number) for number in range(8)))
    assert words(world) == ["kept"] * 3 + ["escalated"] + ["kept"] * 3 + ["escalated"]


def test_failures_are_escalated_all_the_same():
    """There is no answer to keep."""
    world = FakeWorld(lambda call, n: Reply(503 if call.target == "c" else 200))
    world.play(Cascade(max_escalated=0.0), Ask())
    assert words(world) == ["escalated"]


# -- samples in place of a judge -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "agreement", "asked"),
    [
        ([1, 1, 1], 1.0, "ccc"),
        ([1, 2, 1], 1.0, "ccca"),
        ([1, 2, 1], 0.66, "ccc"),
        ([1, 2, 3], 0.66, "ccca"),
    ],
)
def test_samples_that_agree_are_accepted(said, agreement, asked):
    """Three answers of the cheap target at once, and nobody is asked to judge them."""
    world = FakeWorld(concluded={"c": list(said)})
    ((end, outcome),) = world.play(Cascade(samples=3, agreement=agreement), Ask())
    assert (targets(world), outcome.target) == (list(asked), asked[-1])
    assert end == (1.0 if asked == "ccc" else 2.0)
    assert world.seen == []


def test_samples_that_fail_agree_with_none():
    """Two of three failed: one vote of three; where all failed, the next step is asked."""
    for failing, last in ((2, "a"), (3, "a")):
        world = FakeWorld(
            lambda call, n, failing=failing: Reply(503 if n < failing else 200),
            concluded={"c": [1]},
        )
        ((_, outcome),) = world.play(Cascade(samples=3, agreement=0.5), Ask())
        assert (outcome.target, words(world)) == (last, ["escalated"])


def test_whom_it_asks_live():
    """A judge; or what answers come to."""
    assert (Cascade().asks, Cascade(samples=2).asks) == (("judge",), ("conclusion",))
