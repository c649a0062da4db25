"""What do the dearest models cost a request, as a ratio to the same run without them?

Processor time of one replication in this process, with and without by turns, the least of some
rounds: the weather, the run, ledgers, metrics and evidence. Requests differ a little where a model
decides how many come, so it is time a request.
"""

from __future__ import annotations

import argparse

from policies import cost

PLAIN = ["scenario.workload.rate=10", "scenario.horizon=20m"]
TARGET = "scenario.deployments.claude-sonnet"
CASES: dict[str, list[str]] = {
    "latency that grows with load": [f"{TARGET}.latency.load.per_call=10ms"],
    "latency that drifts": [f"{TARGET}.latency.drift.sigma=0.3"],
    "prompts that are kept": [f"{TARGET}.prompt_cache.lifetime=5m"],
    "conversations": ["scenario.workload.sessions.turns=4"],
    "conversations with prompts that are kept": [
        "scenario.workload.sessions.turns=4",
        f"{TARGET}.prompt_cache.lifetime=5m",
    ],
    "callers in a closed loop": [
        "scenario.workload.callers.count=600",
        "scenario.workload.callers.think.mean=55s",
    ],
    "callers with patience": ["scenario.workload.patience.median=60s"],
    "a sliding log of requests": [
        f"{TARGET}.limits.rpm=1200",
        f"{TARGET}.limits.refill=sliding",
    ],
    "a sliding log of tokens": [
        f"{TARGET}.limits.tpm=4000000",
        f"{TARGET}.limits.refill=sliding",
    ],
}
"""Name -> overrides of `circuit_breaker` in `steady`."""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    rounds = words.parse_args().rounds
    cost("circuit_breaker", "steady", PLAIN)  # what is made once: the prices' catalogue, arrays
    for name, case in CASES.items():
        pairs = [
            (
                cost("circuit_breaker", "steady", PLAIN),
                cost("circuit_breaker", "steady", [*PLAIN, *case]),
            )
            for _ in range(rounds)
        ]
        plain, dear = (min(values) for values in zip(*pairs, strict=True))
        print(f"  {name:<44}{dear / plain:6.2f} of {plain:6.1f} us a request")


if __name__ == "__main__":
    main()
