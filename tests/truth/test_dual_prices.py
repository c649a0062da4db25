"""Hard budgets by dual prices on RouteLLM's MMLU table: how near they come to the best that can be
had for the money (the yardstick of PORT, arXiv 2509.02718)."""

import math
from statistics import NormalDist

import pytest

from simroute.core import Predictor
from simroute.gauges.dual_price import Pace
from simroute.policies.predict import Predict
from tests.truth.test_routing_by_quality import (
    BOTH,
    NEITHER,
    STRONG,
    STRONG_ONLY,
    WEAK,
    WEAK_ONLY,
    N,
    figures,
    mmlu,
)

HORIZON, A_REQUEST = 1403.7, 0.0019
"""USD that a request may cost on average: .001 for the weak model, .01 for the strong one, so that
a tenth of the calls can be strong ones."""
phi, probit = NormalDist().cdf, NormalDist().inv_cdf
OPTIMUM = WEAK + 0.1
"""One right answer more for each strong call, as long as there are prompts that it helps."""


def policy(skill, ahead=30.0):
    pace = Pace(A_REQUEST * N, period=HORIZON, ahead=ahead, hard=True)
    return Predict(predictor=Predictor(skill, latency=0.0, usd=0.0), pace=pace)


def answered_rightly(metrics):
    """Of all requests, those that the budget refused included."""
    return metrics["quality_mean"] * metrics["success_rate"]


def threshold_accuracy(skill, share):
    """Of the best fixed threshold on the score that sends this share to the strong model."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        sent = sum(
            count * phi(skill * gain - middle)
            for gain, count in ((1, STRONG_ONLY), (-1, WEAK_ONLY), (0, BOTH + NEITHER))
        )
        low, high = (middle, high) if sent / N > share else (low, middle)
    helped, harmed = (phi(skill * gain - low) for gain in (1, -1))
    return (BOTH + WEAK_ONLY + STRONG_ONLY * helped - WEAK_ONLY * harmed) / N


@pytest.mark.parametrize("skill", [0.31, 1.0, 3.0])
def test_a_dual_price_finds_the_threshold_that_the_budget_allows(shared, skill):
    """It spends what there is and no more, evenly, and the answers are as good as those of the best
    fixed threshold for the money, within 4 sd of the table's questions and one point. Nobody told
    it the threshold, nor how many requests come."""
    metrics, sends = figures(mmlu(shared, HORIZON), policy(skill))
    n = metrics["requests"]
    spent = metrics["cost_usd"]
    assert 0.9 * A_REQUEST * N < spent < 1.01 * A_REQUEST * N
    strong = sends["strong"] / n
    exact = threshold_accuracy(skill, strong)
    spread = 4 * math.sqrt(0.25 * strong / n)
    assert answered_rightly(metrics) == pytest.approx(exact, abs=0.01 + spread)
    assert answered_rightly(metrics) > threshold_accuracy(skill, 0.1) - 0.02


def test_greedy_for_quality_runs_dry(shared):
    """Without a price on money the strong model gets all calls until a fifth of the day is over
    (.19), and then all are refused: a fifth of the optimum."""
    metrics, sends = figures(mmlu(shared, HORIZON), policy(0.0, ahead=1e12))
    assert sends["weak"] == 0
    assert metrics["success_rate"] == pytest.approx(0.19, abs=0.01)
    assert answered_rightly(metrics) / OPTIMUM == pytest.approx(0.19 * STRONG / OPTIMUM, abs=0.01)


def test_greedy_for_cost_leaves_money_over(shared):
    """All calls to the weak model cost little more than half of the budget: 87 % of the optimum."""
    layer = Predict(willingness_to_pay=0.0, predictor=Predictor(0.0), pace=policy(0.0).pace)
    metrics, _ = figures(mmlu(shared, HORIZON), layer)
    assert answered_rightly(metrics) / OPTIMUM == pytest.approx(WEAK / OPTIMUM, abs=0.01)
    assert metrics["cost_usd"] < 0.6 * A_REQUEST * N
