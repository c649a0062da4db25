"""Queues, limiters, timeouts and hedges of scenarios against theory: what is written in a file is
what is simulated. Tolerances are four standard deviations, scaled from those that
closed_forms.json measured."""

import math
from typing import Any

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.hedge import Hedge
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout

ONE = spec.Lengths(median=1, sigma=0.0)
WAITED = 1e-9


def near(form: dict[str, Any], n: int, **values: float) -> None:
    """Within four standard deviations of a run of n."""
    for name, value in values.items():
        check, expected = form["check"][name], form["expected"][name]
        allowed = check["tol_abs"] * math.sqrt(check["n"] / n)
        assert value == pytest.approx(expected, abs=allowed + 1e-12), name


def simulate(
    form: dict[str, Any],
    n: int,
    layers: dict[str, Any] | None = None,
    seed: int = 1,
    latency: spec.Latency | None = None,
    limits: spec.Limits | None = None,
) -> dict[str, np.ndarray]:
    """Rows of about n requests, of one word each, to one provider. Service begins with the first
    token: what comes before it is the wait."""
    rate = form["params"].get("lam", 10.0)
    exponential = spec.Latency(
        base=0.0, per_1k_input=0.0, per_output_token=math.log(2), error=0.0, family="exponential"
    )
    target = spec.Deployment(
        "c",
        "m",
        price=spec.PriceList(1.0, 1.0),
        latency=latency or exponential,
        limits=limits or spec.Limits(),
    )
    made = spec.Scenario(
        deployments={"a": target},
        horizon=n / rate,
        workload=spec.Workload(
            rate=rate, streamed=1.0, tasks={"t": spec.Task(input_tokens=ONE, output_tokens=ONE)}
        ),
        gateway=spec.Gateway(overhead=0.0),
        abandoned="stops",
    )
    rows: dict[str, list[Any]] = {"requests": [], "attempts": []}

    def sink(_: Any) -> Any:
        return lambda table, chunk: rows.get(table, []).append(chunk)

    configuration = Configuration("run", "test", made, {"policy": layers or {}}, seed=seed)
    figures = replicate(configuration, "policy", 0, sink).metrics

    def column(table: str, name: str) -> np.ndarray:
        return np.concatenate([chunk[name] for chunk in rows[table]])

    found = {name: column("requests", name) for name in ("arrival_s", "latency_s", "ttft_s")}
    found["ok"] = column("requests", "outcome") == 0
    found["start"], found["end"] = column("attempts", "start_s"), column("attempts", "end_s")
    assert figures["requests"] == len(found["ok"])
    return found


def test_q01_waits_and_times_in_m_m_1(forms: Any) -> None:
    """One slot, exponential service: means, quantiles and the share that waits."""
    form, n = forms["Q01"], 60_000
    found = simulate(form, n, limits=spec.Limits(concurrency=1, queue=100_000))
    wait, time = found["ttft_s"], found["latency_s"]
    q95, q99 = np.quantile(time, [0.95, 0.99])
    near(form, n, Wq=wait.mean(), W=time.mean(), p_wait=(wait > WAITED).mean())
    near(form, n, W_p95=float(q95), W_p99=float(q99))


def test_q03_waits_in_m_m_c(forms: Any) -> None:
    """Erlang C: four slots at 80 % load."""
    form, n = forms["Q03"], 60_000
    found = simulate(form, n, limits=spec.Limits(concurrency=4, queue=100_000))
    wait = found["ttft_s"]
    busy = (found["latency_s"] - wait).sum() / (4 * n / form["params"]["lam"])
    near(form, n, Wq=wait.mean(), erlang_c=(wait > WAITED).mean(), utilisation=busy)


def test_q06_blocking_without_a_line(forms: Any) -> None:
    """Erlang B: five slots, 503 beyond them."""
    form, n = forms["Q06"], 40_000
    found = simulate(form, n, limits=spec.Limits(concurrency=5))
    near(form, n, blocking=1 - found["ok"].mean())


