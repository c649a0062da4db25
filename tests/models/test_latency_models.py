"""How long answers take: families, what correlates with what, load, cold starts and distance."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simroute.config.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.drift import DriftSteps
from simroute.models.random import Streams
from simroute.models.spread import gamma_shape, spread_times
from simroute.models.strain import Strain
from simroute.policies.fallback import Fallback
from simroute.studies.bound.clairvoyant import is_exact
from simroute.studies.bound.gap import ALONE, bound_label

PRICE = spec.PriceList(3, 15)
N = 20_000
SHAPE = gamma_shape(0.5)
FLAT = {"per_1k_input": 0.0, "per_output_token": 0.0}


def times(weather: Any, latency: spec.Latency, n: int = 0, **fields: Any) -> np.ndarray:
    """Seconds to the first token of the n-th calls to deployments a and b that have this latency,
    of some 20,000 requests."""
    fields = {"workload": spec.Workload(rate=10), "horizon": N / 10} | fields
    pair = {name: spec.Deployment("c", name, price=PRICE, latency=latency) for name in ("a", "b")}
    sky = weather(deployments=pair, gateway=spec.Gateway(overhead=0.0), **fields)
    drawn = [
        [model.draw_arrays(block, n).ttft for model in sky.deployments.values()]
        for block in sky.blocks()
    ]
    return np.concatenate([np.array(each) for each in drawn], axis=1)


@pytest.mark.parametrize(
    ("family", "law"),
    [
        ("lognormal", stats.lognorm(0.5, scale=2.0)),
        ("exponential", stats.expon(scale=2.0 / math.log(2))),
        ("gamma", stats.gamma(SHAPE, scale=2.0 / stats.gamma(SHAPE).median())),
        ("empirical", stats.uniform(1.0, 2.0)),
    ],
)
def test_each_family_is_its_law_around_the_median(weather: Any, family: Any, law: Any) -> None:
    """20,000 first tokens around 2 s, within Kolmogorov's critical distance at 1 in 10,000."""
    quantiles = {"p0": 0.5, "p100": 1.5} if family == "empirical" else {}
    latency = spec.Latency(2.0, sigma=0.5, family=family, quantiles=quantiles, **FLAT)
    drawn = times(weather, latency)[0]
    assert stats.kstest(drawn, law.cdf).statistic < 2.23 / math.sqrt(len(drawn))


def test_a_fixed_time_is_the_median_at_each_attempt(weather: Any) -> None:
    """No draw, whatever sigma says."""
    latency = spec.Latency(2.0, sigma=3.0, family="fixed", **FLAT)
    assert all((times(weather, latency, n, horizon=60.0) == 2.0).all() for n in range(3))


@given(sigma=st.floats(0.02, 4.0))
def test_sigma_is_the_sd_of_the_log_of_a_gamma_variable_too(sigma: float) -> None:
    """trigamma(k) = sigma^2; an exponential variable is the one of 1.2825 (pi / root 6)."""
    from scipy.special import polygamma

    assert math.sqrt(polygamma(1, gamma_shape(sigma))) == pytest.approx(sigma, rel=1e-9)
    assert gamma_shape(math.pi / math.sqrt(6)) == pytest.approx(1.0)


@given(
    family=st.sampled_from(["lognormal", "gamma", "exponential", "fixed"]), sigma=st.floats(0, 3)
)
def test_times_rise_with_the_score_and_have_the_median_at_nought(family: Any, sigma: float) -> None:
    """So what correlates scores correlates times, in every family."""
    latency = spec.Latency(sigma=sigma, token_sigma=sigma, family=family)
    scores = np.tile(np.linspace(-6, 6, 49), (2, 1))
    for factors in spread_times(latency, scores):
        assert (np.diff(factors) >= 0).all()
        assert (factors >= 0).all()
        assert np.isfinite(factors).all()
        assert factors[24] == pytest.approx(1.0)


@pytest.mark.parametrize("family", ["lognormal", "exponential"])
def test_two_models_correlate_on_one_prompt_as_stated(weather: Any, family: Any) -> None:
    """.54 of the log times' normal scores, as measured; a second attempt at one of them correlates
    as much; none without. Within 4 sd of 20,000 pairs."""
    for shared in (0.0, 0.54):
        latency = spec.Latency(2.0, sigma=0.5, family=family, shared=shared, **FLAT)
        first, again = times(weather, latency), times(weather, latency, 1)
        sd = (1 - shared**2) / math.sqrt(first.shape[1])
        for x, y in ((first[0], first[1]), (first[0], again[0])):
            scores = [stats.norm.ppf(stats.rankdata(each) / (len(each) + 1)) for each in (x, y)]
            assert np.corrcoef(scores)[0, 1] == pytest.approx(shared, abs=4 * sd)


