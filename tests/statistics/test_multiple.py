"""Telling several policies apart: errors among equals, power among unequals, and the words."""

import math

import numpy as np
import pytest

from simroute.statistics.intervals import paired_difference, t_quantile
from simroute.statistics.multiple import (
    is_significant,
    pair_count,
    possible_best,
    simultaneous_difference,
)

TRIALS = 1500
ABOVE = 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)
"""5 % and three standard deviations of 1,500 trials: 6.7 %."""


def studies(
    means: list[float], replications: int, seed: int, shared: float = 3.0
) -> list[dict[str, list[float]]]:
    """Normal figures with standard deviation 1 around these means, on top of weather that all
    policies share."""
    chance = np.random.Generator(np.random.Philox(seed))
    drawn = (
        chance.normal(0.0, 1.0, (TRIALS, len(means), replications)) + np.array(means)[None, :, None]
    )
    drawn += shared * chance.normal(0.0, 1.0, (TRIALS, 1, replications))
    return [{f"p{place}": row.tolist() for place, row in enumerate(one)} for one in drawn]


@pytest.mark.parametrize(("policies", "replications"), [(3, 10), (4, 20), (8, 20)])
def test_among_equals_none_is_called_worse_in_more_than_one_study_of_twenty(
    policies: int, replications: int
) -> None:
    """Exchangeable policies: any exclusion is an error, and happens in at most 5 % of studies (6.7
    % with the noise of 1,500)."""
    found = [
        possible_best(study, True) for study in studies([0.0] * policies, replications, policies)
    ]
    assert sum(len(alike) < policies for alike in found) / TRIALS <= ABOVE


def test_ordinary_intervals_would_find_a_worst_among_equals() -> None:
    """The range of four equal normals exceeds √2 · t in about 20 % of studies (Tukey's studentised
    range): what is corrected here."""
    wrong = sum(
        any(
            is_significant(paired_difference(study["p0"], study[other]))
            for other in ("p1", "p2", "p3")
        )
        for study in studies([0.0] * 4, 20, 4)
    )
    assert wrong / TRIALS > ABOVE


@pytest.mark.parametrize("means", [[0.0, 0.0, -0.3, -0.6], [0.0, -0.2, -0.2, -0.2]])
def test_the_best_is_among_those_that_may_be_the_best(means: list[float]) -> None:
    """p0 is in the subset in at least 95 % of studies, less the noise of 1,500."""
    assert (
        sum("p0" in possible_best(study, True) for study in studies(means, 20, 9)) / TRIALS
        >= 1 - ABOVE
    )


def test_policies_two_deviations_apart_are_told_apart() -> None:
    """A paired difference has sd √2: at n = 20 a gap of 2 is 6.3 standard errors against t = 2.92
    at 99.17 %; normal power is over 99 %."""
    alone = sum(
        possible_best(study, False) == ["p0"] for study in studies([0.0, 2.0, 2.0, 2.0], 20, 11)
    )
    assert alone / TRIALS > 0.98


def test_two_policies_have_the_ordinary_interval() -> None:
    """One pair needs no correction."""
    first, second = [1.0, 2.0, 4.0], [2.0, 2.5, 7.0]
    assert simultaneous_difference(first, second, 2) == paired_difference(first, second)


def test_the_intervals_of_four_policies_are_wider_by_the_quantiles_of_a_sixth_of_five_percent() -> (
    None
):
    """Six pairs: Student's 1 - .05/12 quantile with 9 degrees of freedom is 3.364, not 2.262."""
    first, second = [0.0] * 10, [float(i) for i in range(10)]
    wide, plain = simultaneous_difference(first, second, 4), paired_difference(first, second)
    assert pair_count(4) == 6
    assert (wide.high - wide.mean) / (plain.high - plain.mean) == pytest.approx(
        3.364 / t_quantile(9), rel=1e-3
    )


def test_identical_policies_are_tied_and_constant_gaps_are_not() -> None:
    """Without variation a gap of 0 tells nothing, any other gap all; without bounds nothing is
    told."""
    assert possible_best({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [0.5, 0.5]}, True) == ["a", "b"]
    assert not is_significant(simultaneous_difference([1.0], [2.0], 2))
