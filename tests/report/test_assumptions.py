"""Pictures of assumptions, from figures made up by hand."""

import pytest
import yaml

from simroute.report.figures.assumed import study_question
from simroute.report.figures.sensitivity import COST, one_way
from simroute.report.figures.tornado import tornado

LONG = "deployments.some-long-name.latency.per_output_token"


def interval(mean, half=0.0):
    return {"mean": mean, "low": mean - half, "high": mean + half}


def winner(policy, *rivals):
    return {"policy": policy, "by": "cost", "sure": not rivals, "rivals": list(rivals)}


def effect(key, low, high, flips=False, winners=None):
    """An assumption that moves the difference to these two, with these winners there."""
    low_winner, high_winner = winners or (winner("a"), winner("a"))
    ends = {"low": (1.0, low, low_winner), "high": (4.0, high, high_winner)}
    return {
        "key": f"scenario.{key}",
        "value": 2.0,
        "effect": abs(high - low),
        "flips": flips,
        **{
            end: {"value": value, "difference": interval(mean, 0.1), "winner": best}
            for end, (value, mean, best) in ends.items()
        },
    }


def bars(*effects, metric=COST, difference=2.0):
    """A tornado around a difference of 2 USD, or another."""
    base = {
        "winner": winner("a"),
        "pair": ["a", "b"],
        "metric": metric,
        "difference": interval(difference),
    }
    return tornado({"base": base, "assumptions": list(effects)})


def test_assumptions_that_change_nothing_are_one_line():
    """Two bars, from 2 to the values at both ends; three that change nothing are counted, and stand
    in the table."""
    flat = [effect(f"none{k}", 2.0, 2.0) for k in range(3)]
    picture = bars(effect("rate", 1.0, 5.0), effect(LONG, 2.0, 2.5), *flat)
    low, high = picture.data
    assert (low["base"], low["x"], high["x"]) == (2.0, [-1.0, 0.0], [3.0, 0.5])
    assert "3 assumptions change nothing" in picture.caption
    assert len(picture.table.rows) == 5


def test_what_changes_little_is_not_called_nothing():
    """.02 of 3 USD is less than a fiftieth: no bar, and it is said how much at most."""
    picture = bars(effect("rate", 1.0, 5.0), effect("small", 2.0, 2.02))
    assert len(picture.data[0]["y"]) == 1
    assert "1 assumption changes next to nothing, at most 0.02 USD" in picture.caption


def test_one_that_changes_the_winner_always_has_a_bar():
    """However small its effect."""
    picture = bars(effect("rate", 1.0, 5.0), effect("small", 2.0, 2.02, flips=True))
    assert len(picture.data[0]["y"]) == 2
    assert picture.layout["annotations"][1]["text"].endswith("⚑")


def test_one_that_leaves_the_winner_open_has_a_bar_and_a_question_mark():
    """Whoever leads at its end: a that b may beat, or b that a may beat; the table names both."""
    for doubtful in (winner("a", "b"), winner("b", "a")):
        small = effect("small", 2.0, 2.02, winners=(winner("a"), doubtful))
        picture = bars(effect("rate", 1.0, 5.0), small)
        assert len(picture.data[0]["y"]) == 2
        sure, unsure = (each["text"] for each in picture.layout["annotations"])
        assert (sure[-1], unsure[-1]) == ("4", "?")
        rows = {
            row[0]: row[picture.table.heads.index("another wins")] for row in picture.table.rows
        }
        assert rows["rate"] == "no"
        (rival,) = doubtful["rivals"]
        assert rows["small"] == (f"open: a at 1, {doubtful['policy']} (undecided: {rival}) at 4")


def test_the_table_marks_the_ends_at_which_nobody_surely_keeps_the_promise():
    """The winner there has the most success."""
    most = {**winner("a"), "by": "success"}
    table = bars(effect("rate", 1, 5, winners=(winner("a"), most)), effect("flat", 2, 2)).table
    assert [row[table.heads.index("nobody surely keeps the promise")] for row in table.rows] == [
        "at 4",
        "",
    ]