def test_q08_waits_in_m_d_1(forms: Any) -> None:
    """A fixed service time halves the wait."""
    form, n = forms["Q08"], 40_000
    fixed = spec.Latency(0.0, 0.0, form["params"]["D"], family="fixed")
    found = simulate(form, n, latency=fixed, limits=spec.Limits(concurrency=1, queue=100_000))
    near(form, n, Wq=found["ttft_s"].mean(), W=found["latency_s"].mean())


def test_q09_blocking_with_a_short_line(forms: Any) -> None:
    """One slot and nine places."""
    form, n = forms["Q09"], 40_000
    found = simulate(form, n, limits=spec.Limits(concurrency=1, queue=9))
    near(form, n, blocking=1 - found["ok"].mean())


def test_q13_patience_makes_an_overloaded_queue_stable(forms: Any) -> None:
    """Half again as much as it can serve; who waits 3 s for the first token goes."""
    form, n = forms["Q13"], 60_000
    found = simulate(
        form,
        n,
        {"timeout": Timeout(total=1e6, first_token=form["params"]["tau"])},
        limits=spec.Limits(concurrency=1, queue=100_000),
    )
    served = found["ok"]
    near(form, n, p_timeout=1 - served.mean(), wait_served=found["ttft_s"][served].mean())


@pytest.mark.parametrize("family", ["exponential", "gamma", "fixed", "lognormal"])
def test_q14_calls_under_way_are_poisson_whatever_the_family(forms: Any, family: Any) -> None:
    """20/s of 1.5 s each: 30 under way, with variance 30, sampled where samples hardly
    correlate."""
    form, n = forms["Q14"], 80_000
    from scipy import stats

    from simroute.models.spread import gamma_shape

    sigma, mean = 0.5, form["params"]["mean"]
    shape = gamma_shape(sigma)
    median = {
        "exponential": math.log(2),
        "gamma": stats.gamma(shape).median() / shape,
        "fixed": 1.0,
        "lognormal": math.exp(-(sigma**2) / 2),
    }[family]
    latency = spec.Latency(0.0, 0.0, mean * median, token_sigma=sigma, family=family)
    found = simulate(form, n, latency=latency)
    start, end = np.sort(found["start"]), np.sort(found["end"])
    at = np.arange(30.0, n / 20, 6.0)
    flying = np.searchsorted(start, at, "right") - np.searchsorted(end, at, "right")
    count, expected = len(at), form["expected"]
    assert flying.mean() == pytest.approx(expected["mean"], abs=4 * math.sqrt(30 / count))
    # the variance of a Poisson variance: 2 x 30^2 + 30
    assert flying.var() == pytest.approx(expected["var"], abs=4 * math.sqrt(1830 / count))
    for name, share in (("p_le_20", (flying <= 20).mean()), ("p_ge_45", (flying >= 45).mean())):
        sd = math.sqrt(expected[name] * (1 - expected[name]) / count)
        assert share == pytest.approx(expected[name], abs=4 * sd)


@pytest.mark.parametrize("name", ["R01", "R02", "R04"])
def test_r01_r02_r04_a_bucket_under_poisson_arrivals(forms: Any, name: str) -> None:
    """10 a second refilled, and a burst of 20 or 1."""
    form, n = forms[name], 60_000
    refill, burst = form["params"]["refill"], form["params"]["burst"]
    found = simulate(form, n, limits=spec.Limits(rpm=60 * refill, window=burst / refill))
    near(form, n, p_reject=1 - found["ok"].mean())


@pytest.mark.parametrize(("name", "refill"), [("R06", "fixed"), ("R07", "sliding")])
def test_r06_r07_windows(forms: Any, name: str, refill: Any) -> None:
    """60 a minute at 1/s, counted in fixed minutes, or in any."""
    form, n = forms[name], 60_000
    found = simulate(form, n, limits=spec.Limits(rpm=60.0, refill=refill))
    near(form, n, p_reject=1 - found["ok"].mean())


