"""Layers that route by quality against closed forms and published figures: on RouteLLM's MMLU table
where it is there, else in the models' own terms. Tolerances are four standard deviations."""

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.core import Classifier, Evaluation, Judge, Predictor
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.bandit import Bandit
from simroute.policies.classify import Classify
from simroute.policies.fan_out import FanOut
from simroute.policies.predict import Predict
from simroute.policies.quality_bar import QualityBar

BOTH, WEAK_ONLY, STRONG_ONLY, NEITHER = 8816, 742, 2496, 1983
"""Questions of RouteLLM's table that are answered rightly by: both, one of the two, none."""
N = BOTH + WEAK_ONLY + STRONG_ONLY + NEITHER
WEAK, STRONG = (BOTH + WEAK_ONLY) / N, (BOTH + STRONG_ONLY) / N
phi = NormalDist().cdf
THOUSAND = {
    "chat": spec.Task(
        input_tokens=spec.Lengths(median=1000.0, sigma=0.0),
        output_tokens=spec.Lengths(median=100.0, sigma=0.0),
    )
}
DEAR, CHEAP = spec.PriceList(10.0, 0.0), spec.PriceList(1.0, 0.0)
"""USD .01 and .001 for a request of 1,000 tokens."""
AT_ONCE = spec.Latency(base=0.1)


def pair(strong=STRONG, weak=WEAK, **more):
    return {
        "strong": spec.Deployment("o", "s", price=DEAR, quality=strong, latency=AT_ONCE, **more),
        "weak": spec.Deployment("m", "w", price=CHEAP, quality=weak, latency=AT_ONCE, **more),
    }


def mmlu(shared, horizon=1403.7):
    """Each of the table's questions about once, in any order."""
    deployments = {
        name: spec.Deployment(name, name, price=price, outcomes=column, latency=AT_ONCE)
        for name, price, column in (
            ("strong", DEAR, "gpt-4-1106"),
            ("weak", CHEAP, "mixtral-8x7b"),
        )
    }
    table = str(shared / "data" / "outcomes_mmlu_routellm.csv.gz")
    load = spec.Workload(rate=10.0, outcomes=table, tasks=THOUSAND)
    return spec.Scenario(deployments=deployments, horizon=horizon, workload=load)


def scenario(deployments, horizon=2000.0, tasks=THOUSAND, **more):
    load = spec.Workload(rate=10.0, tasks=tasks)
    return spec.Scenario(deployments=deployments, horizon=horizon, workload=load, **more)


def figures(made, layer, replication=0):
    run = Configuration("run", "test", made, {"policy": {"layer": layer}})
    found = replicate(run, "policy", replication)
    sends = {name: row["attempts"] for name, row in found.by["target"].items()}
    return found.metrics, sends


def near(share, n, factor=4.0):
    return factor * math.sqrt(max(share * (1 - share), 1e-9) / n)


# -- a predictor -----------------------------------------------------------------------------------


def chosen(predictor, worth, gain):
    """P(strong is asked), for a gain of -1, 0 or 1: the score skill x gain + N(0, 1) must exceed
    what makes the predicted difference worth USD .009."""
    variance = (WEAK * (1 - WEAK) + STRONG * (1 - STRONG)) / 2
    weight = predictor.skill * variance / (predictor.skill**2 * variance + 0.5)
    usual = STRONG - WEAK
    return phi(predictor.skill * (gain - usual) - (0.009 / worth - usual) / weight)


@pytest.mark.parametrize("skill", [0.08, 0.31, 1.0, 3.0])
@pytest.mark.parametrize("bar", [0.7, 1.0, 1.3])
def test_a_predictor_routes_as_its_skill_says_on_the_published_table(shared, skill, bar):
    """Share of strong calls and accuracy, from the counts of the table and a normal score."""
    predictor = Predictor(skill, latency=0.0, usd=0.0)
    worth = 0.009 / (bar * (STRONG - WEAK))
    helps, hurts, same = (chosen(predictor, worth, gain) for gain in (1, -1, 0))
    share = (STRONG_ONLY * helps + WEAK_ONLY * hurts + (BOTH + NEITHER) * same) / N
    right = (BOTH + STRONG_ONLY * helps + WEAK_ONLY * (1 - hurts)) / N
    layer = Predict(willingness_to_pay=worth, predictor=predictor)
    metrics, sends = figures(mmlu(shared), layer)
    n = metrics["requests"]
    assert sends["strong"] / n == pytest.approx(share, abs=near(share, n))
    assert metrics["quality_mean"] == pytest.approx(right, abs=near(right, n))


@dataclass
class Scores:
    """Notes what is predicted of each request."""

    predictor: Predictor
    seen: dict = field(default_factory=dict)

    async def __call__(self, call, send, world):
        found = await world.predict(call, ["strong", "weak"], self.predictor)
        LATEST[call.request.id] = found["strong"] - found["weak"]
        return await send(call)