def test_bars_of_success_grow_with_the_lead():
    """b has 1 point less than a, 3 points less at the low end and .5 more at the high one: a leads
    by 1, 3 and -.5."""
    picture = bars(effect("rate", -0.03, 0.005), metric="success_rate", difference=-0.01)
    low, high = picture.data
    assert low["base"] == pytest.approx(1)
    assert [low["base"] + each["x"][0] for each in (low, high)] == pytest.approx([3, -0.5])
    assert picture.layout["xaxis"]["title"]["text"].startswith("lead of a over b")
    assert picture.table.rows[0][3].startswith("3 points (-7 to 13)")


def test_names_of_assumptions_are_whole():
    """Above their bars, with the values that were tried; long ones take two lines."""
    short, long = (
        each["text"]
        for each in bars(effect("rate", 1, 5), effect(LONG, 1, 5)).layout["annotations"]
    )
    assert short == "rate, 1 to 4"
    assert long == f"{LONG}<br>1 to 4"


def swept(crossings, **costs):
    """A sweep over 1, 2, 3 of policies with these costs, all with a success of 99.9 %."""
    cells = [
        {
            "at": [value],
            "policies": {
                name: {"success_rate": interval(0.999), COST: interval(each[k], 1.0)}
                for name, each in costs.items()
            },
            "differences": {
                name: {
                    "success_rate": interval(0.0),
                    COST: interval(each[k] - costs["a"][k], 0.1),
                }
                for name, each in costs.items()
                if name != "a"
            },
            "winner": winner("a" if costs["a"][k] < costs["b"][k] else "b"),
        }
        for k, value in enumerate([1.0, 2.0, 3.0])
    ]
    axes = [{"key": "scenario.workload.rate", "unit": "", "log": False, "values": [1.0, 2.0, 3.0]}]
    return {
        "share": "success_rate",
        "promise": 0.99,
        "policies": list(costs),
        "reference": "a",
        "axes": axes,
        "cells": cells,
        "crossings": crossings,
    }


TURN = {"before": "a", "after": "b", "by": "cost", "at": 2.5, "low": 2.4, "high": 2.6}


def test_the_paired_difference_passes_zero_where_the_winner_changes():
    """b costs 2, 1, -1 more than a and crosses at 2.5; c, which wins nowhere, would flatten the
    panel and is left out of it, not of the values."""
    picture = one_way(swept([TURN], a=[4, 5, 6], b=[6, 6, 5], c=[90, 90, 90]))
    lines = {
        (each["name"], each["yaxis"]): each["y"]
        for each in picture.data
        if each["mode"] == "lines+markers"
    }
    assert lines["b", "y4"] == [2, 1, -1]
    assert ("c", "y3") in lines
    assert ("c", "y4") not in lines
    assert "left out" in picture.caption
    marks = [each for each in picture.layout["shapes"] if each["x0"] == each.get("x1") == 2.5]
    (shade,) = [each for each in picture.layout["shapes"] if each["type"] == "rect"]
    assert len(marks) == 1
    assert (shade["x0"], shade["x1"]) == (2.4, 2.6)
    assert any("b wins from 2.5 on" in each["text"] for each in picture.layout["annotations"])


def test_the_band_of_a_difference_is_its_own():
    """.1 on both sides of 2, 1, -1, not the 1 of the figures."""
    picture = one_way(swept([TURN], a=[4, 5, 6], b=[6, 6, 5]))
    (band,) = [each for each in picture.data if each["mode"] == "lines" and each["yaxis"] == "y4"]
    assert band["y"] == pytest.approx([2.1, 1.1, -0.9, -1.1, 0.9, 1.9])


def test_the_caption_tells_of_changes_only_where_they_are_drawn():
    """None, one whose bounds are known, one that is anywhere."""
    costs = {"a": [4, 5, 6], "b": [6, 6, 5]}
    anywhere = {**TURN, "low": None, "high": None}
    captions = [one_way(swept(turns, **costs)).caption for turns in ([], [TURN], [anywhere])]
    assert ["winner changes" in caption for caption in captions] == [False, True, True]
    assert ["shaded" in caption for caption in captions] == [False, True, False]


