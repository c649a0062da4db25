"""Intervals: closed forms, published tables, and how often they hold the truth."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from simroute.statistics.intervals import (
    binomial,
    interval,
    paired_difference,
    replications_needed,
    t_quantile,
)

TRIALS = 2000
"""Coverage is then known within ± 1.5 percentage points (three standard deviations of a share near
.95)."""
Draw = Callable[[np.random.Generator, int], np.ndarray]


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (9, 2.262), (19, 2.093), (99, 1.984)]
)
def test_student_s_quantiles_are_the_published_ones(freedom: int, quantile: float) -> None:
    """Two-sided 95 %, from Student's table, to its three digits."""
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_an_interval_is_mean_and_t_standard_errors() -> None:
    """Of 1, 2, 3: mean 2, standard error 1/√3, t with two degrees of freedom 4.303."""
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert (found.low, found.high) == (
        pytest.approx(2 - 4.3027 / math.sqrt(3), abs=1e-4),
        pytest.approx(2 + 4.3027 / math.sqrt(3), abs=1e-4),
    )


def test_one_replication_has_no_bounds() -> None:
    """Nor has a metric that is undefined everywhere any figure."""
    assert interval([0.5], (1, 2)) == (0.5, None, None)
    assert interval([None, None]) == (None, None, None)


def test_undefined_replications_are_left_out() -> None:
    """A pair counts when both of its sides are defined."""
    assert interval([1.0, None, 3.0]).mean == 2.0
    assert paired_difference([1.0, None, 3.0, 4.0], [2.0, 5.0, None, 5.0]) == (1.0, 1.0, 1.0)


def test_ten_perfect_replications_do_not_prove_perfection() -> None:
    """n of n successes have the lower bound .025^(1/n), and 0 of n the upper bound 1 -
    .025^(1/n)."""
    found = interval([1.0] * 10, (10_000, 10_000))
    assert (found.mean, found.low, found.high) == (
        1.0,
        pytest.approx(0.025 ** (1 / 10_000), rel=1e-12),
        1.0,
    )
    assert interval([0.0] * 10, (0, 10_000)).high == pytest.approx(
        1 - 0.025 ** (1 / 10_000), rel=1e-9
    )


def test_five_of_ten_have_the_published_bounds() -> None:
    """Clopper and Pearson's 95 % bounds for 5 of 10 are .1871 and .8129."""
    assert binomial(5, 10) == (pytest.approx(0.1871, abs=5e-5), pytest.approx(0.8129, abs=5e-5))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.93, 0.999])
def test_exact_bounds_hold_at_least_as_often_as_they_say(share: float) -> None:
    """Summed over all outcomes of 60 trials, no sampling: coverage is at least 95 %."""
    chance = [math.comb(60, k) * share**k * (1 - share) ** (60 - k) for k in range(61)]
    bounds = [binomial(k, 60) for k in range(61)]
    assert (
        sum(p for p, (low, high) in zip(chance, bounds, strict=True) if low <= share <= high)
        >= 0.95
    )


def test_pairing_takes_the_common_weather_out() -> None:
    """Two policies that differ by exactly 1 in weathers of any size differ by 1, with no width."""
    weather = [3.0, 100.0, -7.0]
    assert paired_difference(weather, [value + 1 for value in weather]) == (1.0, 1.0, 1.0)


def coverage(draw: Draw, truth: float, replications: int) -> float:
    """The share of TRIALS studies whose interval holds `truth`."""
    chance = np.random.Generator(np.random.Philox(replications))
    studies = (interval(draw(chance, replications).tolist()) for _ in range(TRIALS))
    return (
        sum(
            found.low <= truth <= found.high
            for found in studies
            if found.low is not None and found.high is not None
        )
        / TRIALS
    )


@pytest.mark.parametrize("replications", [10, 20, 100])
def test_normal_differences_are_covered_as_often_as_stated(replications: int) -> None:
    """Student's t is exact here: 95 % ± 1.5 points (the width of 2,000 trials)."""
    assert coverage(
        lambda chance, n: chance.normal(3.0, 2.0, n), 3.0, replications
    ) == pytest.approx(0.95, abs=0.015)


def p95(chance: np.random.Generator, mean: float, replications: int) -> np.ndarray:
    """The 190th of 200 exponential latencies, in each replication."""
    return np.partition(chance.exponential(mean, (replications, 200)), 189)[:, 189]


@pytest.mark.parametrize(("replications", "lowest"), [(10, 0.902), (20, 0.922), (100, 0.935)])
def test_differences_of_skewed_p95_are_covered_nearly_as_often(
    replications: int, lowest: float
) -> None:
    """Truth: the k-th of n exponentials has mean 1/n + … + 1/(n-k+1). At least what was published
    for t (90.2 and 92.2 %), ± 1.5 points."""
    unit = sum(1 / i for i in range(11, 201))
    found = coverage(
        lambda chance, n: p95(chance, 4.0, n) - p95(chance, 1.0, n), 3 * unit, replications
    )
    assert lowest - 0.015 <= found <= 0.95 + 0.015


def test_as_many_replications_as_would_decide_are_named() -> None:
    """With standard deviation 1 and distance .1, n = (1.96 / .1)² = 385; the search steps by a
    tenth, so within 12 % above."""
    pilot: list[float | None] = [-math.sqrt(0.9), math.sqrt(0.9)] * 5
    found = replications_needed(pilot, 0.1)
    assert found is not None
    assert 384 <= found <= 385 * 1.12


def test_nothing_is_promised_where_nothing_can_be_told() -> None:
    """One replication, or no distance at all."""
    assert replications_needed([1.0], 0.5) is None
    assert replications_needed([1.0, 2.0], 0.0) is None