def test_a_drift_correlates_in_time_as_its_memory_says() -> None:
    """100 replications of 100 memories: the log has sd .5, correlates by 1/e after one memory and
    by 1/e^2 after two, from t = 0 on; another seed, another drift; the same one, the same."""
    drift = spec.Drift(sigma=0.5, memory=600.0)
    logs = np.log([DriftSteps("a", drift, Streams(1, r), 60_000.0).factors for r in range(100)]).T
    many = logs.size / 16  # about two memories are one independent value
    assert logs.std() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2 * many))
    assert logs[0].std() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(200))
    for memories in (1, 2):
        early, late = logs[: -8 * memories].ravel(), logs[8 * memories :].ravel()
        found = np.corrcoef(early, late)[0, 1]
        assert found == pytest.approx(math.exp(-memories), abs=4 / math.sqrt(many))
    again = DriftSteps("a", drift, Streams(1, 0), 60_000.0)
    assert again.factors == pytest.approx(np.exp(logs[:, 0]).tolist())


def run(latency: spec.Latency, layers: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Figures, and rows of attempts, of one replication."""
    fields = {
        "deployments": {
            "a": spec.Deployment("c", "m", price=PRICE, latency=latency, domain="eu"),
            "b": spec.Deployment("d", "m", price=PRICE, latency=latency),
        },
        "horizon": 600.0,
        "workload": spec.Workload(rate=2.0),
        "gateway": spec.Gateway(overhead=0.0),
    } | fields
    rows: list[dict[str, np.ndarray]] = []

    def sink(_: Any) -> Any:
        return lambda table, chunk: rows.append(chunk) if table == "attempts" else None

    made = Configuration("run", "t", spec.Scenario(**fields), {"policy": layers or {}})
    metrics = replicate(made, "policy", 0, sink).metrics
    names = ("start_s", "end_s", "target")
    columns = {name: np.concatenate([row[name] for row in rows]) for name in names}
    return metrics, columns


def test_a_drift_is_the_same_whatever_a_policy_does() -> None:
    """Fixed times, half of the calls fail: the times of those that succeed at a are the drift's at
    that moment, under two policies that send different calls."""
    latency = spec.Latency(1.0, family="fixed", drift=spec.Drift(0.5, 60.0), **FLAT)
    pair = {
        name: spec.Deployment("c", "m", price=PRICE, latency=latency, errors={500: share})
        for name, share in (("a", 0.5), ("b", 0.0))
    }
    steps = DriftSteps("a", latency.drift, Streams(1, 0), 600.0)
    for layers in ({}, {"fallback": Fallback(("b", "a"))}, {"fallback": Fallback(("a", "b"))}):
        _, sent = run(latency, layers, deployments=pair)
        here = (sent["target"] == 0) & (sent["end_s"] - sent["start_s"] > 0)
        taken = (sent["end_s"] - sent["start_s"])[here]
        expected = np.array(steps.factors)[steps.places(sent["start_s"][here])]
        # an error takes .3 s, times the same factor
        known = np.isclose(taken, expected) | np.isclose(taken, 0.3 * expected)
        assert known.all()


def test_each_call_under_way_lengthens_the_next() -> None:
    """Brooker's: 1 s and .01 s for each other one under way. At 40/s there are 1 + .01 n seconds
    for n = 40 (1 + .01 n) calls: n = 66.7, and 1.667 s a call."""
    latency = spec.Latency(1.0, family="fixed", load=spec.Load(per_call=0.01), **FLAT)
    found, sent = run(latency, workload=spec.Workload(rate=40.0))
    steady = sent["start_s"] > 60
    taken = (sent["end_s"] - sent["start_s"])[steady]
    # one value a response time is independent: 4 sd of a Poisson count of 67, over 324 of them
    assert taken.mean() == pytest.approx(5 / 3, abs=4 * 0.01 * math.sqrt(67 * 3 / 324))
    assert found["success_rate"] == 1.0


def test_beyond_full_speed_times_grow_in_proportion() -> None:
    """Two at full speed: the third at once takes 1.5 times as long, the sixth three times."""
    strain = Strain(spec.Latency(load=spec.Load(full_speed=2)))
    assert [strain.begin(0.0, busy)[1] for busy in range(1, 7)] == [1, 1, 1.5, 2, 2.5, 3]


def test_a_cold_model_keeps_its_callers_waiting_until_it_is_loaded() -> None:
    """Cold at first and after 60 s without a call: 10 s more for the first, 7 s for one that comes
    3 s later, nothing once it is warm."""
    strain = Strain(spec.Latency(cold=spec.ColdStart(60.0, 10.0)))
    assert [strain.begin(at, busy)[0] for at, busy in ((0, 1), (3, 2), (12, 3))] == [10, 7, 0]
    strain.rest(20.0)
    assert strain.begin(80.0, 1)[0] == 0  # exactly 60 s
    strain.rest(81.0)
    assert strain.begin(142.0, 1)[0] == 10


def test_a_cold_fallback_answers_late_because_nobody_had_asked_it() -> None:
    """The second of a chain, asked once in ten minutes or so, is cold each time: 1 + 30 s."""
    latency = spec.Latency(1.0, family="fixed", cold=spec.ColdStart(60.0, 30.0), **FLAT)
    pair = {
        "a": spec.Deployment("c", "m", price=PRICE, latency=latency, errors={500: 0.0008}),
        "b": spec.Deployment("d", "m", price=PRICE, latency=latency),
    }
    _, sent = run(latency, {"fallback": Fallback(("a", "b"))}, deployments=pair, horizon=6000.0)
    taken = (sent["end_s"] - sent["start_s"])[sent["target"] == 1]
    alone = np.diff(sent["start_s"][sent["target"] == 1], prepend=-1e9) > 120
    assert alone.sum() > 3
    assert taken[alone] == pytest.approx(31.0)


def test_a_region_is_as_far_away_as_stated() -> None:
    """80 ms there and back, for answers and errors of those in it, none for others."""
    latency = spec.Latency(1.0, family="fixed", error=0.5, **FLAT)
    gateway = spec.Gateway(overhead=0.0, distance={"eu": 0.08})
    pair = {
        name: spec.Deployment(
            "c", "m", price=PRICE, latency=latency, domain=domain, errors={500: 0.5}
        )
        for name, domain in (("a", "eu"), ("b", None))
    }
    _, sent = run(latency, {"fallback": Fallback(("a", "b"))}, deployments=pair, gateway=gateway)
    taken = sent["end_s"] - sent["start_s"]
    for target, far in ((0, 0.08), (1, 0.0)):
        assert set(taken[sent["target"] == target].round(6)) == {1 + far, 0.5 + far}


def test_the_bound_says_that_load_and_cold_starts_are_left_out() -> None:
    """Drift, families and shared times are functions of request and time, so it stays exact."""
    for changed, exact in (
        (spec.Latency(drift=spec.Drift(0.5), family="gamma", shared=0.5), True),
        (spec.Latency(load=spec.Load(per_call=0.01)), False),
        (spec.Latency(cold=spec.ColdStart(60.0)), False),
    ):
        made = spec.Scenario(deployments={"a": spec.Deployment("c", "m", latency=changed)})
        assert is_exact(made) is exact
        assert exact or bound_label(made) == ALONE


LATENCY = st.builds(
    spec.Latency,
    base=st.floats(0, 2),
    sigma=st.floats(0, 2),
    family=st.sampled_from(["lognormal", "gamma", "exponential", "fixed"]),
    shared=st.floats(0, 1),
    correlation=st.floats(-1, 1),
    drift=st.builds(spec.Drift, st.floats(0, 1), st.floats(10, 1000)),
    load=st.builds(spec.Load, st.floats(0, 0.1), st.none() | st.integers(1, 5)),
    cold=st.builds(spec.ColdStart, st.none() | st.floats(1, 60), st.floats(0, 10)),
)


@given(latency=LATENCY)
def test_any_latency_is_conserved_and_repeats_itself(latency: spec.Latency) -> None:
    """Each request is answered once, no call ends before it began, and the same run is the same."""
    found, sent = run(latency, horizon=30.0)
    again, _ = run(latency, horizon=30.0)
    assert found == again
    assert found["success_rate"] == 1.0
    assert len(sent["start_s"]) == found["requests"]
    assert (sent["end_s"] >= sent["start_s"]).all()
