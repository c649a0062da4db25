"""A budget for each model, each with a dual price of its own (the setting of PORT, arXiv
2509.02718), against the optimum that a linear program finds for the same money."""

import numpy as np
import pytest
from scipy.optimize import linprog

from simroute.config.configuration import Configuration
from simroute.core import Predictor
from simroute.experiment.run import replicate
from simroute.gauges.dual_price import Pace
from simroute.models import spec
from simroute.policies.predict import Predict

HORIZON = 6 * 3600.0
SHARES = {"chat": 0.6, "code": 0.4}
PRICES = {"strong": 0.01, "mid": 0.003, "cheap": 0.001}
"""USD for each call, whatever its length: half for 1,000 tokens in, half for 500 out."""
QUALITY = {
    "strong": {"chat": 0.95, "code": 0.90},
    "mid": {"chat": 0.90, "code": 0.35},
    "cheap": {"chat": 0.40, "code": 0.20},
}
CALLS = {"strong": 0.25, "mid": 0.35}
"""What the budgets pay for: so many of all calls."""


def weather():
    def deployment(model):
        price = spec.PriceList(PRICES[model] / 2 * 1e3, PRICES[model] / 2 * 2e3)
        quality = QUALITY[model]
        return spec.Deployment("one", model, price=price, quality=quality)

    tokens = {"input_tokens": spec.Lengths(1000.0, 0.0), "output_tokens": spec.Lengths(500.0, 0.0)}
    tasks = {name: spec.Task(share=share, **tokens) for name, share in SHARES.items()}
    return spec.Scenario(
        horizon=HORIZON,
        workload=spec.Workload(
            rate=1.0,
            streamed=0.0,
            tasks=tasks,
            features={"any": 0.5, "picky": 0.5},
            only={"picky": ("strong-2", "mid", "cheap")},
        ),
        # the strong model at two deployments, half of the work at each, and one budget
        deployments={
            "strong-1": deployment("strong"),
            "strong-2": deployment("strong"),
            "mid": deployment("mid"),
            "cheap": deployment("cheap"),
        },
    )


def best():
    """(quality, calls by task and model as shares, duals in quality a USD) of the best mix that the
    budgets allow, by HiGHS."""
    places = [(task, model) for task in SHARES for model in PRICES]
    gain = [-QUALITY[model][task] for task, model in places]
    spending = [[PRICES[model] if model == own else 0.0 for _, model in places] for own in CALLS]
    each = [[float(task == own) for task, _ in places] for own in SHARES]
    budgets = [share * PRICES[model] for model, share in CALLS.items()]
    found = linprog(gain, A_ub=spending, b_ub=budgets, A_eq=each, b_eq=list(SHARES.values()))
    mix = {place: share for place, share in zip(places, found.x, strict=True) if share > 1e-9}
    return -found.fun, mix, dict(zip(CALLS, -found.ineqlin.marginals, strict=True))


def played(ahead, hard=True, seed=1):
    """(quality of all requests, refused ones included, USD by model, requests)."""
    budgets = {model: share * PRICES[model] * HORIZON for model, share in CALLS.items()}
    pace = Pace(by_model=budgets, period=HORIZON, ahead=ahead, hard=hard)
    predictor = Predictor(0.0, knows_tasks=True, latency=0.0, usd=0.0)
    layers = {"policy": {"predict": Predict(predictor=predictor, pace=pace)}}
    found = replicate(Configuration("run", "test", weather(), layers, seed=seed), "policy", 0)
    spent = dict.fromkeys(PRICES, 0.0)
    for name, row in found.by["target"].items():
        spent[name.split("-")[0]] += row["cost_usd"]
    metrics = found.metrics
    both = [found.by["target"][name]["cost_usd"] for name in ("strong-1", "strong-2")]
    return metrics["quality_mean"] * metrics["success_rate"], spent, metrics["requests"], both


def test_the_optimum_is_what_a_hand_can_find():
    """The strong model gains .55 on code and .05 on chat over the next one that has no price, so
    all its money goes to code; what is left of code and the mid model's money is worth .5 a call on
    chat and .15 on code. So .25 of code at .9 and .15 at .2; .35 of chat at .9 and .25 at .4."""
    quality, mix, duals = best()
    assert mix == pytest.approx(
        {
            ("chat", "mid"): 0.35,
            ("chat", "cheap"): 0.25,
            ("code", "strong"): 0.25,
            ("code", "cheap"): 0.15,
        }
    )
    assert quality == pytest.approx(0.25 * 0.9 + 0.15 * 0.2 + 0.35 * 0.9 + 0.25 * 0.4)
    # what a call more of each would gain, by its price
    assert duals == pytest.approx({"strong": 0.7 / 0.01, "mid": 0.5 / 0.003})


def test_dual_prices_of_models_come_near_the_optimum_and_keep_each_budget():
    """Of 21,600 requests, to a hundredth of the optimum and four standard errors. Each model has
    spent its own budget and no more; the strong one's two deployments draw on one."""
    quality, spent, n, both = played(ahead=120.0)
    optimum, _, _ = best()
    spread = 4 * np.sqrt(0.25 / n)
    assert 0.99 * optimum - spread < quality < optimum + spread
    for model, share in CALLS.items():
        budget = share * PRICES[model] * HORIZON
        assert 0.97 * budget < spent[model] <= budget + 10 * PRICES[model]
    assert min(both) > 0.4 * sum(both)


def test_ceilings_without_a_price_are_spent_by_the_first_who_come():
    """No price, hard sums: all go to the strong model until its money is over after a quarter of
    the time, then to the mid one for .35 of it, then to the cheap one: .93, .68 and .32 right, so
    .5985, which is 89.3 % of the optimum."""
    quality, spent, n, _ = played(ahead=1e12)
    means = {model: sum(SHARES[task] * QUALITY[model][task] for task in SHARES) for model in PRICES}
    expected = 0.25 * means["strong"] + 0.35 * means["mid"] + 0.4 * means["cheap"]
    assert expected / best()[0] == pytest.approx(0.5985 / 0.67)
    assert quality == pytest.approx(expected, abs=0.01 + 4 * np.sqrt(0.25 / n))
    assert spent["strong"] == pytest.approx(0.25 * 0.01 * HORIZON, rel=0.01)
