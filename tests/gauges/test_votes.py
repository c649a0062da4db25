"""Who wins, and when it is decided."""

import pytest

from simroute.core import Outcome
from simroute.gauges.votes import Panel, Votes


def votes(line, *said):
    made = Votes(line)
    for voter, conclusion in said:
        made.add(voter, conclusion)
    return made


@pytest.mark.parametrize(
    ("said", "winner"),
    [
        ([("a", 1), ("b", 2), ("c", 2)], "b"),
        ([("c", 2), ("b", 2), ("a", 1)], "b"),
        ([("b", 2), ("a", 1)], "a"),
        ([("b", None), ("c", 3)], "c"),
        ([("a", None), ("b", None), ("c", None)], None),
        ([], None),
    ],
)
def test_the_first_in_line_of_the_most_wins(said, winner):
    """Whoever spoke first; at equal votes the one who stands first; without a conclusion nobody."""
    assert votes("abc", *said).winner == winner


@pytest.mark.parametrize(
    ("line", "said", "over"),
    [
        ("abc", [("a", 1)], False),
        ("abc", [("a", 1), ("c", 1)], True),
        ("abc", [("a", 1), ("b", 2)], False),
        ("abc", [("a", 1), ("b", None)], False),
        ("abcde", [("a", 1), ("b", 1), ("c", 2)], False),
        ("abcde", [("a", 1), ("b", 1), ("c", 1)], True),
        ("abcde", [("a", 1), ("b", 1), ("c", None), ("d", 1)], True),
        ("ab", [("a", None), ("b", None)], True),
        ("ab", [("a", 1)], False),
    ],
)
def test_it_is_over_when_nobody_left_can_change_it(line, said, over):
    """All have voted, or the lead is larger than the rest."""
    assert votes(line, *said).is_over == over


def test_a_panel_is_over_when_enough_say_the_same():
    """With two that must: a vote without a conclusion and two different ones do not end it."""
    panel = Panel("abcd", 2)
    over = []
    for voter, said in {"a": None, "b": 1, "c": 2, "d": 1}.items():
        panel.add(voter, said)
        over.append(panel.is_over)
    assert over == [False, False, False, True]


def test_a_panel_without_a_number_is_over_like_votes():
    """Two of three agree."""
    panel = Panel("abc")
    panel.add("a", 1)
    assert not panel.is_over
    panel.add("c", 1)
    assert panel.is_over


def test_the_first_in_line_who_answered_is_usable():
    """Whoever answered first; nobody before anybody has."""
    panel = Panel("abc")
    assert panel.usable is None
    for voter in "cb":
        panel.answers[voter] = Outcome(200, voter)
    assert panel.usable == "b"
