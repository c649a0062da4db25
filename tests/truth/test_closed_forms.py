"""The whole simulator against theory. Tolerances are four standard deviations, scaled from the
measured ones of closed_forms.json."""

import math

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play
from simroute.traces import Trace
from tests.worlds.sim.test_service import ran

PRICE = spec.PriceList(1.0, 1.0)


def near(form, name, value, n):
    """Within four standard deviations of a run of n."""
    check = form["check"][name]
    assert value == pytest.approx(
        form["expected"][name], abs=check["tol_abs"] * math.sqrt(check["n"] / n)
    ), name


def simulated(layers, deployments, rate=10.0, horizon=2000.0, **scenario):
    """Figures of one replication."""
    made = spec.Scenario(
        deployments=deployments, horizon=horizon, workload=spec.Workload(rate=rate), **scenario
    )
    return replicate(Configuration("run", "test", made, {"policy": layers}), "policy", 0).metrics


def test_a07_a_fallback_chain_succeeds_and_sends_as_independent_failures_say(forms):
    """Three providers failing 5, 10 and 20 %: 99.9 % success at 1.055 sends, within 4 sd of 20,000
    requests."""
    form = forms["A07"]
    fails = {
        f"p{i}": spec.Deployment(f"c{i}", "m", price=PRICE, errors={500: p})
        for i, p in enumerate(form["params"]["p"])
    }
    found = simulated({"fallback": Fallback(tuple(fails))}, fails)
    near(form, "success", found["success_rate"], found["requests"])
    near(form, "calls", found["attempts_per_request"], found["requests"])


@pytest.mark.parametrize("name", ["T02", "T03"])
def test_t02_t03_retries_amplify_load_as_the_geometric_sum_says(forms, name):
    """Four sends at 10 and at 50 % failures, within 4 sd of 20,000 requests."""
    form = forms[name]
    target = {"a": spec.Deployment("c", "m", price=PRICE, errors={500: form["params"]["p"]})}
    found = simulated({"retry": Retry(attempts=4, backoff=Backoff(0.01, 1.0, 1.0, "none"))}, target)
    near(form, "load_factor", found["load_amplification"], found["requests"])
    near(form, "success", found["success_rate"], found["requests"])


def test_t01_timeouts_with_immediate_retries_on_exponential_latencies(forms):
    """Three tries of 2 s at mean 1 s: success, attempts and time, within 4 sd of 20,000
    requests."""
    form, n = forms["T01"], 20_000
    steps = [Step(float(s)) for s in np.random.default_rng(7).exponential(1.0, 2 * n)]
    layers = {
        "retry": Retry(attempts=3, statuses=(408,), backoff=Backoff(0.0, 1.0, 0.0, "none")),
        "timeout": Timeout(2.0),
    }
    log = play(layers, {"a": steps}, [10.0 * i for i in range(n)], abandoned="stops")
    outcomes = list(log.requests.values())
    near(form, "p_success", sum(outcome == "ok" for outcome, *_ in outcomes) / n, n)
    near(form, "attempts", len(log.attempts) / n, n)
    near(form, "time", sum(latency for *_, latency in outcomes) / n, n)


def queue(form, slots, room, n, seed):
    """Waits (s) and statuses of n Poisson arrivals at one provider with exponential service of mean
    1 s."""
    draw = np.random.default_rng(seed)
    arrivals = np.cumsum(draw.exponential(1 / form["params"]["lam"], n)).tolist()
    service = draw.exponential(1.0, n)
    log = play(
        {},
        {"a": [Step(float(s)) for s in service]},
        arrivals,
        limits=spec.Limits(concurrency=slots, queue=room),
    )
    latency = np.array([log.requests[i][2] for i in range(n)])
    return latency, service, np.array([log.requests[i][0] == "ok" for i in range(n)])


def test_q03_waiting_in_m_m_c(forms):
    """Erlang C with four slots at 80 % load: mean wait and share that waits, within 4 sd of 30,000
    calls."""
    form, n = forms["Q03"], 30_000
    latency, service, ok = queue(form, 4, 10_000, n, 3)
    wait = latency - service
    assert ok.all()
    near(form, "Wq", wait.mean(), n)
    near(form, "erlang_c", (wait > 1e-9).mean(), n)


def test_q09_blocking_in_m_m_1_k(forms):
    """One slot and nine places at 90 % load: the share refused, within 4 sd of 30,000 calls."""
    form, n = forms["Q09"], 30_000
    draw = np.random.default_rng(5)
    arrivals = np.cumsum(draw.exponential(1 / 0.9, n)).tolist()
    # the n-th answer belongs to the n-th call, refused or not: service times are independent of
    # that
    log = play(
        {},
        {"a": [Step(float(s)) for s in draw.exponential(1.0, n)]},
        arrivals,
        limits=spec.Limits(concurrency=1, queue=9),
    )
    near(form, "blocking", sum(outcome != "ok" for outcome, *_ in log.requests.values()) / n, n)


