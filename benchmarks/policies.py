"""What does a request cost under the packaged policies that do most, where most is asked of them?

Microseconds of processor time a request, the least of some rounds: the weather, the run, ledgers,
metrics and evidence.
"""

from __future__ import annotations

import argparse
import time

from simroute.config import loading
from simroute.experiment.run import replicate

CASES: dict[str, tuple[str, str, list[str]]] = {
    "four layers, steady, whole answers": (
        "circuit_breaker",
        "steady",
        ["scenario.workload.rate=10", "scenario.horizon=20m", "scenario.workload.streamed=0"],
    ),
    "four layers, steady, streams": (
        "circuit_breaker",
        "steady",
        ["scenario.workload.rate=10", "scenario.horizon=20m", "scenario.workload.streamed=1"],
    ),
    "four layers, an outage": ("circuit_breaker", "demo", []),
    "four layers, rate limits": ("circuit_breaker", "rate_limit_storm", ["scenario.horizon=30m"]),
    "seven layers, an outage": ("layered", "demo", []),
    "cascade, an outage": ("cascade", "demo", []),
    "semantic cache": ("cached", "semantic_cache", ["scenario.horizon=1h"]),
    "budget, steady": ("budget_shift", "steady", ["scenario.horizon=1h"]),
    "retries, slots with a line": (
        "retry_only",
        "flaky_provider",
        [
            "scenario.deployments.claude-sonnet.limits.concurrency=6",
            "scenario.deployments.claude-sonnet.limits.queue=200",
        ],
    ),
    "failover, hangs": ("failover", "slow_provider", []),
}
"""Name -> policy, scenario, overrides."""


def cost(policy: str, scenario: str, overrides: list[str]) -> float:
    """Microseconds a request of one replication."""
    configuration = loading.load("run", scenario, [policy], overrides, 1)
    start = time.process_time()
    requests = replicate(configuration, policy, 0).metrics["requests"]
    assert requests is not None
    return (time.process_time() - start) / requests * 1e6


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    rounds = words.parse_args().rounds
    for name, case in CASES.items():
        least = min(cost(*case) for _ in range(rounds))
        print(f"  {name:<36}{least:8.1f} us a request")


if __name__ == "__main__":
    main()
