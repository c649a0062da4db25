"""Who is next."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fakes import Ask
from simroute.gauges.line import Line, Order
from simroute.gauges.slots import FixedLimit, Slots


def served(order, *users, count=None):
    """The users in the order in which they go, when all of them wait."""
    line = Line(order)
    for number, user in enumerate(users):
        line.join((user, number), Ask(user=user, task=user))
    return "".join(line.pop()[0] for _ in range(len(line) if count is None else count))


def test_first_come_first_served():
    """Unless something else is said."""
    assert served(Order(), *"aaabbc") == "aaabbc"


def test_turns_by_weight():
    """Three callers, whoever asks most; and one of twice the weight goes twice as often."""
    assert served(Order(fair="user"), *"aaaaabbc") == "abcabaaa"
    heavy = served(Order(fair="user", weights={"b": 2.0}), *("a" * 60 + "b" * 60), count=60)
    assert Counter(heavy) == {"a": 20, "b": 40}


def test_the_urgent_go_first_and_take_turns_among_themselves():
    """b and c before a, which has a higher class."""
    order = Order(fair="user", urgent="task", classes={"a": 1})
    assert served(order, *"aabbbc") == "bcbbaa"


def test_who_comes_after_a_pause_has_saved_nothing_up():
    """a alone is let in ten times while its line never empties; then b comes: they alternate."""
    line = Line(Order(fair="user"))
    for number in range(20):
        line.join(("a", number), Ask(user="a"))
    for _ in range(10):
        line.pop()
    for number in range(5):
        line.join(("b", number), Ask(user="b"))
    assert "".join(line.pop()[0] for _ in range(10)) in ("ab" * 5, "ba" * 5)


def test_those_who_go_away_have_used_nothing():
    """a's first ten leave before their turn: b is not ahead for it."""
    line = Line(Order(fair="user"))
    for number in range(20):
        line.join(("a", number), Ask(user="a"))
    for number in range(10):
        assert line.leave(("a", number))
    assert not line.leave(("a", 0))
    for number in range(3):
        line.join(("b", number), Ask(user="b"))
    assert "".join(line.pop()[0] for _ in range(6)) == "ababab"


def test_beyond_the_most_that_may_wait_the_least_urgent_goes():
    """Then the latest of whom most wait; perhaps it is the one who came."""
    line = Line(Order(fair="user", urgent="task", classes={"low": 5}, most=3))
    assert line.join("1", Ask(user="a", task="low")) is None
    assert line.join("2", Ask(user="b")) is None
    assert line.join("3", Ask(user="b")) is None
    assert line.join("4", Ask(user="c")) == "1"
    assert line.join("5", Ask(user="c")) == "5"
    assert line.join("6", Ask(user="d")) == "3"
    assert [line.pop() for _ in range(len(line))] == ["2", "4", "6"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60))
def test_shares_differ_by_at_most_one_while_all_wait(steps):
    """Those who have always had somebody in the line are let in equally often, to one; and whoever
    is let in had come."""
    line, number, went = Line(Order(fair="user")), 0, Counter()
    for user in "abc" * 80:
        number += 1
        line.join((user, number), Ask(user=user))
    for user, pops in steps:
        number += 1
        line.join((user, number), Ask(user=user))
        for _ in range(pops):
            went[line.pop()[0]] += 1
    assert max(went.values(), default=0) - min(went[user] for user in "abc") <= 1


def test_a_slot_is_passed_on_and_never_lost():
    """One slot: the second waits, has it when the first ends; one who leaves without having heard
    gives it back."""
    slots = Slots(FixedLimit(1), Order())
    assert slots.enter()
    assert not slots.enter()
    slots.wait("b", Ask())
    slots.wait("c", Ask())
    assert slots.let_in() == []
    slots.end()
    assert (slots.let_in(), slots.enter()) == (["b"], False)
    slots.leave("b")
    assert slots.let_in() == ["c"]
    slots.take("c")
    slots.leave("c")
    assert slots.busy == 1
    slots.end()
    assert slots.enter()
