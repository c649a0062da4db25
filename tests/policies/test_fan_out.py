"""Several at once."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.core import Judge
from simroute.policies.fan_out import FanOut
from simroute.testing.script import Step, play

ALL = ("a", "b", "c")
SECONDS = {"a": 3.0, "b": 1.0, "c": 2.0}
JUDGE = Judge(latency=0.5)


def reply(call, n):
    return Reply(seconds=SECONDS[call.target])


def world_of(**more):
    return FakeWorld(**({"reply": reply} | more))


def test_all_are_asked_at_once_and_the_first_answer_is_taken():
    """b is the fastest; the others are given up then."""
    log = play(
        {"fan_out": FanOut(("a", "b", "c"))},
        {"a": [Step(3.0)], "b": [Step(1.0)], "c": [Step(2.0)]},
        abandoned="stops",
    )
    assert log.requests[0] == ("ok", "b", 1.0)
    assert log.attempts == [
        (0.0, "a", 1, 499, 1.0),
        (0.0, "b", 2, 200, 1.0),
        (0.0, "c", 3, 499, 1.0),
    ]


def test_a_failure_is_no_answer():
    """b fails first, so c's answer is taken; where all fail, the last failure is returned."""
    failing = {"b": 503, "a": 500}
    world = world_of(
        reply=lambda call, n: Reply(failing.get(call.target, 200), SECONDS[call.target])
    )
    ((end, outcome),) = world.play(FanOut(ALL), Ask())
    assert (end, outcome.target) == (2.0, "c")
    ((end, outcome),) = world.play(FanOut(("a", "b")), Ask(1, arrival=10.0))
    assert (end, outcome.status) == (13.0, 500)


def test_the_first_token_decides_for_streamed_answers():
    """And the rest of that answer is handed on."""
    world = world_of(reply=lambda call, n: Reply(seconds=SECONDS[call.target], rest=9.0))
    ((end, outcome),) = world.play(FanOut(ALL), Ask(streamed=True))
    assert (end, outcome.target) == (10.0, "b")


@pytest.mark.parametrize(
    ("said", "end", "target"),
    [
        ({"a": 1, "b": 2, "c": 2}, 2.0, "b"),  # two of three are enough
        ({"a": 1, "b": 2, "c": 1}, 3.0, "a"),
        ({"a": 1, "b": 2, "c": 3}, 3.0, "a"),  # equal votes: who stands first
    ],
)
def test_a_majority_is_taken_as_soon_as_it_cannot_change(said, end, target):
    """The first in line of those who agree gives the answer."""
    world = world_of(concluded={name: [word] for name, word in said.items()})
    ((ended, outcome),) = world.play(FanOut(ALL, "majority"), Ask())
    assert (ended, outcome.target) == (end, target)
    assert world.events == [(end, "chosen")]


def test_a_majority_reads_whole_answers():
    """Streams of 5 s more."""
    world = world_of(
        reply=lambda call, n: Reply(seconds=1.0, rest=5.0), concluded={name: [1] for name in ALL}
    )
    ((end, outcome),) = world.play(FanOut(ALL, "majority"), Ask(streamed=True))
    assert (end, outcome.rest) == (6.0, None)


def test_failures_have_no_vote():
    """b fails; a and c say different things, so the first in line counts."""
    world = world_of(
        reply=lambda call, n: Reply(503 if call.target == "b" else 200, SECONDS[call.target]),
        concluded={"a": [1], "c": [2]},
    )
    ((end, outcome),) = world.play(FanOut(ALL, "majority"), Ask())
    assert (end, outcome.target) == (3.0, "a")


@pytest.mark.parametrize(
    ("verdicts", "end", "target"),
    [([True], 1.5, "b"), ([False, True], 2.5, "c"), ([False, False, False], 3.5, "a")],
)
def test_the_first_answer_that_the_judge_accepts_is_taken(verdicts, end, target):
    """Each is judged when it comes; with none accepted, the first in line counts."""
    world = world_of(judged=verdicts)
    ((ended, outcome),) = world.play(FanOut(ALL, "accepted", JUDGE), Ask())
    assert (ended, outcome.target) == (end, target)


def test_where_all_fail_nobody_is_asked_what_they_come_to():
    """The last failure is returned."""
    world = world_of(reply=lambda call, n: Reply(503, SECONDS[call.target]))
    ((end, outcome),) = world.play(FanOut(ALL, "majority"), Ask())
    assert (end, outcome.status, world.events) == (3.0, 503, [])


@pytest.mark.parametrize(
    ("forbids", "asked"),
    [({"bob"}, ["a", "c"]), ({"ann", "bob"}, ["c"]), ({"ann", "bob", "cat"}, [])],
)
def test_nobody_is_asked_that_the_request_forbids(forbids, asked):
    """One that is left is asked alone, and none is a refusal."""
    world = world_of()
    ((_, outcome),) = world.play(FanOut(ALL), Ask(forbids=frozenset(forbids)))
    assert [target for _, target in world.sent] == asked
    assert outcome.status == (200 if asked else 403)


def test_a_call_that_was_aimed_is_sent_there_alone():
    """As is a trial that wants a single send."""
    world = world_of()
    world.play(FanOut(ALL), Ask(), aim="c")
    assert world.sent == [(0.0, "c")]


def test_whom_it_asks_live_is_what_it_takes():
    """Nobody for the first."""
    assert [FanOut(take=take).asks for take in ("first", "majority", "accepted")] == [
        (),
        ("conclusion",),
        ("judge",),
    ]
