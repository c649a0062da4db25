"""What does each layer cost? Its documented example in `demo`: half are streams, an outage is long.

Processor time, weather, ledgers, metrics and evidence included: microseconds a request and requests
a second on one core, the least of some rounds by turns. Wanted: at least 25,000 a second; marked
are those below. `layered` and the bare `direct` stand beside them. `--only KIND …` measures some.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import simroute.gateways  # noqa: F401  (registers layers)
from simroute.config import loading
from simroute.config.configuration import Configuration
from simroute.config.reference import layer_references
from simroute.experiment.run import replicate

BESIDE = ("direct", "layered")
SCENARIO = "demo"
WANTED = 25_000.0
"""Requests a second of one core."""


def examples(folder: Path, only: list[str]) -> dict[str, Configuration]:
    """Name -> one policy in the scenario: each layer's example, and those beside."""
    policies = {name: name for name in BESIDE}
    for one in layer_references():
        if one.example:
            path = folder / f"{one.kind}.yaml"
            path.write_text(one.example, encoding="utf-8")
            policies[one.kind] = str(path)
    return {
        name: loading.load("run", SCENARIO, [path])
        for name, path in policies.items()
        if name in (only or policies)
    }


def cost(name: str, configuration: Configuration) -> float:
    """Microseconds a request of one replication."""
    start = time.process_time()
    requests = replicate(configuration, name, 0).metrics["requests"]
    assert requests is not None
    return (time.process_time() - start) / requests * 1e6


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--only", nargs="+", default=[], metavar="KIND")
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = examples(Path(folder), options.only)
        least = dict.fromkeys(cases, float("inf"))
        for _ in range(options.rounds):
            for name, configuration in cases.items():
                least[name] = min(least[name], cost(name, configuration))
    for name, each in sorted(least.items(), key=lambda one: -one[1]):
        rate = 1e6 / each
        below = "" if rate >= WANTED else f"  below {WANTED:,.0f}"
        print(f"  {name:<16}{each:8.1f} us a request{rate:10,.0f} a second{below}")


if __name__ == "__main__":
    main()
