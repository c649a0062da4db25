"""Determinism, pairing, intervals, the files of a run."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import simroute as sr
from simroute.config.catalogue import list_names
from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.statistics.intervals import (
    binomial,
    interval,
    paired_difference,
    replications_needed,
    t_quantile,
)
from simroute.studies.comparison.run import compare

SHORT = [
    "scenario.horizon=600s",
    "scenario.workload.rate=3",
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
]
FEW = "scenario.workload.rate=1"


def rows(policy, *overrides):
    """Requests and attempts of a short demo."""
    found = sr.simulate(sr.load_scenario("demo", *SHORT, *overrides), policy, seed=1)
    return found.requests, found.attempts


def test_determinism_the_same_seed_gives_the_same_rows():
    """Bit for bit; the first row that differs would be named."""
    for first, second in zip(rows("layered", FEW), rows("layered", FEW), strict=True):
        pairs = zip(map(repr, first.itertuples()), map(repr, second.itertuples()), strict=True)
        assert next(((a, b) for a, b in pairs if a != b), None) is None, (
            "the first row that differs"
        )


def test_common_random_numbers_two_policies_meet_the_same_weather():
    """The same arrivals and sizes, and for each request the same first attempt at the same target,
    whether it came first or second."""
    (one, one_sent), (two, two_sent) = rows("direct"), rows("failover")
    assert (one[["arrival_s", "input_tokens"]] == two[["arrival_s", "input_tokens"]]).all().all()
    # a cut answer counts the tokens that came
    whole = (one.outcome != "truncated") & (two.outcome != "truncated")
    assert 1000 < whole.sum() < len(one)
    assert (one.output_tokens == two.output_tokens)[whole].all()
    keys = ["request_id", "target", "target_attempt"]
    both = one_sent.merge(two_sent, on=keys)
    usable = both[(both.status_x == 200) & (both.status_y == 200)]
    assert len(usable) > 1000
    assert np.allclose(
        usable.end_s_x - usable.start_s_x, usable.end_s_y - usable.start_s_y, rtol=0, atol=1e-9
    )


def test_determinism_workers_and_serial_give_the_same_bits_with_and_without_rows(tmp_path):
    """Two workers with row files, one without: equal summaries."""
    made = load("compare", "demo", ["direct", "layered"], [*SHORT, FEW], 1, 3)
    (tmp_path / "many").mkdir()
    serial = compare(made)
    many = compare(
        made, options=ExecutionOptions(workers=2, out=tmp_path / "many"), rows=True
    ).to_json()
    assert serial.to_json() == many
    assert {path.name for path in (tmp_path / "many").iterdir()} == {
        "summary.json",
        "evidence.json",
        "report.html",
        "config.yaml",
        "requests.parquet",
        "attempts.parquet",
        "events.parquet",
    }
    import duckdb

    count, sends = duckdb.sql(
        f"select count(*), sum(attempts) from '{tmp_path}/many/requests.parquet'"
    ).fetchall()[0]
    assert (
        sends
        == duckdb.sql(f"select count(*) from '{tmp_path}/many/attempts.parquet'").fetchall()[0][0]
    )
    assert count == sum(run.metrics["requests"] for runs in serial.runs.values() for run in runs)


def test_config_yaml_gives_the_same_bits_again(tmp_path):
    """Written, read back and run."""
    short = ["scenario.horizon=900s", "scenario.outages.september.start=100s", FEW]
    made = load("compare", "anthropic_outage", ["circuit_breaker", "cached"], short, 5, 2)
    path = tmp_path / "config.yaml"
    path.write_text(made.to_yaml(), encoding="utf-8")
    assert compare(restore(path)).to_json() == compare(made).to_json()


@pytest.mark.slow
def test_every_packaged_policy_runs_in_every_packaged_scenario():
    """Each pair, the first minutes; every figure finite or null."""
    policies = [name for name in list_names("policies") if "/" not in name]
    assert {
        "direct",
        "retry_only",
        "failover",
        "circuit_breaker",
        "cascade",
        "budget_shift",
        "cached",
        "layered",
    } <= set(policies)
    scenarios = list_names("scenarios")
    assert {
        "demo",
        "steady",
        "anthropic_outage",
        "openai_partial_2025_06",
        "rate_limit_storm",
        "price_cut",
        "budget_month",
    } <= set(scenarios)
    for name in scenarios:
        made = load("compare", name, policies)
        outages = {
            outage: replace(one, start=30.0, end=60.0)
            for outage, one in made.scenario.outages.items()
        }
        minutes = replace(made.scenario, horizon=100.0, outages=outages)
        study = compare(replace(made, scenario=minutes))
        assert list(study.runs) == policies
        json.dumps(study.summary, allow_nan=False)
        assert all(each["forbidden_share"].mean in (0.0, None) for each in study.intervals.values())


def test_a_real_trace_through_a_real_outage(shared):
    """All 19,366 requests; success of `direct` is 1 less the outage's share of arrivals times its
    depth, within 4 sd and the time-outs."""
    trace = shared / "data" / "azure2023_conv.csv"
    made = load("compare", "anthropic_outage", ["direct"], [f"scenario.workload.trace={trace}"])
    study = compare(made)
    arrivals = made.trace.arrival
    hit = ((arrivals >= 1200) & (arrivals < 2220)).mean()
    direct = study.runs["direct"][0].metrics
    assert direct["requests"] == 19_366
    worst, best = 1 - hit, 1 - hit * 0.90
    assert worst < direct["success_rate"] < best
    # errors, and of the rest 5 % that hang; time-outs and fair-weather errors cost a little more
    expected = 1 - hit * (0.9 + 0.1 * 0.05)
    assert direct["success_rate"] == pytest.approx(expected, abs=0.012)


def test_scope_forbidden_providers_are_never_asked():
    """A feature that forbids Anthropic is served elsewhere."""
    found = sr.simulate(
        sr.load_scenario("demo", *SHORT, "scenario.workload.forbid={assistant: [anthropic]}"),
        "circuit_breaker",
    )
    asked = found.attempts.merge(found.requests[["request_id", "feature"]], on="request_id")
    assert "anthropic" not in set(asked[asked.feature == "assistant"].provider)
    assert "anthropic" in set(asked[asked.feature == "search"].provider)


def test_intervals_are_student_s_t_and_exact_binomial():
    """t(9) = 2.262157 (tables); three of three shares of 1 over 300 trials: low = .025^(1/300)."""
    assert t_quantile(9) == pytest.approx(2.262157, abs=1e-6)
    assert interval([1.0, 2.0, 3.0]).low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert interval([1.0, 1.0, 1.0], (300, 300)).low == pytest.approx(0.025 ** (1 / 300), rel=1e-9)
    assert binomial(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert interval([0.5]) == (0.5, None, None)
    assert interval([None, None]) == (None, None, None)
    assert paired_difference([1.0, None, 2.0], [2.0, 3.0, 4.0]).mean == 1.5
    assert replications_needed([1.0, 3.0], 0.0) is None


@pytest.mark.parametrize("n", [10, 20, 100])
def test_intervals_cover_as_often_as_they_say(n):
    """Means of n skewed (lognormal, sigma .5) estimates: 95 % nominal; 2,000 trials, so 4 sd are 2
    points, and t on skewed data loses 3."""
    draw = np.random.default_rng(n)
    truth = math.exp(0.125)
    hits = sum(
        low <= truth <= high
        for _, low, high in (interval(draw.lognormal(0, 0.5, n).tolist()) for _ in range(2000))
    )
    assert 0.90 < hits / 2000 < 0.97


def test_needed_says_how_many_replications_would_decide():
    """Sd 1 and a distance of .5: t(n-1)/sqrt(n) < .5 first holds at n = 18; the answer is at most a
    tenth above."""
    values = [0.0, math.sqrt(2.0)]
    assert 18 <= replications_needed(values, 0.5) <= 20


def test_assertions_hold_on_the_unfavourable_bound():
    """`direct` misses what `circuit_breaker` keeps; a metric that does not exist is named with the
    nearest."""
    study = compare(
        load("compare", "demo", ["direct", "circuit_breaker"], ["scenario.workload.rate=0.2"], 1, 3)
    )
    assert [line.split(":")[0] for line in study.failed(["success_rate>=0.97"])] == ["direct"]
    assert study.failed(["circuit_breaker:success_rate>=0.97", "cost_usd<1000"]) == []
    with pytest.raises(InputError, match="did you mean success_rate"):
        study.failed(["sucess_rate>=1"])
    assert study.verdict[0]["meets_slo"] is False
