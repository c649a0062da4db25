"""The same requests through the simulator, and through mock and gateway on sockets."""

from dataclasses import replace

import numpy as np
import pytest

from simroute.config.loading import load
from simroute.errors import InputError
from simroute.parity import Line, compare_worlds, compressed, play_both, without_idle


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


def both(scenario, policy, words=(), requests=10**9):
    """What became of each request, simulated and over sockets, where work takes no time."""
    configuration = load("parity", scenario, [policy], list(words), 1, 1)
    short = compressed(configuration.scenario, requests)
    layers = {policy: without_idle(configuration.policies[policy])}
    return play_both(replace(configuration, scenario=short, policies=layers), policy, None)


LOOKUP_S, WAIT_S = 0.003, 0.001
"""A cache's lookup, which real time has paid already, and the millisecond to which a wait that a
provider asks for is rounded up."""


def check_same(simulated, live):
    """Who was answered, how often it was tried, and when: request by request."""
    assert simulated.ok.tolist() == live.ok.tolist()
    assert simulated.attempts.tolist() == live.attempts.tolist()
    assert simulated.opened == live.opened
    slack = LOOKUP_S + WAIT_S * (live.attempts - 1).clip(0) + 1e-6
    for ours, theirs in ((simulated.latency, live.latency), (simulated.ttft, live.ttft)):
        assert np.isnan(ours).tolist() == np.isnan(theirs).tolist()
        assert (np.nan_to_num(abs(ours - theirs)) <= slack).all()


QUICK = [("anthropic_outage", "circuit_breaker"), ("flaky_provider", "layered")]
LONG = [
    (scenario, policy)
    for scenario in ("anthropic_outage", "rate_limit_storm", "flaky_provider")
    for policy in ("circuit_breaker", "layered")
]


@pytest.mark.parametrize(
    ("scenario", "policy", "requests"),
    [
        *((*case, 250) for case in QUICK),
        *(pytest.param(*case, 2000, marks=pytest.mark.slow) for case in LONG),
    ],
)
def test_where_work_takes_no_time_nothing_differs(scenario, policy, requests):
    """Outages, rate limits with their waits, retries with their jitter, breakers, caches: request
    by request. Bills are equal but for calls that were given up, of which the gateway knows the
    input and what had come."""
    simulated, live = both(scenario, policy, requests=requests)
    check_same(simulated, live)
    same = simulated.nano == live.nano
    assert same.mean() > 0.97
    assert live.nano.sum() == pytest.approx(simulated.nano.sum(), rel=0.01)


ALONE = (
    "scenario.outages={}",
    "scenario.horizon=25s",
    "scenario.deployments={a: {provider: openai, model: m, price: {input: 3, output: 15}, FAULT}, "
    "b: {provider: google, model: n, price: {input: 2, output: 9}}}",
)
UNKNOWN = ("reset", "hang", "invalid_body", "stalled")
"""Where a provider knows more of a bill than anybody is told: what a broken connection, a hang, a
body that nobody can read and a stream that was given up cost."""


@pytest.mark.parametrize(
    "fault",
    [
        "errors: {refused: 0.3}",
        "errors: {reset: 0.3}",
        "errors: {hang: 0.2}",
        "errors: {invalid_body: 0.3}",
        "errors: {content_filter: 0.3}",
        "errors: {context_length: 0.3}",
        "errors: {quota: 0.3}",
        "max_output_tokens: 60",
        "max_input_tokens: 1200",
        "truncated: 0.4",
        "stalled: 0.3",
    ],
)
def test_each_way_to_fail_is_the_same_through_sockets(fault):
    """The scenario's word, what the fake provider does, and what the gateway makes of it."""
    words = [word.replace("FAULT", fault) for word in ALONE]
    simulated, live = both("steady", "circuit_breaker", words)
    check_same(simulated, live)
    if not any(name in fault for name in UNKNOWN):
        # where a stream is cut, its first token counts as one
        off = abs(simulated.nano - live.nano)
        assert off.max() <= (15_000 if "truncated" in fault else 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scenario.gateway.restart_every=1h"], "restart_every"),
        (["scenario.gateway.flush_every=1h"], "flush_every"),
        (["scenario.gateway.concurrency=5"], "concurrency"),
    ],
)
def test_what_has_no_counterpart_on_sockets_is_told(words, says):
    """One line, with what to leave out."""
    scenario = load("parity", "steady", ["direct"], words, 1, 1).scenario
    with pytest.raises(InputError, match=says):
        compressed(scenario, 100)


def test_all_moments_of_a_run_are_shortened_with_it():
    """A flash crowd and a new price, which are no outages."""
    words = [
        "scenario.workload.spikes={rush: {start: 20m, end: 40m, factor: 3}}",
        "scenario.deployments.gpt-oss.price_steps={cut: {at: 1h, input: 1, output: 2}}",
    ]
    scenario = load("parity", "steady", ["direct"], words, 1, 1).scenario
    requests = scenario.workload.rate * scenario.horizon / 10
    short = compressed(scenario, requests)
    assert short.workload.spikes["rush"].start == pytest.approx(120)
    assert short.workload.spikes["rush"].end == pytest.approx(240)
    assert short.deployments["gpt-oss"].price_steps["cut"].at == pytest.approx(360)