LATEST: dict[int, float] = {}


@pytest.mark.parametrize(("skill", "auc"), [(0.08, 0.52), (0.31, 0.59)])
def test_published_routers_are_predictors_of_little_skill(shared, skill, auc):
    """AUC for "the strong model helps": .52 to .59, in two digits; and what the counts say within 4
    sd (Hanley and McNeil)."""
    LATEST.clear()
    made = mmlu(shared)
    run = Configuration("run", "test", made, {"policy": {"scores": Scores(Predictor(skill))}})
    blocks: list[np.ndarray] = []

    def sink(world):
        models = world.weather.deployments
        for block in world.weather.blocks():
            strong, weak = (models[name].answers.scores(block, 0) for name in ("strong", "weak"))
            blocks.append(strong - weak)
        return lambda table, chunk: None

    replicate(run, "policy", 0, sink)
    gain = np.concatenate(blocks)
    score = np.array([LATEST[i] for i in range(len(gain))])
    helped, others = score[gain > 0], score[gain <= 0]
    ranks = np.argsort(np.argsort(np.concatenate([helped, others]))) + 1
    m, k = len(helped), len(others)
    found = (ranks[:m].sum() - m * (m + 1) / 2) / (m * k)
    root = math.sqrt(2)
    exact = ((BOTH + NEITHER) * phi(skill / root) + WEAK_ONLY * phi(2 * skill / root)) / (
        N - STRONG_ONLY
    )
    assert found == pytest.approx(exact, abs=4 * math.sqrt((1 / m + 1 / k) / 12))
    assert round(exact, 2) == auc


def test_a_predictor_without_skill_knows_averages_and_one_of_much_knows_answers():
    """.9 and .7, a right answer for nothing: without skill all go to the better one; with skill of
    50 the answers are right wherever one of the two is."""
    made = scenario(pair(0.9, 0.7))
    blind, _ = figures(made, Predict(predictor=Predictor(0.0)))
    assert blind["quality_mean"] == pytest.approx(0.9, abs=near(0.9, blind["requests"]))
    clear, _ = figures(made, Predict(predictor=Predictor(50.0)))
    oracle, _ = figures(made, FanOut(("strong", "weak"), "accepted", Judge(1.0, 0.0, 0.0, 0.0)))
    assert clear["quality_mean"] == pytest.approx(oracle["quality_mean"], abs=1e-12)
    assert clear["quality_mean"] > 0.91


# -- a classifier ----------------------------------------------------------------------------------


def test_a_classifier_s_errors_are_the_mix_that_bayes_says():
    """A quarter of extractions, told rightly in .8 of all cases: s a + (1 - s)(1 - a) go to the
    cheap model, of which the extractions are s a."""
    tasks = {
        "extract": spec.Task(share=0.25, **vars_of(THOUSAND["chat"])),
        "chat": spec.Task(share=0.75, **vars_of(THOUSAND["chat"])),
    }
    made = scenario(pair(quality(0.9, 0.9), quality(0.6, 0.9)), tasks=tasks)
    layer = Classify(
        tasks={"extract": "weak"}, default="strong", classifier=Classifier(0.8, usd=0.001)
    )
    metrics, sends = figures(made, layer)
    n = metrics["requests"]
    share = 0.25 * 0.8 + 0.75 * 0.2
    right = 0.25 * 0.9 + 0.75 * (0.8 * 0.9 + 0.2 * 0.6)
    assert sends["weak"] / n == pytest.approx(share, abs=near(share, n))
    assert metrics["quality_mean"] == pytest.approx(right, abs=near(right, n))
    billed = 0.001 + share * 0.001 + (1 - share) * 0.01
    assert metrics["cost_usd"] / n == pytest.approx(billed, abs=0.009 * near(share, n))


def vars_of(task):
    return {"input_tokens": task.input_tokens, "output_tokens": task.output_tokens}


def quality(chat, extract):
    return {"chat": chat, "extract": extract}


# -- evaluations -----------------------------------------------------------------------------------


def test_an_evaluation_is_a_binomial_count():
    """A bar of .72 over 400 examples of a target of .7, evaluated anew each second: it clears it as
    often as the binomial distribution says, within 4 sd of 2,000 evaluations."""
    from scipy import stats

    made = scenario(pair(0.5, 0.7))
    layer = QualityBar(
        targets=("weak", "strong"),
        bar=0.72,
        confidence=0.5,
        evaluation=Evaluation(400, every=1.0),
        bars={"other": 0.9},
    )
    # the one that does not clear it is asked only if it is the better one: never, .5 against .7
    metrics, sends = figures(made, layer)
    assert sends["weak"] == metrics["requests"]
    dear = scenario(pair(0.99, 0.7))
    metrics, sends = figures(dear, layer)
    clears = float(stats.binom.sf(math.ceil(0.72 * 400) - 1, 400, 0.7))
    # about ten requests share an evaluation, so there are 2,000 coins
    assert sends["weak"] / metrics["requests"] == pytest.approx(
        clears, abs=1.2 * near(clears, 2000)
    )