def test_q14_concurrency_in_m_g_infinity():
    """Without a limit, Poisson arrivals and lognormal latencies give a Poisson number in flight:
    mean 20 x 1.5 = 30, variance 30."""
    # Sampled every 4 s over 4,000 s (993 samples that correlate by less than .01): 4 sd are 0.70
    # for the mean, 5.7 for the variance.
    sigma = 0.5
    base = 1.5 / math.exp(sigma**2 / 2)
    latency = spec.Latency(base=base, per_1k_input=0.0, per_output_token=0.0, sigma=sigma)
    made = spec.Scenario(
        deployments={"a": spec.Deployment("c", "m", price=PRICE, latency=latency)},
        horizon=4_000.0,
        workload=spec.Workload(rate=20.0),
        gateway=spec.Gateway(overhead=0.0),
    )
    starts, ends = [], []

    def sink(_):
        return lambda table, chunk: (
            (starts.append(chunk["start_s"]), ends.append(chunk["end_s"]))
            if table == "attempts"
            else None
        )

    replicate(Configuration("run", "test", made, {"policy": {}}), "policy", 0, sink)
    start, end = np.sort(np.concatenate(starts)), np.sort(np.concatenate(ends))
    at = np.arange(30.0, 4_000.0, 4.0)
    flying = np.searchsorted(start, at, side="right") - np.searchsorted(end, at, side="right")
    assert flying.mean() == pytest.approx(30.0, abs=4 * math.sqrt(30 / len(at)))
    assert flying.var() == pytest.approx(30.0, abs=4 * 30 * math.sqrt(2 / len(at)) * 1.05)


def test_c01_a_breaker_with_few_failures_turns_half_the_failures_into_nine_tenths_refusals(
    forms,
):
    """Five in a row at 50 % failures, 30 s rest, one trial: shares refused and served, within 4 sd
    of 30,000 calls."""
    form, n = forms["C01"], 30_000
    draw = np.random.default_rng(11)
    steps = [Step(0.0, 500 if fails else 200) for fails in draw.random(n) < form["params"]["p"]]
    arrivals = np.cumsum(draw.exponential(1 / form["params"]["lam"], n)).tolist()
    log = play(
        {"breaker": Breaker(failures=5, consecutive=True, cooldown=30.0)}, {"a": steps}, arrivals
    )
    outcomes = [outcome for outcome, *_ in log.requests.values()]
    near(form, "rejected_fraction", outcomes.count("rejected") / n, n)
    near(form, "success_fraction", outcomes.count("ok") / n, n)


def test_a_scheduled_outage_costs_a_direct_policy_exactly_its_share():
    """Half of the time 40 % errors, no time-out: success 1 - .2, within 4 sd (binomial) of 20,000
    requests."""
    target = {"a": spec.Deployment("c", "m", price=PRICE)}
    outages = {"o": spec.Outage(provider="c", start="25%", end="75%", error_share=0.4)}
    found = simulated({}, target, outages=outages)
    assert found["success_rate"] == pytest.approx(
        0.8, abs=4 * math.sqrt(0.8 * 0.2 / found["requests"])
    )
    # at 10 requests/s hardly a second is empty: e^-10
    assert found["time_on_failing_target_s"] == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("charge", ["reserve", "estimate", "generated"])
def test_tokens_a_minute_admit_what_the_refill_pays_for(charge):
    """600 tokens at once and 10 a second for 600 s pay for 6,600 / 101 = 65 calls; what is charged
    late overshoots by the calls in flight (4)."""
    one = spec.Lengths(median=1, sigma=0.0)
    load = spec.Workload(
        rate=1.0,
        max_output_tokens=100,
        tasks={"chat": spec.Task(input_tokens=one, output_tokens=spec.Lengths(100, 0.0))},
    )
    target = {
        "a": spec.Deployment("c", "m", price=PRICE, limits=spec.Limits(tpm=600.0, charge=charge))
    }
    made = spec.Scenario(deployments=target, horizon=600.0, workload=load)
    found = replicate(Configuration("run", "test", made, {"policy": {}}), "policy", 0).metrics
    assert found["requests"] - found["rate_limited"] == pytest.approx(6600 / 101, abs=4)


@pytest.mark.parametrize(("share", "name"), [(0.4, "p_at_40"), (0.3, "p")])
def test_c06_a_breaker_trips_in_fair_weather_as_often_as_the_binomial_says(forms, share, name):
    """Half of the last hundred calls, where 40 (30) % fail by a coin: the 101st of a run is refused
    in P(Bin(100, p) >= 50) of 1,200 runs, within 4 sd, and in all others is sent."""
    form, runs = forms["C06"], 1200
    window, threshold = form["params"]["n"], form["params"]["threshold"]
    made = spec.Scenario(
        {"a": spec.Deployment("c", "m", price=PRICE, errors={500: share})}, horizon=1000.0
    )
    trace = Trace(
        np.arange(1, window + 2) * 5.0, np.ones(window + 1, int), np.ones(window + 1, int)
    )
    sent = []
    for seed in range(runs):
        breaker = Breaker(rate=threshold, count_window=window, min_calls=window, cooldown=900.0)
        sent.append(len(ran(made, {"breaker": breaker}, trace, seed)[1]["attempts"]["status"]))
    assert set(sent) <= {window, window + 1}
    expected = form["expected"][name]
    sd = math.sqrt(expected * (1 - expected) / runs)
    assert np.mean(np.array(sent) == window) == pytest.approx(expected, abs=4 * sd)
