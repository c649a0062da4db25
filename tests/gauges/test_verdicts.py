"""What verdicts say of a share, and how they fade."""

import math

import pytest
from scipy import stats

from simroute.core import Judge
from simroute.gauges.verdicts import Beliefs, Verdicts


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (3, 1), (40, 160)])
def test_it_is_the_beta_posterior_of_a_flat_prior(right, wrong):
    """Mean and deviation are scipy's."""
    verdicts = Verdicts(1e9)
    for verdict in [True] * right + [False] * wrong:
        verdicts.add(0.0, verdict)
    known = stats.beta(right + 1, wrong + 1)
    assert verdicts.look(0.0) == pytest.approx((known.mean(), known.std()))


def test_a_verdict_counts_1_over_e_after_its_memory():
    """Ten right ones, and 60 s later: 10/e."""
    verdicts = Verdicts(60.0)
    for _ in range(10):
        verdicts.add(0.0, True)
    left = 10 / math.e
    assert verdicts.look(60.0)[0] == pytest.approx((left + 1) / (left + 2))
    assert verdicts.look(1e6) == pytest.approx((0.5, math.sqrt(1 / 12)))


def test_a_clock_that_steps_back_stands_still():
    """Nothing is forgotten, nothing remembered anew."""
    verdicts = Verdicts(60.0)
    verdicts.add(100.0, True)
    before = verdicts.look(100.0)
    assert verdicts.look(40.0) == before == verdicts.look(100.0)


def test_a_belief_is_drawn_by_the_normal_of_its_posterior():
    """Three right of four make beta(4, 2); 2 deviations above its mean, or the quantile of a
    coin."""
    beliefs, known = Beliefs(1e9, 2.0), stats.beta(4, 2)
    for right in (True, True, False, True):
        beliefs.add(0.0, ("chat", "a"), right)
    beliefs.add(0.0, ("chat", "b"), False)
    found = beliefs.optimistic(0.0, ("chat", "a"))
    assert found == pytest.approx(known.mean() + 2 * known.std())
    drawn = [beliefs.drawn(0.0, ("chat", "a"), coin) for coin in (0.05, 0.5, 0.9)]
    assert drawn == pytest.approx(stats.norm(known.mean(), 2 * known.std()).ppf([0.05, 0.5, 0.9]))


def test_a_judge_s_own_errors_are_taken_out():
    """Of p right ones it accepts p T + (1 - p) F; who cannot tell them apart says nothing."""
    judge = Judge(0.8, 0.3)
    for p in (0.0, 0.25, 1.0):
        assert judge.right(p * 0.8 + (1 - p) * 0.3) == pytest.approx(p)
    assert Judge(0.4, 0.4).right(0.4) == 0.0
