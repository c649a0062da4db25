"""Pictures of misses: axes on which 99.7 and 99.9 % stand apart, the promise as a line, the
bound where it belongs."""

import copy
import math

import pytest

from simroute.report import RunDocuments, draw_pictures
from simroute.report.picture import log_shares
from simroute.studies.comparison.evidence import page_evidence


@pytest.fixture(scope="module")
def run(ordinary):
    return RunDocuments(ordinary.summary, page_evidence(ordinary))


def allowed(run):
    """Per cent of requests that may miss the promise."""
    return 100 * (1 - run.evidence["slo"]["success"])


def seen(data):
    """Without the bars that only receive clicks."""
    return [trace for trace in data if trace.get("opacity") != 0]


def test_bars_are_the_shares_that_failed_and_that_missed_the_promise(run):
    """Of each slice of time, from the counts of the evidence; what failed has missed it."""
    data = draw_pictures(run)["success_over_time"].data
    for policy in run.policies:
        evidence = run.evidence_of(policy)
        late, failed = (trace["y"] for trace in seen(data) if trace["name"] == policy)
        for name, drawn in (("in_time", late), ("ok", failed)):
            expected = [
                100 * (1 - kept / count)
                for kept, count in zip(evidence[name], evidence["arrivals"], strict=True)
            ]
            assert drawn == pytest.approx(expected)
        assert all(one >= other for one, other in zip(late, failed, strict=True))


def test_the_promise_is_a_line_in_every_panel(run):
    """At the share of misses that it allows, within the panel's axis."""
    layout = draw_pictures(run)["success_over_time"].layout
    lines = [shape for shape in layout["shapes"] if shape.get("name") == "promise"]
    assert len(lines) == len(run.policies)
    assert {line["yref"] for line in lines} == {"y", "y2", "y3", "y4"}
    for line in lines:
        assert line["y0"] == line["y1"] == pytest.approx(allowed(run))
        low, high = layout["yaxis" + line["yref"][1:]]["range"]
        assert low < math.log10(line["y0"]) < high


def test_small_differences_of_success_stand_apart(run):
    """All panels have one logarithmic axis on which 99.68 and 99.86 % differ by more than a
    twentieth of its length."""
    layout = draw_pictures(run)["success_over_time"].layout
    axes = [layout[f"yaxis{place}"] for place in ("", 2, 3, 4)]
    assert all(axis["type"] == "log" and axis["range"] == axes[0]["range"] for axis in axes)
    low, high = axes[0]["range"]
    assert (math.log10(0.32) - math.log10(0.14)) / (high - low) > 0.05


def test_decades_are_labelled_on_a_scale_of_shares():
    """From 0.02 to 50 % these are 0.1, 1 and 10 %."""
    axis = log_shares(0.0002, 0.5, lambda share: f"{100 * share:g} %")
    assert axis["ticktext"] == ["0.1 %", "1 %", "10 %"]
    assert axis["tickvals"] == pytest.approx([0.1, 1, 10])
    assert [10**end for end in axis["range"]] == pytest.approx([0.02, 50])


def test_evidence_of_an_earlier_version_shows_what_failed(run):
    """It does not say what was late."""
    evidence = copy.deepcopy(run.evidence)
    for each in evidence["policies"].values():
        del each["in_time"]
    picture = draw_pictures(RunDocuments(run.summary, evidence))["success_over_time"]
    assert len(seen(picture.data)) == len(run.policies)
    assert "too late" not in picture.caption


def with_bound(run, cost, quality_gap):
    """The picture of cost and success where the bound costs so much, and policies' answers are
    better than its by a gap (mean, low, high)."""
    summary = copy.deepcopy(run.summary)
    summary["bound"]["metrics"]["cost_per_1k_requests_usd"] = dict.fromkeys(
        ("mean", "low", "high"), cost
    )
    for each in summary["policies"].values():
        each["regret"]["quality_mean"] |= dict(
            zip(("mean", "low", "high"), quality_gap, strict=True)
        )
    return draw_pictures(RunDocuments(summary, run.evidence))["cost_success"]


def bounds(picture):
    return [trace for trace in picture.data if trace.get("name") == "clairvoyant"]


EQUAL, WORSE = (0.001, -0.002, 0.004), (0.05, 0.04, 0.06)


def test_a_bound_that_keeps_the_quality_is_a_star_at_its_own_cost(run):
    """Near enough, it is a point like the others, inside the axis."""
    costs = [run.mean(policy, "cost_per_1k_requests_usd") for policy in run.policies]
    near = 0.9 * min(costs)
    picture = with_bound(run, near, EQUAL)
    (star,) = bounds(picture)
    assert star["x"] == [near]
    assert star["marker"]["symbol"] == "star-open"
    low, high = picture.layout["xaxis"]["range"]
    assert low < near < min(costs) <= max(costs) < high


def test_a_bound_that_is_far_off_is_an_arrow_at_the_edge(run):
    """It does not take the room of the policies, and its cost is written beside it."""
    costs = [run.mean(policy, "cost_per_1k_requests_usd") for policy in run.policies]
    far = min(costs) - 100 * max(costs)
    picture = with_bound(run, far, EQUAL)
    (arrow,) = bounds(picture)
    low, high = picture.layout["xaxis"]["range"]
    assert arrow["x"] == [low]
    assert arrow["marker"]["symbol"] == "triangle-left"
    assert f"{abs(far):,.2f}" in arrow["text"][0]
    assert (max(costs) - min(costs)) / (high - low) > 0.3


def test_a_bound_that_gives_up_quality_is_told_and_not_drawn(run):
    """The caption says how many of its answers would be right, and of the policies'."""
    picture = with_bound(run, 1.0, WORSE)
    assert bounds(picture) == []
    assert "gives up quality" in picture.caption
    quality = run.summary["bound"]["metrics"]["quality_mean"]["mean"]
    assert f"{100 * quality:.2f} %" in picture.caption
    assert picture.table.rows[-1][0] == "(clairvoyant)"


def test_more_success_stands_higher_and_more_cost_to_the_right(run):
    """Points are in the order of their figures, in reach of the axes; the promise is among them."""
    picture = draw_pictures(run)["cost_success"]
    found = {trace.get("name"): trace for trace in picture.data}
    by_success = sorted(run.policies, key=lambda policy: run.mean(policy, "slo_attainment"))
    heights = [found[policy]["y"][0] for policy in by_success]
    low, high = picture.layout["yaxis"]["range"]
    assert low > high, "misses grow downwards"
    assert heights == sorted(heights, reverse=True)
    assert all(high <= math.log10(height) <= low for height in heights)
    (line,) = [shape for shape in picture.layout["shapes"] if shape.get("name") == "promise"]
    assert line["y0"] == pytest.approx(allowed(run))