def test_quality_that_drifts_is_noticed_at_the_next_evaluation():
    """The cheap model falls from .95 to .5 at 900 s; evaluations are at 0, 600, 1200 s: until then
    it keeps all work, and then it has none."""
    steps = {"worse": spec.QualityStep(at=900.0, quality=0.5)}
    deployments = pair(0.97, 0.95)
    weak = spec.Deployment(
        "m", "w", price=CHEAP, quality=0.95, latency=AT_ONCE, quality_steps=steps
    )
    made = scenario({"strong": deployments["strong"], "weak": weak})
    layer = QualityBar(bar=0.9, evaluation=Evaluation(1000, every=600.0))
    metrics, sends = figures(made, layer)
    share = 1200.0 / 2000.0
    assert sends["weak"] / metrics["requests"] == pytest.approx(share, abs=near(share, 20_000))


# -- a bandit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["thompson", "ucb"])
def test_a_bandit_finds_the_better_target_and_what_a_judge_costs_it(method):
    """.9 against .6 for the same price. The worse one is asked in about ln n / KL of n calls (Lai
    and Robbins 1985): 17 of 20,000 with a perfect judge. Ten times that is allowed; without
    learning it would be half of them."""
    deployments = {
        "good": spec.Deployment("o", "s", price=CHEAP, quality=0.9, latency=AT_ONCE),
        "bad": spec.Deployment("m", "w", price=CHEAP, quality=0.6, latency=AT_ONCE),
    }
    perfect = Judge(1.0, 0.0, 0.0, 0.0001)
    layer = Bandit(targets=("bad", "good"), method=method, judge=perfect, judged=1.0, memory=1e9)
    metrics, sends = figures(scenario(deployments), layer)
    n = metrics["requests"]
    divergence = 0.6 * math.log(0.6 / 0.9) + 0.4 * math.log(0.4 / 0.1)
    assert 0 < sends["bad"] < 10 * math.log(n) / divergence
    assert metrics["cost_usd"] == pytest.approx(n * (0.001 + 0.0001), rel=1e-9)


def test_a_poor_judge_teaches_slowly():
    """With accepted shares of .8 and .45, verdicts of the two differ by a third of what the answers
    do: more calls go to the worse one than with a perfect judge, and still fewer than half."""
    deployments = {
        "good": spec.Deployment("o", "s", price=CHEAP, quality=0.9, latency=AT_ONCE),
        "bad": spec.Deployment("m", "w", price=CHEAP, quality=0.6, latency=AT_ONCE),
    }
    lost = {}
    for name, judge in (("perfect", Judge(1.0, 0.0, 0.0, 0.0)), ("poor", Judge(latency=0.0))):
        layer = Bandit(targets=("bad", "good"), judge=judge, judged=1.0, memory=1e9)
        found = [figures(scenario(deployments, 1000.0), layer, k)[1]["bad"] for k in range(2)]
        lost[name] = sum(found)
    assert 2 * lost["perfect"] < lost["poor"] < 0.25 * 20_000


# -- a panel ---------------------------------------------------------------------------------------


def test_a_majority_of_models_that_err_alike_is_hardly_better_than_one():
    """Three of .7 whose wrong answers all differ, so that one right one wins if it stands first.
    Independent errors would make it .784 + .7 x .09 = .847; what the copula says, by draws of its
    own, is more than 5 points less."""
    deployments = {
        name: spec.Deployment(name, name, price=CHEAP, quality=0.7, latency=AT_ONCE)
        for name in ("a", "b", "c")
    }
    made = scenario(deployments)
    alone = FanOut(("a", "b", "c"), "majority", common=0.0)
    metrics, _ = figures(made, alone)
    n = metrics["requests"]
    z = np.random.Generator(np.random.Philox(7)).standard_normal((200_000, 4))
    least = NormalDist().inv_cdf(0.7)
    right = (least + 0.8 * z[:, :1] + 0.6 * z[:, 1:] > 0).sum(axis=1)
    # without a majority the first in line counts: right if it alone is
    first = (least + 0.8 * z[:, 0] + 0.6 * z[:, 1] > 0) & (right == 1)
    expected = float(np.mean((right >= 2) | first))
    spread = near(expected, n) + near(expected, 200_000)
    assert metrics["quality_mean"] == pytest.approx(expected, abs=spread)
    assert metrics["quality_mean"] < 0.847 - 0.05
    together, _ = figures(made, FanOut(("a", "b", "c"), "majority", common=1.0))
    assert together["quality_mean"] < metrics["quality_mean"]
