"""By the task that a request seems to be."""

import pytest

from fakes import Ask, FakeWorld
from simroute.core import Classifier
from simroute.policies.classify import Classify

SLOW = Classifier(latency=0.5)
POLICY = Classify(tasks={"extract": "cheapest", "chat": "b"}, classifier=SLOW)


def sent(world):
    return [target for _, target in world.sent]


def test_the_task_that_the_classifier_says_counts():
    """An extraction that is taken for a chat goes where chats go, after the classifier's time."""
    world = FakeWorld(taken_for={"extract": "chat"})
    ((end, outcome),) = world.play(POLICY, Ask(task="extract"))
    assert (end, outcome.target, world.sent) == (1.5, "b", [(0.5, "b")])


def test_without_a_classifier_the_label_counts_at_once():
    """Nobody is asked."""
    world = FakeWorld(taken_for={"extract": "chat"})
    policy = Classify(tasks={"extract": "cheapest"}, classifier=None)
    world.play(policy, Ask(task="extract"), Ask(task="chat"))
    assert world.sent == [(0.0, "c"), (0.0, "a")]
    assert policy.asks == ()


def test_tasks_that_are_not_listed_go_to_the_default():
    """Whatever the classifier makes of them."""
    world = FakeWorld(taken_for={"chat": "poem"})
    world.play(POLICY, Ask(task="chat"))
    assert sent(world) == ["a"]


@pytest.mark.parametrize(("forbids", "asked"), [({"cat"}, ["a"]), ({"ann", "cat"}, ["b"])])
def test_a_request_is_never_aimed_where_it_forbids(forbids, asked):
    """The first that it permits is asked instead."""
    world = FakeWorld()
    world.play(POLICY, Ask(task="extract", forbids=frozenset(forbids)))
    assert sent(world) == asked


def test_a_request_that_forbids_all_is_refused():
    """With 403, and nobody hears of it."""
    world = FakeWorld()
    ((_, outcome),) = world.play(POLICY, Ask(forbids=frozenset({"ann", "bob", "cat"})))
    assert (outcome.status, outcome.by, world.sent) == (403, "classify", [])


def test_a_call_that_was_aimed_stays_aimed_and_is_not_classified():
    """A fallback outside walks its own list."""
    world = FakeWorld()
    world.play(POLICY, Ask(task="extract"), aim="b")
    assert world.sent == [(0.0, "b")]


@pytest.mark.parametrize(
    ("coin", "said"), [(0.0, "b"), (0.049, "b"), (0.051, "c"), (0.099, "c"), (0.11, "a")]
)
def test_errors_are_spread_evenly_over_the_other_tasks(coin, said):
    """Of a tenth, each of two others gets half."""
    assert Classifier(0.9).says("a", ["a", "b", "c"], coin) == said


def test_a_confusion_says_what_a_task_is_taken_for():
    """The row of the matrix; what it does not list is told rightly, as is an only task."""
    classifier = Classifier(0.5, {"a": {"c": 0.2, "a": 0.8}})
    assert [classifier.says("a", ["a", "b", "c"], coin) for coin in (0.19, 0.21, 0.99)] == [
        "c",
        "a",
        "a",
    ]
    assert Classifier(0.0).says("a", ["a"], 0.0) == "a"
