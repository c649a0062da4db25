"""A cascade on the published MMLU table: escalation and accuracy as the closed form says."""

import math

import pytest

from simroute.core import Judge
from simroute.experiment.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.cascade import Cascade

WEAK, BOTH, WEAK_ONLY, STRONG_ONLY, N = 0.68091473, 8816, 742, 2496, 14037


@pytest.mark.parametrize(("accepts", "errs", "escalation", "accuracy"), [(0.9, 0.1, 0.355268, 0.835663), (0.8, 0.2, 0.391451, 0.812595)])
def test_the_empirical_backend_gives_the_published_cascade(shared, accepts, errs, escalation, accuracy):
    """quality-model.md's acceptance points (T/F = .9/.1, .8/.2), within 4 binomial sd of 60,000 questions drawn from the table."""
    table = str(shared / "data" / "outcomes_mmlu_routellm.csv.gz")
    price = spec.PriceList(1.0, 1.0)
    latency = spec.Latency(base=0.1)
    deployments = {
        "strong": spec.Deployment("openai", "gpt-4-1106", price=spec.PriceList(10.0, 30.0), outcomes="gpt-4-1106", latency=latency),
        "weak": spec.Deployment("mistral", "mixtral-8x7b", price=price, outcomes="mixtral-8x7b", latency=latency),
    }
    made = spec.Scenario(deployments=deployments, horizon=6000.0, workload=spec.Workload(rate=10.0, outcomes=table))
    policy = {"cascade": Cascade(judge=Judge(accepts, errs, 0.0, 0.0))}
    found = replicate(Configuration("run", "test", made, {"policy": policy}), "policy", 0).metrics
    n = found["requests"]
    assert found["attempts_per_request"] - 1 == pytest.approx(escalation, abs=4 * math.sqrt(escalation * (1 - escalation) / n))
    assert found["quality_mean"] == pytest.approx(accuracy, abs=4 * math.sqrt(accuracy * (1 - accuracy) / n))


def test_the_copula_comes_near_the_published_table():
    """From the two accuracies alone, P(strong right | weak wrong) is within the stated 3 points of the table's .557 plus 4 sd of 60,000."""
    # Independence would say .806.
    deployments = {
        "strong": spec.Deployment("o", "s", price=spec.PriceList(2.0, 2.0), quality=0.8058702),
        "weak": spec.Deployment("m", "w", price=spec.PriceList(1.0, 1.0), quality=WEAK),
    }
    made = spec.Scenario(deployments=deployments, horizon=6000.0, workload=spec.Workload(rate=10.0))
    perfect = {"cascade": Cascade(judge=Judge(1.0, 0.0, 0.0, 0.0))}
    found = replicate(Configuration("run", "test", made, {"policy": perfect}), "policy", 0).metrics
    given_wrong = (found["quality_mean"] - WEAK) / (1 - WEAK)
    measured = STRONG_ONLY / (N - BOTH - WEAK_ONLY)
    sd = math.sqrt(measured * (1 - measured) / ((1 - WEAK) * found["requests"]))
    assert given_wrong == pytest.approx(measured, abs=0.03 + 4 * sd)
