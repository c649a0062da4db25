"""What a tornado says, from figures made up by hand."""

import pytest

from simroute.studies.sensitivity.table import short_table
from simroute.studies.sensitivity.tornado_lines import MOST_NAMES, tornado_lines

COST = "cost_per_1k_requests_usd"


def winner(policy, *rivals, by="cost"):
    return {"policy": policy, "by": by, "sure": not rivals, "rivals": list(rivals)}


def interval(mean, low, high):
    return {"mean": mean, "low": low, "high": high}


BEHIND = interval(-0.01, -0.0123, -0.0077)
"""The second's success minus the first's: the first leads by 1.00 points, 0.77 to 1.23."""


def assumption(key, low, high, flips=False, difference=BEHIND):
    """One tried at 1 and 4, with these winners there."""
    ends = {"low": (1.0, low), "high": (4.0, high)}
    return {
        "key": f"scenario.{key}",
        "value": 2.0,
        "effect": 0.0,
        "flips": flips,
        **{
            end: {"value": value, "difference": difference, "winner": best, "first": 1.0}
            for end, (value, best) in ends.items()
        },
    }


def summary(*assumptions, best=None, metric="slo_attainment", difference=BEHIND):
    base = {
        "winner": best or winner("a"),
        "pair": ["a", "b"],
        "metric": metric,
        "difference": difference,
    }
    return {"kind": "tornado", "base": base, "assumptions": list(assumptions)}


def said(*assumptions, **base):
    """All sentences as one text."""
    return " ".join(tornado_lines(summary(*assumptions, **base)))


def column(study, head):
    (cells,) = (each.cells for each in short_table(study)[2] if each.head == head)
    return list(cells)


SURE = assumption("rate", winner("a"), winner("a"))


@pytest.mark.parametrize("doubtful", [winner("a", "b"), winner("b", "a")])
def test_an_end_that_is_not_sure_is_open_whoever_leads_there(doubtful):
    """It is not said that nothing changes; the table has it too."""
    study = summary(SURE, assumption("share", winner("a"), doubtful))
    text = " ".join(tornado_lines(study))
    assert "1 assumption leaves it open who wins: share." in text
    assert "No assumption alone" not in text
    assert column(study, "another wins") == ["", "open"]


def test_nothing_changes_the_winner_only_where_all_ends_are_sure():
    """And of no assumption nothing is said."""
    assert "No assumption alone changes who wins." in said(SURE)
    assert "No assumption" not in said()


def test_one_end_that_is_open_does_not_hide_that_another_flips():
    """It is counted once, as a change."""
    both = assumption("share", winner("a", "b"), winner("b"), flips=True)
    assert "Another policy wins if these are otherwise: share." in said(both)
    assert "open" not in said(both)


def test_what_is_open_as_assumed_is_not_called_a_win():
    """Both names, and how far ahead one is."""
    first = tornado_lines(summary(SURE, best=winner("a", "b")))[0]
    assert first.startswith("As assumed, it is open whether a wins or b; a is 1.00 points")


@pytest.mark.parametrize(
    ("metric", "difference", "text"),
    [
        ("slo_attainment", BEHIND, "1.00 points (0.77 to 1.23) better than b in success in time."),
        ("success_rate", interval(0.01, 0.0077, 0.0123), "1.00 points (0.77 to 1.23) worse than b"),
        (COST, interval(2.0, 1.5, 2.5), "$2.00 (1.50 to 2.50) cheaper than b for 1,000 requests."),
        (COST, interval(-2.0, -2.5, -1.5), "$2.00 (1.50 to 2.50) dearer than b"),
        (COST, interval(2.0, None, None), "cheaper than b"),
    ],
)
def test_a_difference_is_told_as_the_winners_lead(metric, difference, text):
    """Of success more is better, of cost less; the differences are the second's minus the
    first's."""
    assert text in tornado_lines(summary(metric=metric, difference=difference))[0]


def test_the_table_has_the_lead_with_its_sign():
    """One point ahead is +1 of success; of a cost, what the second costs more."""
    assert column(summary(SURE), "high") == ["4"]
    heads = [each.head for each in short_table(summary(SURE))[2]]
    assert "nobody keeps it" not in heads
    leads = [each.cells[0] for each in short_table(summary(SURE))[2] if each.head == "lead"]
    assert leads == ["+1.00 pp", "+1.00 pp"]


def test_it_is_said_where_nobody_surely_keeps_the_promise():
    """At an end, named with its value; as assumed, with the number of ends."""
    most = winner("a", by="success")
    study = summary(SURE, assumption("share", winner("a"), most))
    assert "Nobody surely keeps the promise with share at 4:" in " ".join(tornado_lines(study))
    assert column(study, "nobody keeps it") == ["", "high"]
    assert "Nobody" not in said(SURE)
    text = said(SURE, assumption("share", winner("a"), most), best=most)
    assert "Nobody surely keeps the promise as assumed or at 1 of the 4 ends:" in text


def test_a_long_list_is_cut_and_counted():
    """Three more than a sentence names."""
    many = [assumption(f"k{n}", winner("a"), winner("a", "b")) for n in range(MOST_NAMES + 3)]
    assert f"{MOST_NAMES + 3} assumptions leave it open who wins: k0, k1" in said(*many)
    assert f"k{MOST_NAMES - 1} and 3 more." in said(*many)


def test_prices_that_leave_success_as_it_is_are_told_to_move_only_the_cost():
    """All of them, some, and none where cost is what is told; a deployment may be called price."""
    moved = interval(-0.02, -0.03, -0.01)
    one = assumption("deployments.gpt-4.1.price", winner("a"), winner("a"))
    other = assumption("deployments.b.price", winner("a"), winner("a"), difference=moved)
    named = assumption("deployments.price.latency.base", winner("a"), winner("a"))
    assert "Prices move only the cost here, not success in time." in said(one, named)
    assert "These move only the cost, not success in time: deployments.gpt-4.1.price." in said(
        one, other, named
    )
    assert "only the cost" not in said(named, other)
    assert "only the cost" not in said(one, metric=COST)


def test_it_is_said_why_success_is_told_of_a_winner_by_cost():
    """It alone keeps the promise, or nobody does."""
    reason = "since as assumed only a surely keeps the promise"
    assert reason in said(SURE)
    assert reason not in said(SURE, best=winner("a", by="success"))
    assert reason not in said(SURE, metric=COST)
