"""Tests of the layer in polite.py. `simroute.testing` has what they need: a check of the rules, and
providers that answer as they are told."""

from polite import Polite

from simroute.testing import Step, check_policy, play


def test_it_keeps_the_rules() -> None:
    """No clock of its own, nothing leaked when a call is given up, streamed answers handed on: an
    empty list is good news."""
    assert check_policy(Polite()) == []


def test_it_waits_and_asks_once_more() -> None:
    """Overloaded after half a second, then well: the second try starts two seconds later and takes
    one."""
    log = play({"polite": Polite(wait=2.0)}, {"a": [Step(0.5, 529), Step(1.0)]})
    assert [(start, status) for start, _, _, status, _ in log.attempts] == [(0.0, 529), (2.5, 200)]
    assert log.requests[0] == ("ok", "a", 3.5)


def test_other_errors_are_not_its_business() -> None:
    """A status 500 goes back to whoever stands outside, at once."""
    log = play({"polite": Polite()}, {"a": [Step(0.5, 500)]})
    assert log.requests[0] == ("failed", "a", 0.5)
