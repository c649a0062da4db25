"""What right answers cost: single deployments, a random router, and one who knows."""

from dataclasses import replace

import pytest

from simroute.config.configuration import Configuration
from simroute.models import spec
from simroute.policies.fallback import Fallback
from simroute.policies.route import Route
from simroute.report import RunDocuments, draw_pictures
from simroute.studies.bound.quality import quality_trade
from simroute.studies.comparison.run import compare
from tests.studies.bound.test_quality_frontier import (
    CEILING,
    HELPS,
    STRONG,
    THOUSAND,
    WEAK,
    on_the_table,
)

COST, QUALITY = "cost_per_1k_requests_usd", "quality_mean"


def deployment(usd: float, quality: float | None) -> spec.Deployment:
    """1,000 tokens in and none out cost so many thousandths of a USD."""
    return spec.Deployment(
        "p", "m", price=spec.PriceList(usd, 0.0), quality=quality, latency=spec.Latency(0.1)
    )


def scenario(**deployments: spec.Deployment) -> spec.Scenario:
    return spec.Scenario(
        deployments=deployments, horizon=200.0, workload=spec.Workload(rate=5.0, tasks=THOUSAND)
    )


SURE = scenario(a=deployment(1.0, 0.0), b=deployment(3.0, 1.0), c=deployment(4.0, 0.5))


@pytest.fixture(scope="module")
def study():
    """A half-and-half mix of the worst and the best, and who always asks the best."""
    half = Route("weight", weights={"a": 1.0, "b": 1.0})
    policies = {"half": {"route": half}, "best": {"fallback": Fallback(("b",))}}
    return compare(Configuration("compare", "test", SURE, policies, replications=4))


def test_deployments_that_are_always_or_never_right(study):
    """$1 buys nothing, $3 everything; the third is dearer and worse than the second, so no random
    router mixes it in; one who knows pays what the best costs, or what the cheapest does."""
    told = study.summary["quality_trade"]
    assert told["replications"] == 3
    costs = {name: each[COST] for name, each in told["alone"].items()}
    assert costs == pytest.approx({"a": 1.0, "b": 3.0, "c": 4.0})
    assert [told["alone"][name][QUALITY] for name in "ab"] == [0.0, 1.0]
    assert told["random"] == ["a", "b"]
    ends = [(each[COST], each[QUALITY]) for each in (told["frontier"][0], told["frontier"][-1])]
    assert ends == [(pytest.approx(1.0), 0.0), (pytest.approx(3.0), 1.0)]


def test_the_picture_has_policies_both_lines_and_the_ceiling(study):
    """The half mix lies on the random line, within 4 sigma of 4,000 coins; its table says the same
    in numbers."""
    picture = draw_pictures(RunDocuments(study.summary, study.page_evidence))["cost_quality"]
    traces = {trace["name"]: trace for trace in picture.data}
    assert traces["mixed at random"]["x"] == pytest.approx([1.0, 3.0])
    assert traces["mixed at random"]["y"] == [0.0, 100.0]
    (x,), (y,) = traces["half"]["x"], traces["half"]["y"]
    assert y == pytest.approx(50 * (x - 1.0), abs=1e-6)
    assert y == pytest.approx(50.0, abs=4 * 50 / 4000**0.5)
    assert "ceiling: 100" in str(picture.layout["annotations"])
    rows = {row[0]: row for row in picture.table.rows}
    assert rows["best"][3:] == ["100.00 %", "$3.00", "$3.00"]
    assert rows["(c alone)"][1] == "$4.00"
    assert float(rows["(c alone)"][4][1:]) == pytest.approx(2.0, abs=4 / 3000**0.5)


def test_who_loses_requests_saves_nothing_by_it():
    """Half of the sends fail, unbilled: $1.50 for 1,000 requests, and $3 for 1,000 answers, as
    beside it where none fails."""
    failing = replace(deployment(3.0, 1.0), errors={500: 0.5})
    policies = {name: {"fallback": Fallback((name,))} for name in ("a", "b")}
    weather = scenario(a=failing, b=deployment(3.0, 1.0))
    study = compare(Configuration("compare", "test", weather, policies, replications=3))
    assert study.intervals["a"][COST].mean == pytest.approx(1.5, abs=4 * 1.5 / 3000**0.5)
    picture = draw_pictures(RunDocuments(study.summary, study.page_evidence))["cost_quality"]
    drawn = {trace["name"]: trace["x"] for trace in picture.data}
    assert (drawn["a"], drawn["b"]) == ([pytest.approx(3.0)], [pytest.approx(3.0)])
    assert picture.layout["xaxis"]["title"]["text"] == "USD for 1,000 answers"


def test_a_summary_of_an_earlier_version_shows_policies_alone(study):
    """Without lines."""
    earlier = {key: value for key, value in study.summary.items() if key != "quality_trade"}
    picture = draw_pictures(RunDocuments(earlier, study.page_evidence))["cost_quality"]
    assert [trace["name"] for trace in picture.data] == ["half", "best"]
    assert "random" not in picture.caption


def test_where_no_answer_is_graded_there_is_nothing_to_pay_for():
    """Neither lines nor a part of the summary."""
    made = Configuration(
        "compare", "test", scenario(a=deployment(1.0, None)), {"direct": {}}, replications=2
    )
    study = compare(made)
    assert "quality_trade" not in study.summary
    material = RunDocuments(study.summary, study.page_evidence)
    assert "No answer was graded" in str(draw_pictures(material)["cost_quality"])


def test_both_models_and_the_oracle_on_the_published_table(shared):
    """68.09 % at $1, 80.59 % at $10 alone, 85.87 % at $1 + 17.78 % of $9 for one who knows, within
    4 sigma."""
    made = on_the_table(shared)
    told = quality_trade(made, range(2)).plain()
    spread = 4 * (0.25 / 28_000) ** 0.5
    alone, best = told["alone"], told["frontier"][-1]
    assert alone["weak"][QUALITY] == pytest.approx(WEAK, abs=spread)
    assert alone["strong"][QUALITY] == pytest.approx(STRONG, abs=spread)
    assert (alone["weak"][COST], alone["strong"][COST]) == pytest.approx((1.0, 10.0))
    assert told["random"] == ["weak", "strong"]
    assert best[QUALITY] == pytest.approx(CEILING, abs=spread)
    assert best[COST] == pytest.approx(1.0 + 9.0 * HELPS, abs=9 * spread)
