"""A short table of quantiles is right where it matters: in the middle, and among the few that are
longest."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from simroute.fitting.lengths import CLOSE, fit_lengths, rank_correlation
from simroute.models.lengths import quantile_table


def test_the_longest_are_as_rare_as_in_the_log():
    """Mean, and how many are beyond p99.9, are those of the log; a line from p99 to the longest
    would make tenfold many."""
    tokens = np.rint(np.random.default_rng(1).lognormal(5, 0.9, 20_000))
    found = fit_lengths(tokens)
    drawn = np.interp(np.linspace(0, 1, 200_001), *quantile_table(found.quantiles))
    far = float(np.quantile(tokens, 0.999))
    assert drawn.mean() == pytest.approx(tokens.mean(), rel=0.03)
    assert (drawn > far).mean() == pytest.approx((tokens > far).mean(), rel=0.1)
    assert found.distance <= CLOSE


def test_a_small_log_has_no_entries_that_single_requests_decide():
    """Of 100 lengths the last entry below the longest is p99."""
    assert [*fit_lengths(np.arange(1.0, 101.0)).quantiles][-2:] == ["p99", "p100"]


def test_equal_lengths_share_the_middle_of_their_ranks():
    """The correlation of normal scores of scipy's average ranks, with many equal lengths."""
    rng = np.random.default_rng(2)
    prompts = rng.integers(1, 40, 500).astype(float)
    answers = prompts + rng.integers(0, 30, 500)
    scores = [ndtri((rankdata(values) - 0.5) / 500) for values in (prompts, answers)]
    expected = np.corrcoef(*scores)[0, 1]
    assert rank_correlation(prompts, answers).value == pytest.approx(expected, rel=1e-12)