def assumed(key, unit, values, config):
    """The picture of a sweep of this key, and where its dashed lines stand."""
    study = swept([], a=[4, 5, 6], b=[6, 7, 8]) | {"config": yaml.safe_dump(config)}
    study |= {"horizon_s": 7200.0}
    study["axes"] = [{"key": key, "unit": unit, "log": False, "values": values}]
    for cell, value in zip(study["cells"], values, strict=True):
        cell["at"] = [value]
    picture = one_way(study)
    lines = [
        each for each in picture.layout["shapes"] if each.get("line", {}).get("dash") == "dash"
    ]
    return picture, [each["x0"] for each in lines]


@pytest.mark.parametrize(
    ("key", "unit", "values", "at", "title", "said"),
    [
        ("scenario.workload.rate", "1/s", [1, 2, 3], 1.5, "workload.rate, requests/s", "1.5"),
        (
            "scenario.outages.o.end",
            "%",
            [50, 60, 90],
            75,
            "outages.o.end, % of the horizon",
            "75 %",
        ),
        (
            "scenario.outages.o.error_share",
            "share",
            [0, 0.5, 1],
            25,
            "outages.o.error_share",
            "25 %",
        ),
        ("policy.breaker.cooldown", "s", [10, 30, 60], 20, "breaker.cooldown, s", "20"),
    ],
)
def test_an_axis_has_its_unit_and_a_mark_at_what_is_assumed(key, unit, values, at, title, said):
    """In the unit of the axis: 5,400 of 7,200 s are 75 %; a share of .25 is 25 %. Of two policies
    one has a breaker."""
    outage = {"end": 5400.0, "error_share": 0.25}
    config = {
        "scenario": {"workload": {"rate": 1.5}, "outages": {"o": outage}},
        "policies": {"a": {"retry": {}}, "b": {"breaker": {"cooldown": 20.0}}},
    }
    picture, lines = assumed(key, unit, values, config)
    assert lines == [at]
    assert picture.layout["xaxis"]["title"]["text"] == title
    assert f"Dashed: as assumed, {said}" in picture.caption


@pytest.mark.parametrize(
    "config",
    [
        None,
        {"scenario": {"workload": {"rate": None}}},
        {"scenario": {"workload": {"rate": 9.0}}},
        {"scenario": {"workload": 3}},
    ],
)
def test_without_a_value_on_the_axis_nothing_is_marked(config):
    """No configuration, no number, one beyond the values tried, no such key."""
    picture, lines = assumed("scenario.workload.rate", "1/s", [1, 2, 3], config)
    assert lines == []
    assert "Dashed" not in picture.caption


def test_policies_that_differ_have_no_value_in_common():
    """Two breakers with 10 and 20 s."""
    policies = {name: {"breaker": {"cooldown": s}} for name, s in (("a", 10.0), ("b", 20.0))}
    _, lines = assumed("policy.breaker.cooldown", "s", [5, 15, 25], {"policies": policies})
    assert lines == []


def test_the_question_is_the_studys():
    """Of one assumption, of two, of all."""
    one, two = {"key": "scenario.workload.rate"}, {"key": "policy.breaker.cooldown"}
    asked = [study_question({"kind": "vary", "axes": axes}) for axes in ([one], [one, two])]
    assert asked == [
        "Who wins if workload.rate is otherwise?",
        "Who wins if workload.rate and breaker.cooldown are otherwise?",
    ]
    assert study_question({"kind": "tornado"}) == "Which assumption changes who wins?"


def test_a_study_stored_without_differences_is_still_drawn():
    """Its values alone."""
    stored = swept([TURN], a=[4, 5, 6], b=[6, 6, 5])
    del stored["reference"]
    for cell in stored["cells"]:
        del cell["differences"]
    picture = one_way(stored)
    assert {each["yaxis"] for each in picture.data} == {"y", "y2"}
