"""One long run: warm-up, batches, and how often their interval holds the truth."""

import math
from functools import cache

import numpy as np
import pytest

from simroute.metrics import Figures
from simroute.models.spec import (
    Deployment,
    Gateway,
    Outage,
    Profile,
    Scenario,
    Spike,
    Workload,
)
from simroute.statistics.batch_means import batch_means, lag1_correlation, mser_truncation
from simroute.statistics.intervals import t_quantile
from simroute.studies.comparison.steady_state import is_steady, steady_estimates

TRIALS, MINUTES, ARRIVALS = 1000, 1440, 600.0
MEAN, NOISE = 0.95, 0.01
WIDTH = 3 * math.sqrt(0.95 * 0.05 / TRIALS)
"""Three standard deviations of a coverage near 95 %: ± 2.1 points of 1,000 runs."""
FAIR = Scenario({"a": Deployment("anthropic", "claude-sonnet-4-0")})


def series(phi: float, start: float = 0.0, minutes: int = MINUTES) -> np.ndarray:
    """TRIALS days of minutes whose success is MEAN plus an AR(1) with innovations of sd NOISE, from
    its law shifted by `start`."""
    chance = np.random.Generator(np.random.Philox(int(100 * phi)))
    state = chance.normal(0.0, NOISE / math.sqrt(1 - phi**2), TRIALS) + start
    found = np.empty((TRIALS, minutes))
    for minute in range(minutes):
        found[:, minute] = MEAN + state
        state = phi * state + chance.normal(0.0, NOISE, TRIALS)
    return found


def runs(rates: np.ndarray) -> list:
    """What `batched` makes of each day."""
    return [batch_means(np.array([np.full(len(row), ARRIVALS), ARRIVALS * row])) for row in rates]


@cache
def days(phi: float) -> list:
    """Of days from their law, those that have an interval."""
    return [one for one in runs(series(phi)) if one.low is not None]


@pytest.mark.parametrize("phi", [0.0, pytest.param(0.5, marks=pytest.mark.slow), 0.8])
def test_the_mean_of_an_ar1_is_held_as_often_as_stated(phi: float) -> None:
    """Coverage of 1,000 days meets 93 to 97 % (± 2.1 points)."""
    found = days(phi)
    held = sum(one.low <= MEAN <= one.high for one in found) / len(found)
    assert len(found) > 0.97 * TRIALS
    assert 0.93 - WIDTH <= held <= 0.97 + WIDTH


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_the_width_is_that_of_the_known_variance(phi: float) -> None:
    """The mean of n minutes has variance (sd / (1 - φ))² / n; the root mean square of half / t
    comes within 8 % of its root."""
    found = days(phi)
    errors = [(one.high - one.low) / 2 / t_quantile(one.batches - 1) for one in found]
    kept = np.mean([MINUTES - one.warmup_minutes for one in found])
    assert math.sqrt(np.mean(np.square(errors))) == pytest.approx(
        NOISE / (1 - phi) / math.sqrt(kept), rel=0.08
    )


def test_treating_minutes_as_independent_would_hold_far_less_often() -> None:
    """With φ = .8 the naive standard error is too small by √((1 - φ) / (1 + φ)) = 1/3: it would
    hold 49 % only."""
    rates = series(0.8)
    half = 1.96 * rates.std(axis=1, ddof=1) / math.sqrt(MINUTES)
    assert (abs(rates.mean(axis=1) - MEAN) <= half).mean() == pytest.approx(0.49, abs=0.06)


def test_a_warm_up_is_cut_off() -> None:
    """Starting 30 standard deviations low with φ = .9 (gone after an hour) does not spoil coverage:
    at least 91 % (± 2.1 points)."""
    found = [one for one in runs(series(0.9, -0.7)) if one.low is not None]
    assert np.mean([one.warmup_minutes for one in found]) >= 20
    assert sum(one.low <= MEAN <= one.high for one in found) / len(found) >= 0.91 - WIDTH


def test_mser_cuts_a_step_where_it_is() -> None:
    """Eight zeros before thirty alternating values: the minimum is at eight, and never beyond the
    half."""
    assert mser_truncation(np.array([0.0] * 8 + [0.9, 1.1] * 15)) == 8
    assert mser_truncation(np.arange(10.0)) <= 5


def test_correlation_at_lag_one_is_the_definition() -> None:
    """Of 1, 2, 3: (-1·0 + 0·1) / 2 = 0; of alternating signs nearly -1; of a constant 0."""
    assert lag1_correlation(np.array([1.0, 2.0, 3.0])) == 0.0
    assert lag1_correlation(np.array([1.0, -1.0] * 50)) == pytest.approx(-0.99)
    assert lag1_correlation(np.ones(5)) == 0.0


def test_a_random_walk_has_no_interval() -> None:
    """Successive batches of a walk correlate, or its warm-up seems not to end: most of 50 walks are
    refused."""
    steps = (
        np.random.Generator(np.random.Philox(1)).normal(0.0, 0.002, (50, MINUTES)).cumsum(axis=1)
    )
    assert sum(one.low is None for one in runs(0.5 + steps)) > 30


def test_what_depends_on_when_is_not_steady() -> None:
    """Outages, profiles, traces, crowds, restarts and budgets make an hour unlike another."""
    assert is_steady(FAIR)
    for other in (
        {"outages": {"o": Outage(provider="anthropic", start=1, end=2)}},
        {"workload": Workload(profile=Profile(hours=(1.0,) * 24))},
        {"workload": Workload(trace="x.csv")},
        {"workload": Workload(clients="x.csv")},
        {"workload": Workload(spikes={"s": Spike(start=1, end=2)})},
        {"gateway": Gateway(restart_every=60.0)},
        {"gateway": Gateway(flush_every=60.0)},
    ):
        assert not is_steady(Scenario(FAIR.deployments, **other))
    assert not is_steady(FAIR, metered=True)


def test_only_a_single_long_run_is_batched() -> None:
    """Two replications have their own interval; an hour is too short."""
    long = Figures({}, {}, {}, [[10] * 200, [9] * 200], {})
    short = Figures({}, {}, {}, [[10] * 60, [9] * 60], {})
    assert steady_estimates(FAIR, {"a": [long]})["a"].mean == pytest.approx(0.9)
    assert (
        steady_estimates(FAIR, {"a": [long, long]}) == steady_estimates(FAIR, {"a": [short]}) == {}
    )


def test_a_run_that_kept_no_minutes_has_no_estimate() -> None:
    """As those of a grid of settings do not."""
    assert steady_estimates(FAIR, {"a": [Figures({}, {}, {}, [], {})]}) == {}
