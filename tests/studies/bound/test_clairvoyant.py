"""The clairvoyant bound: against closed forms, against the simulator itself, and above every
packaged policy."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.core import Outcome
from simroute.experiment.run import build_weather, replicate
from simroute.models import spec
from simroute.report import Picture, RunDocuments, draw_pictures
from simroute.studies.bound.clairvoyant import (
    BOUND_METRICS,
    TRIES,
    Preference,
    clairvoyant_figures,
    decide,
    decisions,
    is_exact,
    options,
)
from simroute.studies.bound.gap import (
    LIMITED,
    QUEUED,
    bound_label,
    clairvoyant_bound,
    latency_frontier,
    share_closed,
)
from simroute.studies.comparison.run import compare

ROOT = Path(__file__).parents[3]
POLICIES = sorted(path.stem for path in (ROOT / "policies").glob("*.yaml"))
ALIKE = {
    "chat": spec.Task(input_tokens=spec.Lengths(1000, 0.0), output_tokens=spec.Lengths(100, 0.0))
}
STILL = spec.Latency(base=1.0, per_1k_input=0.0, per_output_token=0.01, sigma=0.0, token_sigma=0.0)


def two(cheap: spec.Deployment, dear: spec.Deployment, **scenario) -> Configuration:
    """Equal requests at 5/s for 2,000 s; a cheap target ($1 and $2 a million) and a dear one ($10
    and $20)."""
    load = spec.Workload(**{"rate": 5.0, "tasks": ALIKE} | scenario.pop("workload", {}))
    made = spec.Scenario(
        {"cheap": cheap, "dear": dear},
        horizon=2000.0,
        workload=load,
        gateway=spec.Gateway(overhead=0.0),
        **scenario,
    )
    return Configuration("compare", "test", made, {"direct": {}}, 1, 4)


def target(company: str, price: float, **more) -> spec.Deployment:
    return spec.Deployment(
        company, "m", price=spec.PriceList(price, 2 * price), **{"latency": STILL} | more
    )


def test_two_targets_cost_what_the_closed_form_says():
    """The cheap one is out for a quarter of the time: three quarters at $0.0012, the rest at
    $0.012, within 4 sd (binomial)."""
    outage = {"o": spec.Outage(provider="a", start="25%", end="50%", error_share=1.0)}
    found = clairvoyant_figures(two(target("a", 1.0), target("b", 10.0), outages=outage), 0)[0]
    share = 0.25 + 4 * math.sqrt(0.25 * 0.75 / found["requests"])
    assert found["cost_per_1k_requests_usd"] == pytest.approx(
        1.2 * 0.75 + 12 * 0.25, abs=(12 - 1.2) * (share - 0.25)
    )
    assert found["success_rate"] == found["slo_attainment"] == 1.0
    assert found["latency_p95_s"] == pytest.approx(2.0, rel=0.001), (
        "1 s to the first token, then 100 of 10 ms"
    )


def test_a_share_of_errors_at_both_leaves_what_no_try_can_repair():
    """Half of all calls fail at both, three tries each: 1 - .5^6 succeed, and .5^3 of all pay the
    dear one if need be, within 4 sd."""
    bad = {"errors": {500: 0.5}}
    found = clairvoyant_figures(two(target("a", 1.0, **bad), target("b", 10.0, **bad)), 0)[0]
    n = found["requests"]
    assert found["success_rate"] == pytest.approx(1 - 0.5**6, abs=4 * math.sqrt(0.5**6 / n))
    dear = 0.5**3 * (1 - 0.5**3)
    assert found["cost_per_1k_requests_usd"] == pytest.approx(
        1.2 * (1 - 0.5**3) + 12 * dear, abs=12 * 4 * math.sqrt(dear / n)
    )


def test_an_answer_that_comes_too_late_is_bought_elsewhere():
    """The cheap target takes 41 s, the promise is 30 s: everything goes to the dear one; alone,
    late is better than never."""
    slow = target("a", 1.0, latency=replace(STILL, base=40.0))
    found = clairvoyant_figures(two(slow, target("b", 10.0)), 0)[0]
    assert (found["cost_per_1k_requests_usd"], found["slo_attainment"]) == (
        pytest.approx(12.0),
        1.0,
    )
    alone = clairvoyant_figures(two(slow, target("b", 10.0, errors={500: 1.0})), 0)[0]
    assert (alone["success_rate"], alone["slo_attainment"], alone["cost_per_1k_requests_usd"]) == (
        1.0,
        0.0,
        pytest.approx(1.2),
    )


def test_a_forbidden_provider_is_never_asked():
    """Half of the requests may not go to the cheap company; they go to the dear one."""
    load = {"features": {"open": 1.0, "closed": 1.0}, "forbid": {"closed": ("a",)}}
    made = two(target("a", 1.0), target("b", 10.0), workload=load)
    for block, choice in decisions(made, 0):
        assert np.array_equal(choice.target, block.feature)


def test_where_everything_is_forbidden_nothing_is_sent_and_nothing_paid():
    """Success 0, cost 0."""
    load = {"features": {"closed": 1.0}, "forbid": {"closed": ("a", "b")}}
    found = clairvoyant_figures(two(target("a", 1.0), target("b", 10.0), workload=load), 0)[0]
    assert (found["success_rate"], found["cost_usd"], found["latency_p95_s"]) == (0.0, 0.0, None)


@dataclass
class Told:
    """Sends each request where the bound says; the calls before the one that answers are given up
    at once."""

    choice: dict[int, tuple[str | None, int]]
    kind = "told"

    async def __call__(self, call, send, world):
        aim, n = self.choice[call.request.id]
        if aim is None:
            return Outcome.rejected("told")
        for _ in range(n):
            await world.within(0.0, send(call.to(aim)))
        return await send(call.to(aim))


@pytest.mark.parametrize("abandoned", ["runs_on", "stops"])
@pytest.mark.parametrize("scenario", ["demo", "price_cut", "rough"])
def test_a_policy_that_is_told_the_choices_reproduces_them_in_the_simulator(scenario, abandoned):
    """Cost to the nano-dollar, success, latency and quality are those of the bound."""
    words = ["scenario.horizon=90m", "scenario.workload.rate=1", f"scenario.abandoned={abandoned}"]
    if scenario == "rough":
        words += ["scenario.outages.morning.error_share=0.9", "scenario.slo.latency=3s"]
        words += [
            f"scenario.deployments.{name}.truncated=0.2"
            for name in ("claude-sonnet", "gpt-terra", "gemini-flash")
        ]
        words += [
            "scenario.outages.morning.stall_share=0.3",
            "scenario.deployments.gpt-terra.stalled=0.1",
            "scenario.deployments.gpt-terra.errors={500: 0.05, reset: 0.1, content_filter: 0.05}",
            "scenario.deployments.gpt-terra.max_output_tokens=300",
            "scenario.deployments.gemini-flash.errors={invalid_body: 0.1, quota: 0.05, reset: 0.1}",
            "scenario.deployments.gemini-flash.max_input_tokens=3000",
            "scenario.outages.morning.status=reset",
            "scenario.outages.morning.ramp=5m",
            "scenario.outages.morning.flapping={bad: 3m, fair: 1m}",
            "scenario.outages.morning.depth.spread=0.1",
        ]
        words += [
            "scenario.workload.burstiness={cv: 1.5, peak: 4}",
            "scenario.workload.tasks.chat.correlation=0.5",
        ]
        words += [
            "scenario.workload.tasks.chat.input_tokens.quantiles={p0: 9, p50: 900, p99.9: 9000, "
            "p100: 20000}"
        ]
        words += [
            "scenario.deployments.gpt-terra.clustered={share: 0.2, spell: 20s, error_share: 0.7}"
        ]
        words += [
            "scenario.deployments.gemini-flash.latency={floor: 0.2, correlation: 0.8, slow: "
            "{share: 0.1, factor: 5, token_factor: 2}}"
        ]
    made = load("compare", "demo" if scenario == "rough" else scenario, ["direct"], words)
    names = list(made.scenario.deployments)
    told: dict[int, tuple[str | None, int]] = {}
    for block, choice in decisions(made, 0):
        aims = [names[code] if code >= 0 else None for code in choice.target.tolist()]
        told |= dict(
            zip(
                range(block.first, block.first + block.size),
                zip(aims, choice.n.tolist(), strict=True),
                strict=True,
            )
        )
    played = replicate(replace(made, policies={"told": {"told": Told(told)}}), "told", 0).metrics
    expected = clairvoyant_figures(made, 0)[0]
    assert {name: played[name] for name in BOUND_METRICS} == expected
    assert scenario != "rough" or max(n for _, n in told.values()) > 0, (
        "the rough weather makes it ask again"
    )


@pytest.mark.parametrize("abandoned", ["runs_on", "stops"])
@pytest.mark.parametrize("price", [10.0, 2.0, 1.0, 0.5])
def test_only_calls_that_may_be_the_best_are_looked_at(price, abandoned):
    """Whoever has an answer in time gives it up for a dearer one, so only what lacks one need be
    asked again, and a dear target only for those to whom the cheap one is not cheaper: a third of
    the calls fail, and the choices are those from all calls to all targets."""
    bad = {"errors": {500: 0.3}, "latency": spec.Latency()}
    made = two(target("a", 1.0, **bad), target("b", price, **bad), abandoned=abandoned)
    weather = build_weather(made, 0)
    for block in weather.blocks():
        few, every = (options(weather, block, hurry) for hurry in (False, True))
        assert [len(option.rows) for option in every] == [block.size] * 2 * TRIES
        if price == 10.0:  # more than all three calls to the other
            first, again, last, dear, *_ = few
            assert len(again.rows) == np.count_nonzero(first.rank < 2) < block.size / 2
            assert len(dear.rows) == np.count_nonzero(last.rank < 2) < len(last.rows) / 2
        for one, other in zip(decide(few, block.size), decide(every, block.size), strict=True):
            assert one.tolist() == other.tolist()


@pytest.mark.parametrize(
    "scenario", ["demo", pytest.param("steady", marks=pytest.mark.slow), "anthropic_outage"]
)
def test_no_packaged_policy_is_better_in_any_replication(scenario):
    """Without limits the bound answers at least as many, in time and at all, and costs no more."""
    made = load(
        "compare", scenario, POLICIES, ["scenario.horizon=50m", "scenario.workload.rate=0.3"], 3, 2
    )
    assert is_exact(made.scenario)
    for replication in range(2):
        best = clairvoyant_figures(made, replication)[0]
        for policy in POLICIES:
            found = replicate(made, policy, replication).metrics
            assert best["success_rate"] >= found["success_rate"], policy
            assert best["slo_attainment"] >= found["slo_attainment"], policy
            assert best["cost_usd"] <= found["cost_usd"], policy


def test_with_limits_it_is_called_a_bound_without_them():
    """A limit at any deployment takes the exactness away."""
    made = load("compare", "rate_limit_storm", ["direct"], ["scenario.horizon=60s"], 1, 2)
    found = clairvoyant_bound(made, [0, 1])
    assert (found.exact, found.label, is_exact(load("compare", "demo", ["direct"]).scenario)) == (
        False,
        LIMITED,
        True,
    )
    slots = load(
        "compare", "demo", ["direct"], ["scenario.deployments.claude-sonnet.limits.concurrency=3"]
    )
    assert (is_exact(slots.scenario), bound_label(slots.scenario)) == (False, QUEUED)


def test_the_frontier_rises_with_what_an_answer_is_worth_and_ends_in_the_bound():
    """Success and cost grow together, and each further answer is dearer than the last."""
    made = load("compare", "demo", ["direct"], ["scenario.horizon=50m"], 1, 2)
    points = clairvoyant_bound(made, [0, 1]).frontier
    x, y = (
        [point.interval(name).mean for point in points]
        for name in ("cost_per_1k_requests_usd", "success_rate")
    )
    slopes = np.diff(y) / np.diff(x)
    assert sorted(x) == x
    assert sorted(y) == y
    assert (np.diff(slopes) <= 1e-9).all(), "concave"
    assert points[-1].preference == Preference()


def test_hurry_buys_time_for_money():
    """The more a second is worth, the sooner the answers, and the dearer."""
    points = latency_frontier(
        load("compare", "demo", ["direct"], ["scenario.horizon=50m"], 1, 2), [0, 1]
    )
    cost, p95 = (
        [point.interval(name).mean for point in points]
        for name in ("cost_per_1k_requests_usd", "latency_p95_s")
    )
    assert cost == sorted(cost)
    assert p95[0] > p95[-1]


def test_a_closed_gap_is_told_relative_to_the_first_policy():
    """From .9 to 1.0 by way of .98: four fifths; the first closes none; a first that is at the
    bound has no gap."""
    ideal, first = [1.0, 1.0, 1.0], [0.9, 0.91, 0.89]
    found = share_closed(ideal, first, [0.98, 0.981, 0.979])
    assert found.mean == pytest.approx(0.8)
    assert found.low <= 0.8 <= found.high
    assert share_closed(ideal, first, first).mean == 0.0
    assert share_closed(ideal, ideal, first).mean is None


@pytest.fixture(scope="module")
def study():
    """A short comparison."""
    return compare(
        load(
            "compare",
            "demo",
            ["direct", "failover"],
            ["scenario.horizon=50m", "scenario.workload.rate=0.5"],
            1,
            3,
        )
    )


def test_the_summary_tells_the_bound_and_each_regret(study):
    """Paired differences to it for each policy, and what the second has closed of the first one's
    distance."""
    summary = study.summary
    assert summary["bound"]["exact"] is True
    assert set(summary["bound"]["metrics"]) == set(BOUND_METRICS)
    regret = summary["policies"]["failover"]["regret"]
    assert regret["success_rate"]["mean"] <= 0 <= regret["cost_per_1k_requests_usd"]["low"]
    assert 0.5 < regret["success_rate"]["closed"]["mean"] <= 1
    assert "closed" not in regret["quality_mean"], (
        "the bound looks for the cheapest answers, not for the best"
    )


def test_the_report_shows_the_bound_among_the_policies_and_runs_without_one_still_can_be_drawn(
    study,
):
    """A sentence on its quality, which is worse here, a row and a column in the table of costs and
    success; nothing of it for a run of an earlier version."""
    material = RunDocuments(study.summary, study.page_evidence)
    drawn = draw_pictures(material)["cost_success"]
    assert isinstance(drawn, Picture)
    assert "gives up quality" in drawn.caption
    assert drawn.table.rows[-1][0] == "(clairvoyant)"
    assert "is made good" in drawn.table.rows[1][-1]
    earlier = {key: value for key, value in study.summary.items() if key != "bound"}
    assert "clairvoyant" not in str(
        draw_pictures(RunDocuments(earlier, study.page_evidence))["cost_success"]
    )
