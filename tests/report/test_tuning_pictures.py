"""Pictures of a search, from figures made up by hand."""

import pytest

from simroute.report.figures.search import add_bound
from simroute.report.figures.tuning import main_effects

GOAL = "min cost_per_1k_requests_usd"


def bin_(low, high, count, mean, half):
    bounds = (
        {"low": None, "high": None} if half is None else {"low": mean - half, "high": mean + half}
    )
    return {"from": low, "to": high, "count": count, "mean": mean, **bounds}


BINS = [
    bin_(1, 3, 4, 0.1, 0.2),
    bin_(5, 7, 2, 0.0, 9.0),
    bin_(9, 9, 1, -0.1, None),
    bin_(12, 15, 5, 0.3, 0.1),
]


def effects(good, order=("a", "b"), share=0.5, **more):
    """The panels of two parameters, of which `a` has these good values."""
    parameters = [
        {"name": "a", "range": [1, 20], "good": good, **more},
        {"name": "b", "range": ["x", "y"], "good": ["y"]},
    ]
    words = [bin_(word, word, 3, 0.0, 0.1) for word in ("x", "y")]
    main = [
        {"parameter": name, "objective": GOAL, "bins": bins}
        for name, bins in (("a", BINS), ("b", words))
    ]
    importance = [{"parameter": name, "objective": GOAL, "share": share} for name in order]
    return main_effects({"parameters": parameters, "main_effects": main, "importance": importance})


@pytest.mark.parametrize(("share", "said"), [(0.5, True), (0.0, False), (None, False)])
def test_nothing_matters_most_where_nothing_matters(share, said):
    """The caption speaks of an order only where an effect is told from chance."""
    assert ("matters most" in effects([5, 7], share=share, log=False)[0].caption) == said


def shades(picture):
    """Which classes are shaded."""
    return [each["x0"] + 0.5 for each in picture.layout["shapes"] if each["type"] == "rect"]


def test_panels_stand_in_the_order_of_what_matters():
    """Whatever the order of the search space."""
    titles = [
        each.layout["xaxis"]["title"]["text"] for each in effects([5, 7], ("b", "a"), log=False)
    ]
    assert titles == ["b", "a"]


@pytest.mark.parametrize(
    ("good", "places"),
    [([5, 9], [1, 2]), ([6, 6], [1]), ([8.5, 8.5], [2]), ([18, 19], [3]), ([], [])],
)
def test_classes_of_values_as_good_as_the_best_are_shaded(good, places):
    """Values between two classes count for the nearer: 8.5 is nearer to 9 than to 7."""
    assert shades(effects(good, log=False)[0]) == places


def test_a_choice_is_shaded_where_it_is_as_good():
    """By its value."""
    assert shades(effects([1, 2], log=False)[1]) == [1]


def test_an_interval_of_two_candidates_is_not_drawn_and_the_panel_holds_the_others():
    """9 would leave the panel, or squeeze all else; its mark is open. Nothing is cut, since the
    axis has no range of its own."""
    (picture, _) = effects([5, 7], log=False)
    (line,) = picture.data
    assert line["error_y"]["array"] == pytest.approx([0.2, 0, 0, 0.1])
    assert line["marker"]["symbol"] == ["circle", "circle-open", "circle-open", "circle"]
    assert "range" not in picture.layout["yaxis"]


@pytest.mark.parametrize(
    ("bound", "is_line"), [(0.99, True), (0.97, True), (0.9, False), (1.5, False)]
)
def test_a_bound_far_away_is_an_arrow_at_the_edge(bound, is_line):
    """From 98 to 100 % there is room for 96 to 102; a line at 90 would squeeze them."""
    layout = {}
    add_bound(layout, bound, [0.98, 1.0, 0.99])
    assert ("shapes" in layout) is is_line
    if not is_line:
        (note,) = layout["annotations"]
        assert note["text"] == ("← bound 0.9" if bound < 0.98 else "bound 1.5 →")
        assert note["x"] == (0 if bound < 0.98 else 1)
