"""State by names that callers choose."""

import pickle

from fakes import Ask, FakeWorld
from simroute.gauges.newest import MOST_NAMES, Newest
from simroute.policies.limit import Limit, Rates


def test_beyond_its_bound_the_first_goes():
    """What was set first is forgotten first."""
    kept: Newest[str, int] = Newest(2)
    for name in "abab":  # set again, a name keeps its place
        kept[name] = 1
    assert list(kept) == ["a", "b"]
    kept["c"] = 1
    assert list(kept) == ["b", "c"]


def test_it_goes_to_another_process_as_it_is():
    """With its bound, and what it has in its order."""
    kept: Newest[str, int] = Newest(2)
    kept["b"], kept["a"] = 1, 2
    again = pickle.loads(pickle.dumps(kept))
    assert list(again.items()) == [("b", 1), ("a", 2)]
    again["c"] = 3
    assert list(again) == ["a", "c"]


def test_a_caller_who_makes_up_users_takes_no_more_room_for_ever():
    """Ten thousand users are told apart, whoever else is named."""
    policy = Limit(rpm=2, wait=0.0, each="user", rates={"ann": Rates(rpm=10)})
    FakeWorld().play(policy, *(Ask(id=i, user=f"user {i}") for i in range(MOST_NAMES + 50)))
    assert len(policy._meters) == MOST_NAMES
