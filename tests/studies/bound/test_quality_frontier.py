"""The best answers for a mean cost, by one who knows which are right."""

import math

import pytest

import simroute as sr
from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.models import spec
from simroute.studies.bound.frontier import compute_frontier

WEAK, STRONG, CEILING, HELPS = 0.68091473, 0.80587020, 0.85873050, 0.17781577
"""Of RouteLLM's MMLU table: accuracies, the oracle's, and the share in which only the strong one is
right."""
DEAR, CHEAP = 10.0, 1.0
THOUSAND = {
    "chat": spec.Task(
        input_tokens=spec.Lengths(median=1000.0, sigma=0.0),
        output_tokens=spec.Lengths(median=100.0, sigma=0.0),
    )
}


def on_the_table(shared):
    """Each question once: USD .01 and .001 a request."""
    deployments = {
        name: spec.Deployment(
            name, name, price=spec.PriceList(usd, 0.0), outcomes=column, latency=spec.Latency(0.1)
        )
        for name, usd, column in (
            ("strong", DEAR, "gpt-4-1106"),
            ("weak", CHEAP, "mixtral-8x7b"),
        )
    }
    table = str(shared / "data" / "outcomes_mmlu_routellm.csv.gz")
    load = spec.Workload(rate=10.0, outcomes=table, tasks=THOUSAND)
    made = spec.Scenario(deployments=deployments, horizon=1403.7, workload=load)
    return Configuration("compare", "test", made, {}, replications=2)


def test_the_oracle_s_ceiling_on_the_published_table(shared):
    """85.873 % at 17.78 % strong calls, from 68.091 %; between them a line. A replication has some
    hundred questions more or less than the table, within 4 sd of a Poisson count of 14,037."""
    found = compute_frontier(on_the_table(shared), "quality")
    frame = found.columns
    spread = 4 * math.sqrt(0.25 / 14_037) * 0.3
    assert frame["quality_mean"][0] == pytest.approx(WEAK, abs=spread)
    assert frame["quality_mean"][-1] == pytest.approx(CEILING, abs=spread)
    cost = frame["cost_per_1k_requests_usd"]
    assert cost[0] == pytest.approx(1.0)
    assert cost[-1] == pytest.approx(1.0 + 9.0 * HELPS, abs=9.0 * spread)
    assert found.best_quality(cost[0] + (cost[-1] - cost[0]) / 2) == pytest.approx(
        (WEAK + CEILING) / 2, abs=spread
    )
    assert found.best_quality(0.5) is None
    assert found.best_quality(100.0) == frame["quality_mean"][-1]
    assert set(found.figures) == {"frontier"}


def test_more_money_buys_better_answers_up_to_the_best_of_all():
    """From the cheapest to where no more is right, in a packaged scenario."""
    scenario = sr.load_scenario("demo", "scenario.horizon=10m", "~scenario.outages")
    found = sr.frontier(scenario, "quality", replications=2)
    quality = found.columns["quality_mean"]
    assert quality == sorted(quality)
    assert quality[-1] > quality[0]
    cost = found.columns["cost_per_1k_requests_usd"]
    assert cost == sorted(cost)
    assert found.columns["success_rate"][0] == found.columns["success_rate"][-1]


def test_without_any_quality_there_is_nothing_to_trade():
    """Said in a line, with the key."""
    made = spec.Scenario(
        {"a": spec.Deployment("o", "s", price=spec.PriceList(1.0, 1.0), quality=None)}
    )
    with pytest.raises(InputError, match="no deployment has a quality; give deployments"):
        compute_frontier(Configuration("compare", "test", made, {}, replications=1), "quality")
