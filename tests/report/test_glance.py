"""The answer at a glance: the winner, why, and each policy's figures in one row."""

import copy
import re
from html.parser import HTMLParser

import pytest
import yaml

from simroute.config.loading import load
from simroute.report import RunDocuments, render_page
from simroute.report.answer import basis, difference_table, headline
from simroute.report.gists import of_section
from simroute.report.glance import render_glance
from simroute.studies.comparison.evidence import page_evidence
from simroute.studies.run import run_study
from simroute.units import percent, seconds, span, usd

FIGURES = {
    "mean": "latency_mean_s",
    "median": "latency_p50_s",
    "p95": "latency_p95_s",
    "p99": "latency_p99_s",
}


class Rows(HTMLParser):
    """Body rows: the classes, words, positions and spoken words of each."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.feed(html.split("<tbody>")[1])

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "tr":
            self.rows.append({"class": attrs["class"], "text": "", "said": [], "marks": []})
        if "aria-label" in attrs:
            self.rows[-1]["said"].append(attrs["aria-label"])
        if tag == "i" and "left:" in attrs.get("style", ""):
            left = float(re.search(r"left:(-?[\d.]+)%", attrs["style"])[1])
            self.rows[-1]["marks"].append((attrs["class"], left))

    def handle_data(self, data):
        if self.rows:
            self.rows[-1]["text"] += data


@pytest.fixture(scope="module")
def run(ordinary):
    return RunDocuments(ordinary.summary, page_evidence(ordinary))


@pytest.fixture(scope="module")
def rows(run):
    found = {}
    for row in Rows(render_glance(run)).rows:
        name = next(policy for policy in run.policies if row["text"].startswith(policy))
        found[name] = row
    return found


def test_every_policy_has_a_row_with_its_figures(run, rows):
    """Success, cost, mean with its interval, median, p95 and p99 are those of the summary."""
    assert set(rows) == set(run.policies)
    for policy, row in rows.items():
        metrics = run.summary["policies"][policy]["metrics"]
        success, latency = row["said"]
        assert success == span(**metrics["slo_attainment"], unit="share")
        assert f"mean {span(**metrics['latency_mean_s'], unit='s')}" in latency
        for word, metric in FIGURES.items():
            assert f"{word} {seconds(metrics[metric]['mean'])}" in row["text"]
        assert percent(metrics["slo_attainment"]["mean"]) in row["text"]
        cost = span(**metrics["cost_per_1k_requests_usd"], unit="USD").partition(" (")[0]
        assert cost in row["text"]


def test_marks_stand_in_the_order_of_their_values(run, rows):
    """On the axis of seconds median, p95 and p99 go to the right, and over all rows a larger value
    never stands further left; within the axis' 0 to 100 %."""
    placed = []
    for policy, row in rows.items():
        marks = dict(row["marks"])
        assert marks["median"] <= marks["p95"] <= marks["p99"]
        placed += [
            (run.mean(policy, FIGURES[word]), marks[word]) for word in ("median", "p95", "p99")
        ]
    lefts = [left for _, left in sorted(placed)]
    assert lefts == sorted(lefts)
    assert all(0 <= left <= 100 for row in rows.values() for _, left in row["marks"])


def test_success_better_than_the_promise_stands_to_the_right_of_it(run, rows):
    """The promise is a line at one place in every row; a dot is on the side where it belongs."""
    lines = {dict(row["marks"][:1])["promised"] for row in rows.values()}
    assert len(lines) == 1
    for policy, row in rows.items():
        dot = dict(row["marks"])["dot"]
        better = run.mean(policy, "slo_attainment") >= run.promised["bound"]
        assert (dot >= min(lines)) == better


