"""What the trials of a half-open breaker decide, in bare numbers."""

import math

import pytest

from simroute.gauges.breaker_rules import BreakerRules
from simroute.gauges.trials import Permit, Trials


def trials(limit=math.inf, **rules):
    return Trials(BreakerRules(**rules), limit)


def taken(each, now=0.0):
    return each.take(Permit(1, now, True))


@pytest.mark.parametrize(
    ("rules", "results", "verdict"),
    [
        ({}, "", None),
        ({}, "+", True),
        ({}, "-", False),
        ({"successes": 2}, "+", None),
        ({"successes": 2}, "++", True),
        ({"successes": 2}, "+-", False),
        ({"successes": 2, "trial_failures": 1}, "-+", None),
        ({"successes": 2, "trial_failures": 1}, "-+-", False),
        ({"successes": 2, "trial_failures": 1}, "-++", True),
        ({"trial_calls": 4, "rate": 0.5}, "---", None),
        ({"trial_calls": 4, "rate": 0.5}, "--++", False),
        ({"trial_calls": 4, "rate": 0.5}, "-+++", True),
        ({"trial_calls": 4, "rate": 0.5, "min_calls": 2}, "-+", False),
        ({"trial_calls": 3, "trial_failures": 1}, "-++", True),
        ({"trial_calls": 3, "trial_failures": 1}, "--+", False),
        ({"trial_calls": 2, "rate": 0.5, "slow_after": 1.0, "slow_rate": 0.5}, "+s", False),
        ({"trial_calls": 2, "rate": 0.5, "slow_after": 1.0, "slow_rate": 0.6}, "+s", True),
    ],
)
def test_results_decide_by_their_number_or_together(rules, results, verdict):
    """+ a success, - a failure, s a slow success; None: nothing is decided yet."""
    each = trials(**rules)
    for result in results:
        each.count(result == "-", result == "s")
    assert each.verdict() is verdict


def test_room_is_of_those_under_way():
    """Whoever ends or is given back makes room, once; others elsewhere take some."""
    each = trials(probes=2)
    first, second = taken(each), taken(each)
    assert not each.has_room()
    each.give_back(first)
    each.give_back(first)
    assert each.given == 1
    assert each.has_room()
    assert each.end(second)
    assert not each.end(second)
    each.elsewhere = 2
    assert each.given == 0
    assert not each.has_room()


def test_room_of_a_whole_spell_is_used_up():
    """With trials_in_all an answer makes no room, a trial that is given back does; there is room
    for as many as a verdict needs."""
    each = trials(probes=1, successes=2, trials_in_all=True)
    first, second = taken(each), taken(each)
    each.end(first)
    assert not each.has_room()
    each.give_back(second)
    assert each.has_room()
    each.begin()
    assert each.given == 0


def test_the_oldest_runs_out_first():
    """Each after the limit, counted from when it was given."""
    each = trials(limit=5.0, probes=3)
    assert each.due == math.inf
    taken(each, 10.0), taken(each, 12.0)
    assert each.due == 15.0
    each.expire()
    assert each.due == 17.0
    assert each.given == 1