def test_h02_two_copies_at_once(forms: Any) -> None:
    """The lesser of two exponentials, at twice the load."""
    form, n = forms["H02"], 60_000
    found = simulate(form, n, {"hedge": Hedge(delay=0.0, max_extra=None)}, latency=LATE)
    quantiles = np.quantile(found["latency_s"], [0.95, 0.99, 0.999])
    named = dict(zip(("p95", "p99", "p999"), quantiles.tolist(), strict=True))
    near(form, len(found["ok"]), mean=found["latency_s"].mean(), **named)
    assert len(found["start"]) == 2 * len(found["ok"])


LATE = spec.Latency(math.log(2), 0.0, 0.0, family="exponential")
"""Exponential until the first token, mean 1 s, and nothing after it."""


def test_h04_a_second_copy_of_the_slowest_fiftieth(forms: Any) -> None:
    """Lognormal, sd of log 1: 2 % more load halve the 99.9th percentile."""
    form, n = forms["H04"], 80_000
    hedge = Hedge(delay=form["expected"]["hedge_after"], max_extra=None)
    latency = spec.Latency(1.0, 0.0, 0.0, sigma=form["params"]["sigma"])
    found = simulate(form, n, {"hedge": hedge}, latency=latency)
    count, time = len(found["ok"]), found["latency_s"]
    p99, p999 = np.quantile(time, [0.99, 0.999])
    near(form, count, mean=time.mean(), p99=float(p99), p999=float(p999))
    near(form, count, extra_load=len(found["start"]) / count - 1)


def test_t01_timeouts_with_immediate_retries(forms: Any) -> None:
    """Three tries of 2 s at mean 1 s, exponential, each attempt a draw of its own."""
    form, n = forms["T01"], 60_000
    layers = {
        "retry": Retry(3, statuses=(408,), backoff=Backoff(0.0, 1.0, 0.0, "none")),
        "timeout": Timeout(form["params"]["tau"]),
    }
    found = simulate(form, n, layers, latency=LATE)
    count = len(found["ok"])
    near(form, count, p_success=found["ok"].mean(), attempts=len(found["start"]) / count)
    tries = (found["end"] - found["start"]).sum() / count
    near(form, count, time=tries)


def test_s02_arrivals_are_poisson(forms: Any) -> None:
    """Gaps are exponential by Kolmogorov's test at 1 %, counts of a second vary as much as their
    mean."""
    form = forms["S02"]
    n = form["params"]["n"]
    arrivals = np.sort(simulate(form, n, latency=spec.Latency(0.0, 0.0, 0.0))["arrival_s"])
    from scipy import stats

    gaps = np.diff(arrivals)
    distance = stats.kstest(gaps, stats.expon(scale=1 / form["params"]["lam"]).cdf).statistic
    assert distance < form["expected"]["ks_crit_1pct"] * math.sqrt(n / len(gaps))
    counts = np.bincount(arrivals.astype(int), minlength=n // 10)
    dispersion = counts.var(ddof=1) / counts.mean()
    assert dispersion == pytest.approx(
        form["expected"]["dispersion"], abs=4 * math.sqrt(2 / (len(counts) - 1))
    )


@pytest.mark.slow
def test_s04_means_of_waits_vary_as_daley_says(forms: Any) -> None:
    """60 runs of 20,000 in M/M/1 at 80 %: nine times as much as independent waits would; within 4
    sd of an estimated sd."""
    form, n, runs = forms["S04"], 20_000, 60
    means = [
        simulate(form, n, seed=seed, limits=spec.Limits(concurrency=1, queue=100_000))[
            "ttft_s"
        ].mean()
        for seed in range(runs)
    ]
    sd = form["expected"]["sd"] * math.sqrt(form["params"]["n"] / n)
    assert np.std(means, ddof=1) == pytest.approx(sd, rel=4 / math.sqrt(2 * runs))