def test_the_winner_comes_first_and_says_why(run, rows):
    """The cheapest policy that keeps the promise has the first row, its cost in the headline, and
    every row the reason of its verdict."""
    cheapest = run.evidence["cheapest"]
    reasons = {entry["policy"]: entry["why"].partition(": ")[2] for entry in run.summary["verdict"]}
    assert all(reasons[policy] in row["text"] for policy, row in rows.items())
    said = headline(run)
    missing = [entry["policy"] for entry in run.summary["verdict"] if not entry["meets_slo"]]
    assert all(policy in said for policy in missing)
    assert cheapest is not None
    assert said.startswith(cheapest["policy"])
    assert next(iter(rows)) == cheapest["policy"]
    assert rows[cheapest["policy"]]["class"] == "winner"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["scenario.slo.success=0.9999"], "misses the promise."),
        (["scenario.slo.success=0.01", "~scenario.slo.latency", "~scenario.slo.ttft"], "keeps the"),
    ],
)
def test_the_headline_of_one_policy_speaks_of_it_alone(overrides, words):
    """Neither a comparison nor a crown where there is nothing to compare with."""
    short = ["scenario.horizon=600s", "scenario.outages.morning.start=10%", *overrides]
    short += ["scenario.outages.morning.end=90%"]
    study = run_study(load("compare", "demo", ["direct"], short, 1, 3))
    run = RunDocuments(study.summary, page_evidence(study))
    assert words in headline(run)
    assert "alone" not in headline(run)
    assert "cheapest" not in render_glance(run)


def test_a_summary_of_an_earlier_version_without_the_mean_still_gives_a_page(ordinary):
    """What it does not say is left out."""
    summary = copy.deepcopy(ordinary.summary)
    for each in summary["policies"].values():
        del each["metrics"]["latency_mean_s"]
    page = render_page(summary, page_evidence(ordinary))
    assert "median" in page


def test_sections_fold_and_tell_their_finding(run):
    """The answer and what happened are open; every other section is a summary with its line."""
    page = render_page(run.summary, run.evidence)
    folds = re.findall(r'<section id="([\w-]+)"><details( open)?><summary>(.*?)</summary>', page)
    assert [name for name, is_open, _ in folds if is_open] == ["what-happened"]
    assert len(folds) == page.count("<section ")
    costs = {name: summary for name, _, summary in folds}["what-it-costs"]
    means = [run.mean(policy, "cost_per_1k_requests_usd") for policy in run.policies]
    assert f"${min(means):.2f}" in costs
    assert f"${max(means):.2f}" in costs


def deployment(price, quality):
    return {
        "provider": "openai",
        "model": "gpt-4o",
        "price": {"input": price, "output": 2 * price},
        "errors": {500: 0.02},
        "quality": quality,
    }


ONE = {
    "horizon": "600s",
    "workload": {"rate": 2},
    "slo": {"success": 0.5},
    "deployments": {"lone": deployment(price=1, quality=0.7)},
}
TWO = ONE | {
    "deployments": {
        "poor": deployment(price=1, quality=0.7),
        "good": deployment(price=5, quality=0.9),
    }
}


