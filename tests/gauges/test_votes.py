"""Who wins, and when it is decided."""

import pytest

from simroute.gauges.votes import Votes


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
