"""Arrivals in bursts, lengths by a table, mixtures of latencies, errors in spells: what the keys
that a fit writes mean."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.special import gammainc, ndtri

from simroute.models import spec
from simroute.models.burstiness import Modulation
from simroute.models.lengths import quantile_table
from simroute.models.random import Streams
from simroute.models.rate_profile import ArrivalProfile
from simroute.models.weather import Weather

Make = Callable[..., Weather]
PRICE = spec.PriceList(3, 15)
HOUR = 3600.0


def arrivals(weather: Weather) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(block.arrival for block in weather.blocks())])


def drawn(weather: Weather, name: str) -> np.ndarray:
    model = weather.deployments["a"]
    return np.concatenate(
        [getattr(model.draw_arrays(block, 0), name) for block in weather.blocks()]
    )


def modulated(**keys: float) -> spec.Workload:
    return spec.Workload(rate=4.0, burstiness=spec.Burstiness(**keys))


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_gaps_are_gamma_with_the_stated_coefficient_of_variation(weather: Make, cv: float) -> None:
    """Kolmogorov-Smirnov against the gamma distribution of shape 1 / cv² at 1 % (1.63 /
    sqrt(n))."""
    load = spec.Workload(rate=2.0, burstiness=spec.Burstiness(cv=cv))
    gaps = np.sort(np.diff(arrivals(weather(load, horizon=6000.0))))
    model, steps = gammainc(cv**-2, 2.0 * gaps * cv**-2), np.arange(len(gaps) + 1) / len(gaps)
    assert max(
        np.abs(model - steps[:-1]).max(), np.abs(model - steps[1:]).max()
    ) < 1.63 / math.sqrt(len(gaps))


def test_spells_make_the_dispersion_of_a_two_state_process(weather: Make) -> None:
    """1 + 2 Var / (mean r) (1 - (1 - exp(-r t)) / (r t)) in windows of t = 10 s (Fischer and
    Meier-Hellstern 1993): within 4 standard errors."""
    peak, busy, spell, t = 6.0, 0.2, 20.0, 10.0
    quiet = 4.0 / (1 - busy + busy * peak)
    r = 1 / spell + busy / (spell * (1 - busy))
    variance = busy * (1 - busy) * (quiet * (peak - 1)) ** 2
    expected = 1 + 2 * variance / (4.0 * r) * (1 - (1 - math.exp(-r * t)) / (r * t))
    load = modulated(peak=peak, busy_share=busy, spell=spell)
    runs = [arrivals(weather(load, horizon=4000.0, replication=k)) for k in range(24)]
    counts = np.array([np.bincount((run / t).astype(int), minlength=400) for run in runs])
    each = ((counts - 4.0 * t) ** 2).mean(axis=1) / (4.0 * t)
    assert each.mean() == pytest.approx(expected, abs=4 * each.std(ddof=1) / math.sqrt(len(each)))
    rates = counts.sum(axis=1) / 4000.0
    assert rates.mean() == pytest.approx(4.0, abs=4 * rates.std(ddof=1) / math.sqrt(len(rates)))


def test_spells_keep_to_the_profile(weather: Make) -> None:
    """Nobody comes at hours of weight 0, and the way back from counts to times is exact at every
    edge."""
    load = spec.Workload(
        rate=0.5,
        profile=spec.Profile(hours=(0.0,) * 12 + (2.0,) * 12),
        burstiness=spec.Burstiness(peak=9.0, spell=600.0),
    )
    when = arrivals(weather(load, horizon=48 * HOUR))
    assert len(when) > 1000
    assert (when / HOUR % 24 >= 12 - 1e-9).all()
    profile = ArrivalProfile(load.profile, 0.5)
    t = np.linspace(13 * HOUR, 23 * HOUR, 50)
    assert profile.when(profile.count(t)) == pytest.approx(t)


def test_a_longer_horizon_changes_no_earlier_arrival_of_bursts(weather: Make) -> None:
    """The first 1,000 s are the same in a run of 1,000 s and in one of 5,000 s."""
    load = modulated(cv=2.0, peak=5.0)
    short, long = arrivals(weather(load, horizon=1000.0)), arrivals(weather(load, horizon=5000.0))
    assert np.array_equal(short, long[: len(short)])


def test_too_many_spells_are_refused() -> None:
    """A spell of a microsecond in a year is no burst."""
    bursts = spec.Burstiness(peak=2.0, spell=1e-6)
    with pytest.raises(ValueError, match="makes about 6,000,000,000,000 spells; at most"):
        Modulation(bursts, ArrivalProfile(spec.Profile(), 1.0), Streams(1, 0), 3e7)


def test_lengths_follow_a_table_of_quantiles(weather: Make) -> None:
    """The share of texts up to each entry is that entry's, within 4 standard errors, and none is
    outside the table."""
    asked = spec.Lengths(quantiles={"p0": 10, "p25": 100, "p50": 110, "p99.5": 5000, "p100": 9000})
    load = spec.Workload(rate=10.0, tasks={"t": spec.Task(input_tokens=asked)})
    tokens = np.concatenate(
        [block.input_tokens for block in weather(load, horizon=2000.0).blocks()]
    )
    assert tokens.min() >= 10
    assert tokens.max() <= 9000
    for share, value in zip(*quantile_table(asked.quantiles), strict=True):
        # rounding to a token
        assert (tokens <= value).mean() == pytest.approx(
            share, abs=4 * math.sqrt(share * (1 - share) / len(tokens)) + 0.004
        )


@pytest.mark.parametrize(
    ("quantiles", "words"),
    [
        ({"p0": 1.0, "p50": 9.0}, "end with p100"),
        ({"p0": 5.0, "p50": 4.0, "p100": 9.0}, "must not fall"),
        ({"p0": 5.0, "half": 6.0, "p100": 9.0}, "'half' is no quantile"),
    ],
)
def test_a_table_that_is_none_is_refused(quantiles: dict[str, float], words: str) -> None:
    """Ends, order, names."""
    with pytest.raises(ValueError, match=words):
        quantile_table(quantiles)


def test_lengths_of_prompts_and_answers_correlate_as_stated(weather: Make) -> None:
    """Normal scores of the two lengths: r within 4 / sqrt(n)."""
    load = spec.Workload(rate=10.0, tasks={"t": spec.Task(correlation=0.6)})
    asked, given = (
        np.concatenate([getattr(b, name) for b in weather(load, horizon=1000.0).blocks()])
        for name in ("input_tokens", "output_tokens")
    )
    scores = [
        ndtri((np.argsort(np.argsort(tokens)) + 0.5) / len(tokens)) for tokens in (asked, given)
    ]
    assert np.corrcoef(scores)[0, 1] == pytest.approx(0.6, abs=4 / math.sqrt(len(asked)))


def still(**latency: Any) -> dict[str, Any]:
    keys = {"base": 1.0, "per_1k_input": 0.0, "sigma": 0.4, "token_sigma": 0.4} | latency
    return {
        "deployments": {
            "a": spec.Deployment("acme", "m", price=PRICE, latency=spec.Latency(**keys))
        },
        "gateway": spec.Gateway(overhead=0.0),
    }


def test_a_floor_shifts_every_first_token(weather: Make) -> None:
    """The same draws, 0.7 s later."""
    plain, shifted = (
        drawn(weather(**still(floor=floor), horizon=200.0), "ttft") for floor in (0.0, 0.7)
    )
    assert shifted == pytest.approx(plain + 0.7, rel=1e-12)


def test_a_mixture_has_its_share_of_slow_calls(weather: Make) -> None:
    """Mean of log(ttft) is share · log(factor), its variance that of the mixture: within 4 standard
    errors; the other calls are the very same."""
    share, factor, sigma = 0.2, 6.0, 0.9
    plain = np.log(drawn(weather(**still(), horizon=2000.0), "ttft"))
    mixed = np.log(
        drawn(weather(**still(slow=spec.Slow(share, factor, sigma)), horizon=2000.0), "ttft")
    )
    n = len(mixed)
    variance = (1 - share) * 0.4**2 + share * sigma**2 + share * (1 - share) * math.log(factor) ** 2
    assert mixed.mean() == pytest.approx(share * math.log(factor), abs=4 * math.sqrt(variance / n))
    assert (plain != mixed).mean() == pytest.approx(
        share, abs=4 * math.sqrt(share * (1 - share) / n)
    )


def test_spreads_that_go_along_are_one(weather: Make) -> None:
    """Correlation 1 and equal spreads: decode over tokens is the same multiple of its median as the
    first token of its own."""
    scene = weather(**still(correlation=1.0, per_output_token=0.01), horizon=200.0)
    tokens = np.concatenate([block.output_tokens for block in scene.blocks()])
    assert drawn(scene, "decode") / tokens / 0.01 == pytest.approx(drawn(scene, "ttft"))


def clustered(**keys: float) -> dict[str, Any]:
    made = spec.Clustered(share=0.2, spell=10.0, error_share=0.5, status=529, **keys)
    return {"a": spec.Deployment("acme", "m", price=PRICE, errors={500: 0.1}, clustered=made)}


def test_bad_spells_hold_for_their_share_of_time_and_last_as_long_as_stated(weather: Make) -> None:
    """P(bad) and P(bad now and 5 s later) = p² + p (1 - p) exp(-r 5), r the sum of both rates:
    within 4 standard errors over 40 runs."""
    found = []
    for k in range(40):
        conditions = (
            weather(deployments=clustered(), horizon=2000.0, replication=k)
            .deployments["a"]
            .conditions
        )
        bad = np.array([conditions(float(t))[0].failure_share > 0.2 for t in range(2000)])
        found.append((bad.mean(), (bad[:-5] & bad[5:]).mean()))
    r = 1 / 10.0 + 0.2 / (10.0 * 0.8)
    expected = 0.2, 0.2**2 + 0.2 * 0.8 * math.exp(-r * 5)
    for series, value in zip(np.array(found).T, expected, strict=True):
        assert series.mean() == pytest.approx(value, abs=4 * series.std(ddof=1) / math.sqrt(40))


def test_errors_of_a_bad_spell_add_to_those_of_fair_weather(weather: Make) -> None:
    """10 % are 500 always; of the other 90 % half are 529 in a bad spell."""
    conditions = weather(deployments=clustered(), horizon=500.0).deployments["a"].conditions
    states = {conditions(float(t))[0] for t in range(500)}
    assert sorted(round(state.failure_share, 12) for state in states) == [0.1, 0.55]
    worst = max(states, key=lambda state: state.failure_share)
    assert [worst.failure_status(coin) for coin in (0.05, 0.15, 0.5)] == [500, 529, 529]


def test_bad_spells_are_a_function_of_time_and_of_the_deployments_name_alone(weather: Make) -> None:
    """A longer horizon, another rate or an outage elsewhere moves none of them."""

    def edges(**fields: Any) -> list[float]:
        conditions = (
            weather(
                deployments=clustered() | {"b": spec.Deployment("other", "m", price=PRICE)},
                **fields,
            )
            .deployments["a"]
            .conditions
        )
        found, at = [], 0.0
        while at < 900:
            found.append(at)
            at = conditions(at)[1]
        return found

    first = edges(horizon=1000.0)
    assert len(first) > 10
    assert all(before < after for before, after in pairwise(first))
    other = {"o": spec.Outage(deployment="b", start=10.0, end=20.0)}
    assert first == edges(horizon=5000.0, workload=spec.Workload(rate=1.0), outages=other)