def compared(place, scenario, policies):
    """Three replications, each policy sending to one deployment. `policies`: name -> deployment."""
    (place / "made.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    for name, target in policies.items():
        text = yaml.safe_dump({"fallback": {"targets": [target]}})
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    files = [str(place / f"{name}.yaml") for name in policies]
    study = run_study(load("compare", str(place / "made.yaml"), files, [], 1, 3))
    return study, RunDocuments(study.summary, page_evidence(study))


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Two names of one policy."""
    place = tmp_path_factory.mktemp("twins")
    return compared(place, ONE, {"left": "lone", "right": "lone"})


def test_two_that_did_the_same_have_no_winner(twins):
    """The headline names both, the reason is the only deployment, no row has a badge and the
    differences are no chance."""
    study, run = twins
    assert headline(run).startswith("left and right did the same and keep the promise")
    assert "left and right did the same in every replication: lone is the only deployment." in [
        *basis(run)
    ]
    assert all(row["class"] == "" for row in Rows(render_glance(run)).rows)
    assert not re.search("cannot be told|cannot tell|may be chance", " ".join(study.lines()))
    [row] = difference_table(run).rows
    assert row == ["right", *["the same"] * (len(row) - 1)]


def test_a_third_that_costs_more_leaves_the_badge_to_both(twins):
    """Where another policy keeps the promise for more, the two equals are the cheapest together."""
    _, run = twins
    summary, evidence = copy.deepcopy(run.summary), copy.deepcopy(run.evidence)
    dear = copy.deepcopy(summary["policies"]["left"])
    for value in dear["metrics"]["cost_per_1k_requests_usd"]:
        dear["metrics"]["cost_per_1k_requests_usd"][value] *= 2
    summary["policies"]["dear"] = dear
    summary["verdict"].append(summary["verdict"][0] | {"policy": "dear"})
    evidence["policies"]["dear"] = evidence["policies"]["left"]
    evidence["cheapest"]["tied"] = ["right"]
    run = RunDocuments(summary, evidence)
    assert headline(run).startswith("left and right did the same and are the cheapest of 3")
    badges = [row["class"] for row in Rows(render_glance(run)).rows]
    assert badges == ["winner", "winner", ""]


@pytest.mark.parametrize(
    ("better", "low", "words"),
    [
        ("cascade", None, "for 86.50 % of answers right instead of 89.00 % with cascade"),
        (None, 5.1, "at 566 % of the budget's pace"),
        (None, 0.9, None),
    ],
)
def test_the_headline_tells_what_the_lowest_cost_does_not(run, better, low, words):
    """Answers that another policy has better, and a budget that is exceeded for certain."""
    summary, evidence = copy.deepcopy(run.summary), copy.deepcopy(run.evidence)
    best = evidence["cheapest"]["policy"]
    evidence["cheapest"]["better"] = better
    share = {"low": None, "high": None}
    for policy, each in summary["policies"].items():
        quality = 0.865 if policy == best else 0.89
        each["metrics"]["quality_mean"] = {"mean": quality, **share}
        each["metrics"]["budget_pace"] = {"mean": 5.66, "low": low, "high": 6.0}
    if low is not None:
        summary["budget_pace"] = {}
    said = headline(RunDocuments(summary, evidence))
    if words is None:
        assert "budget" not in said
    else:
        assert words in said


def test_worse_answers_of_the_cheapest_are_told_by_the_paired_interval(tmp_path):
    """Seven of ten right for a fifth of the price of nine of ten, over some 3,600 requests; turned
    round, the cheapest is the best as well and nothing is told."""
    policies = {"saver": "poor", "spender": "good"}
    _, run = compared(tmp_path, TWO, policies)
    assert run.evidence["cheapest"]["policy"] == "saver"
    assert run.evidence["cheapest"]["better"] == "spender"
    assert "with spender" in headline(run)
    turned = {"poor": deployment(price=5, quality=0.7), "good": deployment(price=1, quality=0.9)}
    _, run = compared(tmp_path, ONE | {"deployments": turned}, policies)
    assert run.evidence["cheapest"]["policy"] == "spender"
    assert run.evidence["cheapest"]["better"] is None


def test_folded_lines_of_equals_name_one_figure(twins):
    """Not the same figure twice as a range."""
    _, run = twins
    cost = usd(run.mean("left", "cost_per_1k_requests_usd"))
    assert of_section(run, "What it costs") == f"for 1,000 requests: both {cost}"
    third = copy.deepcopy(run.summary)
    third["policies"]["other"] = third["policies"]["left"]
    three = RunDocuments(third, run.evidence)
    assert of_section(three, "What it costs") == f"for 1,000 requests: all {cost}"


@pytest.mark.parametrize("left_out", [None, "latency_p99_s"])
def test_the_key_explains_the_marks_that_are_drawn(run, left_out):
    """An older summary may lack a quantile: then neither row nor key has it."""
    summary = copy.deepcopy(run.summary)
    for each in summary["policies"].values():
        each["metrics"].pop(left_out, None)
    rows, _, key = render_glance(RunDocuments(summary, run.evidence)).partition("</table>")
    drawn = {kind for row in Rows(rows).rows for kind, _ in row["marks"]}
    explained = set(re.findall("<i class='([a-z0-9]+)'", key))
    assert explained == drawn - {"dot", "line"}
    assert ("p99" in explained) == (left_out is None)
