"""One request as lanes, and an example from each slice of an outage."""

import base64
import gzip
import json
import re

import pytest

from simroute.report import RunDocuments, draw_pictures, render_page, timeline
from simroute.report.examples import example_keys, render_examples
from simroute.report.lanes import lanes, render_request
from simroute.studies.comparison.evidence import page_evidence
from simroute.studies.comparison.examples import MOST


@pytest.fixture(scope="module")
def run(ordinary):
    return RunDocuments(ordinary.summary, page_evidence(ordinary))


def examples(run, policy):
    return {int(place): each for place, each in run.evidence_of(policy)["examples"].items()}


def outage(run):
    (spell,) = [spell for spell in run.evidence["weather"] if spell["kind"] == "outage"]
    return spell["start_s"], spell["end_s"]


def test_a_policy_has_at_most_one_example_a_slice_from_that_slice(run):
    """Each arrived within its slice; they are bounded however many slices there are."""
    for policy in run.policies:
        edges, found = run.evidence_of(policy)["edges_s"], examples(run, policy)
        assert 0 < len(found) <= MOST
        for place, each in found.items():
            assert edges[place] <= each["arrival_s"] <= edges[place + 1]


def test_every_slice_shows_its_own_example_or_the_nearest(run):
    """No slice of an outage is without one of its own while there is room."""
    start, end = outage(run)
    for policy in run.policies:
        edges, own = run.evidence_of(policy)["edges_s"], examples(run, policy)
        keys = example_keys(run, policy)
        assert len(keys) == len(edges) - 1
        assert set(keys) == {keys[place] for place in own}
        for place, key in enumerate(keys):
            nearest = min(own, key=lambda other: (abs(other - place), other))
            assert key == keys[nearest]
            arrivals = run.evidence_of(policy)["arrivals"][place]
            if arrivals and edges[place] < end and edges[place + 1] > start:
                assert place in own or len(own) == MOST


def test_a_slice_in_which_requests_failed_shows_one_that_failed(run):
    """In the first replication, from which examples come: a slice without failures shows none."""
    failed = [
        (policy, place)
        for policy in run.policies
        for place, each in examples(run, policy).items()
        if each["outcome"] != "ok"
    ]
    assert failed
    for policy, place in failed:
        evidence = run.evidence_of(policy)
        assert evidence["ok"][place] < evidence["arrivals"][place]


def test_a_click_finds_the_example_by_its_number(run):
    """The numbers in the picture are those of the page's list, of the right policy."""
    _, shown = render_examples(run)
    targets = [
        trace for trace in draw_pictures(run)["success_over_time"].data if "customdata" in trace
    ]
    assert len(targets) == len(run.policies)
    for trace in targets:
        for key in trace["customdata"]:
            assert key is None or f"under {trace['name']}," in shown[key]
    page = render_page(run.summary, run.evidence)
    packed = re.search(r'id="examples">([^<]*)</script>', page)[1]
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == shown


def test_one_example_is_shown_without_a_click(run):
    """So that a reader without JavaScript sees one; the first that failed, where any did."""
    place, shown = render_examples(run)
    first = int(re.search(r'data-first="(\d+)"', place)[1])
    assert shown[first] in place
    assert "ailed" in shown[first]


def test_evidence_without_examples_gives_a_page_without_them(run):
    """As that of earlier versions."""
    evidence = json.loads(json.dumps(run.evidence))
    for each in evidence["policies"].values():
        del each["examples"]
    page = render_page(run.summary, evidence)
    assert 'id="example"' not in page
    assert "Click on a slice" not in page


def send(target, start, end, status=200, cost=0, **more):
    row = {"target": target, "start_s": start, "left_s": end, "end_s": end, "status": status}
    row |= {"retry_after_s": None, "cost_nano": cost, "abandoned": False, "probe": False}
    return row | more


def request(attempts, events=(), latency=10.0, outcome="ok"):
    return {
        "request_id": 7,
        "policy": "p",
        "arrival_s": 100.0,
        "task": "chat",
        "input_tokens": 1,
        "output_tokens": 1,
        "outcome": outcome,
        "target": "b",
        "latency_s": latency,
        "cost_nano": sum(each["cost_nano"] for each in attempts),
        "wasted_nano": 0,
        "quality": None,
        "cached": "no",
        "false_hit": False,
        "attempts": attempts,
        "events": list(events),
    }


def lanes_of(each):
    return dict(lanes(each, timeline.steps(each)))


RETRY = {"t_s": 102.0, "layer": "retry", "event": "retried", "target": "a", "detail": "wait=3"}


def test_lanes_hold_sends_waits_decisions_and_bills():
    """Two seconds at a, a pause of three, five at b, each where it was on the axis of time."""
    sends = [send("a", 100.0, 102.0, 529), send("b", 105.0, 110.0, cost=30_000_000)]
    found = lanes_of(request(sends, [RETRY]))
    spans = {name: [(mark.start, mark.end) for mark in marks] for name, marks in found.items()}
    assert spans == {
        "request": [(0.0, 10.0)],
        "a": [(0.0, 2.0)],
        "retry": [(2.0, 2.0)],
        "b": [(5.0, 10.0)],
        "waiting": [(2.0, 5.0)],
        "billed $0.0300": [(10.0, 10.0)],
    }
    assert found["waiting"][0].words.startswith("3")
    assert "529" in found["a"][0].words


def test_sends_that_overlap_have_a_lane_each():
    """A hedge to the same target is seen beside the first send, and nothing waits meanwhile."""
    found = lanes_of(request([send("a", 100.0, 110.0), send("a", 104.0, 109.0)]))
    assert set(found) == {"request", "a", "a (2)"}


def test_boxes_are_drawn_where_and_as_long_as_they_are():
    """Per cent of the time until the last mark."""
    each = request([send("a", 100.0, 102.5, 529), send("b", 105.0, 110.0)])
    html = render_request(each, "A request", promised=8.0)
    assert 'class="bad" style="left:0.00%;width:25.00%"' in html
    assert 'class="ok" style="left:50.00%;width:50.00%"' in html
    assert 'class="wait" style="left:25.00%;width:25.00%"' in html
    assert html.count('class="promised" style="left:80.00%"') == len(lanes_of(each))


def test_a_promise_beyond_the_end_is_not_drawn():
    """A request that ended within a second says nothing about thirty."""
    html = render_request(request([send("a", 100.0, 101.0)], latency=1.0), "R", promised=30.0)
    assert "promised" not in html


def test_hostile_names_in_examples_are_text(hostile):
    """What a click puts into the page has no element but the page's own."""
    _, shown = render_examples(RunDocuments(hostile.summary, page_evidence(hostile)))
    assert shown
    tags = {tag for each in shown for tag in re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", each)}
    assert tags <= {
        *("article", "h3", "p", "div", "span", "i", "em", "b", "details", "summary"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert any("&lt;script&gt;" in each for each in shown)
    assert not any("\u202e" in each for each in shown)
