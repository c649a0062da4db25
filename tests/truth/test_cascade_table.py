"""Cascades: escalation and accuracy on the published MMLU table, and costs of many judgements, as
the closed forms say."""

import math
from collections import Counter
from dataclasses import dataclass

import pytest

from simroute.config.configuration import Configuration
from simroute.core import Judge
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.cascade import Cascade
from simroute.testing.script import Step, play

WEAK, BOTH, WEAK_ONLY, STRONG_ONLY, N = 0.68091473, 8816, 742, 2496, 14037


@pytest.mark.parametrize(
    ("accepts", "errs", "escalation", "accuracy"),
    [(0.9, 0.1, 0.355268, 0.835663), (0.8, 0.2, 0.391451, 0.812595)],
)
def test_the_empirical_backend_gives_the_published_cascade(
    shared, accepts, errs, escalation, accuracy
):
    """quality-model.md's acceptance points (T/F = .9/.1, .8/.2), within 4 binomial sd of 30,000
    questions drawn from the table."""
    table = str(shared / "data" / "outcomes_mmlu_routellm.csv.gz")
    price = spec.PriceList(1.0, 1.0)
    latency = spec.Latency(base=0.1)
    deployments = {
        "strong": spec.Deployment(
            "openai",
            "gpt-4-1106",
            price=spec.PriceList(10.0, 30.0),
            outcomes="gpt-4-1106",
            latency=latency,
        ),
        "weak": spec.Deployment(
            "mistral", "mixtral-8x7b", price=price, outcomes="mixtral-8x7b", latency=latency
        ),
    }
    made = spec.Scenario(
        deployments=deployments, horizon=3000.0, workload=spec.Workload(rate=10.0, outcomes=table)
    )
    policy = {"cascade": Cascade(judge=Judge(accepts, errs, 0.0, 0.0))}
    found = replicate(Configuration("run", "test", made, {"policy": policy}), "policy", 0).metrics
    n = found["requests"]
    assert found["attempts_per_request"] - 1 == pytest.approx(
        escalation, abs=4 * math.sqrt(escalation * (1 - escalation) / n)
    )
    assert found["quality_mean"] == pytest.approx(
        accuracy, abs=4 * math.sqrt(accuracy * (1 - accuracy) / n)
    )


def test_the_copula_comes_near_the_published_table():
    """From the two accuracies alone, P(strong right | weak wrong) is within the stated 3 points of
    the table's .557 plus 4 sd of 30,000."""
    # Independence would say .806.
    deployments = {
        "strong": spec.Deployment("o", "s", price=spec.PriceList(2.0, 2.0), quality=0.8058702),
        "weak": spec.Deployment("m", "w", price=spec.PriceList(1.0, 1.0), quality=WEAK),
    }
    made = spec.Scenario(deployments=deployments, horizon=3000.0, workload=spec.Workload(rate=10.0))
    perfect = {"cascade": Cascade(judge=Judge(1.0, 0.0, 0.0, 0.0))}
    found = replicate(Configuration("run", "test", made, {"policy": perfect}), "policy", 0).metrics
    given_wrong = (found["quality_mean"] - WEAK) / (1 - WEAK)
    measured = STRONG_ONLY / (N - BOTH - WEAK_ONLY)
    sd = math.sqrt(measured * (1 - measured) / ((1 - WEAK) * found["requests"]))
    assert given_wrong == pytest.approx(measured, abs=0.03 + 4 * sd)


@dataclass
class Steps:
    """A cascade of any number of steps: each target but the last has a judge, who accepts so large
    a share of its answers."""

    judges: dict[str, float]
    last: str

    async def __call__(self, call, send, world):
        for target, accepts in self.judges.items():
            outcome = await send(call.to(target))
            if await world.judge(call, outcome, Judge(accepts, accepts, 0.0, 0.0)):
                return outcome
        return await send(call.to(self.last))


def test_three_steps_cost_what_their_acceptances_say():
    """At .1, 1 and 10 USD with acceptances of .7 and .6: .1 + .3 (1 + .4 x 10) = 1.60 USD, within 4
    sd (one coin for both would make it 3.40)."""
    million, none = (
        spec.Lengths(median=1e6, sigma=0.0, max=1_000_000),
        spec.Lengths(median=1.0, sigma=0.0),
    )
    deployments = {
        name: spec.Deployment(
            f"company-{name}", "m", price=spec.PriceList(usd, 0.0), latency=spec.Latency(base=0.1)
        )
        for name, usd in {"a": 0.1, "b": 1.0, "c": 10.0}.items()
    }
    load = spec.Workload(
        rate=10.0, tasks={"chat": spec.Task(input_tokens=million, output_tokens=none)}
    )
    made = spec.Scenario(deployments=deployments, horizon=2000.0, workload=load)
    steps = {"steps": Steps({"a": 0.7, "b": 0.6}, "c")}
    found = replicate(Configuration("run", "test", made, {"policy": steps}), "policy", 0).metrics
    ways = {0.1: 0.7, 1.1: 0.18, 11.1: 0.12}
    mean = sum(usd * p for usd, p in ways.items())
    assert mean == pytest.approx(1.60)
    sd = math.sqrt(sum(p * (usd - mean) ** 2 for usd, p in ways.items()) / found["requests"])
    assert found["cost_usd"] / found["requests"] == pytest.approx(mean, abs=4 * sd)


@dataclass
class Asked:
    """Asks two judges of 50 % about one answer, and tells what they said; `between` is another
    layer's question to chance in between."""

    between: bool = False

    async def __call__(self, call, send, world):
        outcome = await send(call)
        said = await world.judge(call, outcome, HALF)
        if self.between:
            world.uniform("jitter", call)
        world.emit(f"said_{int(said)}{int(await world.judge(call, outcome, HALF))}", call)
        return outcome


HALF = Judge(0.5, 0.5, 0.0, 0.0)
N_ASKED = 8000


def said(layers):
    """What was said, request by request."""
    log = play(layers, {"a": [Step(0.0)]}, [float(i) for i in range(N_ASKED)])
    return [event for _, event, _ in log.events]


def test_verdicts_of_one_layer_are_independent_draws():
    """Two judgements of 50 % of the same answer: each of 00, 01, 10, 11 in a quarter of the
    requests, within 4 binomial sd."""
    counts = Counter(said({"asked": Asked()}))
    for word in ("said_00", "said_01", "said_10", "said_11"):
        assert counts[word] / N_ASKED == pytest.approx(
            0.25, abs=4 * math.sqrt(0.25 * 0.75 / N_ASKED)
        ), word


def test_a_verdict_is_a_draw_of_the_request_the_layer_and_its_number():
    """What else is drawn in between, and another layer that asks as well, change nothing; that
    layer's verdicts are others."""
    alone = said({"asked": Asked()})
    assert said({"asked": Asked(between=True)}) == alone
    both = said({"other": Asked(), "asked": Asked()})
    assert both[0::2] == alone
    agree = sum(a == b for a, b in zip(both[0::2], both[1::2], strict=True)) / N_ASKED
    assert agree == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / N_ASKED))
