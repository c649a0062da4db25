"""The same requests through the simulator, and through mock and gateway on sockets."""

import pytest

from simroute.config.loading import load
from simroute.errors import InputError
from simroute.parity import Line, compare_worlds, compressed, without_idle


def test_simulation_and_sockets_agree_to_the_nano_dollar():
    """Half of all calls fail at one company: who answers, how often they are asked, and what it
    costs. Nothing depends on the moment, so that a busy machine changes nothing."""
    words = [
        "scenario.horizon=20s",
        "scenario.outages={o: {provider: anthropic, start: 0s, end: 100%, error_share: 0.5, "
        "status: 529}}",
        "policy.timeout.total=300s",
        "policy.timeout.first_token=100s",
    ]
    configuration = load("parity", "steady", ["failover"], words, 5, 1)
    lines = {line.name: line for line in compare_worlds(configuration, "failover", 10.0)}
    assert lines["attempts_per_request"].simulated > 1.2
    for name in ("success_rate", "attempts_per_request", "cost_usd"):
        assert lines[name].live == pytest.approx(lines[name].simulated, rel=1e-12)
    assert lines["latency_p50_s"].live >= 0.99 * lines["latency_p50_s"].simulated


def test_a_shorter_scenario_keeps_its_outage_s_share_of_it():
    """A tenth of the requests: a tenth of the horizon, and of the times of what is scheduled."""
    words = ["scenario.outages.september.start=20m", "scenario.outages.september.end=40m"]
    scenario = load("parity", "anthropic_outage", ["direct"], words, 1, 1).scenario
    requests = scenario.workload.rate * scenario.horizon / 10
    short = compressed(scenario, requests)
    assert short.horizon == pytest.approx(scenario.horizon / 10)
    assert short.outages["september"].start == pytest.approx(120)
    assert short.outages["september"].end == pytest.approx(240)
    assert compressed(scenario, 10**9) == scenario


def test_a_budget_without_a_sum_is_left_out_of_both_worlds():
    """It would do nothing in the one, and is refused in the other."""
    layers = load("parity", "steady", ["layered"], ["scenario.budget=null"], 1, 1).policies
    assert "budget" in layers["layered"]
    assert "budget" not in without_idle(layers["layered"])


def test_a_policy_that_cannot_run_live_is_refused_before_anything_is_sent():
    """A cascade has no judge here."""
    configuration = load("parity", "steady", ["cascade"], ["scenario.horizon=20s"], 5, 1)
    with pytest.raises(InputError, match="judge"):
        compare_worlds(configuration, "cascade", 10.0)


@pytest.mark.parametrize(
    ("simulated", "live", "is_share", "agrees"),
    [
        (1.0, 1.05, True, True),
        (1.0, 1.11, True, False),
        (3, 3.1, False, True),
        (3, 4, False, False),
    ],
)
def test_a_margin_is_a_share_or_an_amount(simulated, live, is_share, agrees):
    """A tenth, either way."""
    assert Line("x", simulated, live, None, None, 0.1 + 1e-9, is_share).agrees is agrees
