"""Every packaged policy runs in every packaged scenario, and meets the requests that all meet."""

from __future__ import annotations

import pytest

import digests
from simroute.config import loading
from simroute.experiment.run import replicate


@pytest.mark.parametrize("scenario", sorted(digests.SHORT))
def test_every_packaged_policy_runs(scenario: str) -> None:
    """Arrivals belong to the weather: as many requests under each policy, unless they depend on
    answers; each of them is a success or is not, and nothing costs less than nothing."""
    configuration = loading.load("run", scenario, digests.PACKAGED, digests.SHORT[scenario], 5)
    found = {
        policy: replicate(configuration, policy, 0).metrics for policy in configuration.policies
    }
    load = configuration.scenario.workload
    if not load.again.share and load.sessions.turns == 1:
        assert len({metrics["requests"] for metrics in found.values()}) == 1
    prices = [each.price for each in configuration.scenario.deployments.values()]
    own = any(price is not None and price.output == 0 for price in prices)  # a model of one's own
    for metrics in found.values():
        assert metrics["requests"] >= 50
        assert 0 <= metrics["success_rate"] <= metrics["resolved_share"] <= 1
        assert metrics["cost_usd"] > 0 or (own and metrics["cost_usd"] == 0)
