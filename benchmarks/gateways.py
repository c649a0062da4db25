"""How many requests a second are simulated under each preset of a client or gateway?

An hour with seventeen minutes of outage, and the same hour without. Requests by second of processor
time, the most of some rounds: the weather, the run, ledgers, metrics and evidence.
"""

from __future__ import annotations

import argparse

from policies import cost
from simroute.config import catalogue

CASES = {
    "outage": [],
    "calm": ["~scenario.outages.september", "~scenario.slo"],
}
"""Name -> overrides of `anthropic_outage`."""


def names() -> list[str]:
    """Of all presets."""
    folder = catalogue.find("policies", "litellm").parent
    return sorted(path.stem for path in folder.glob("*.yaml"))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("presets", nargs="*", help="default: all")
    given = words.parse_args()
    print(f"{'':<20}" + "".join(f"{case:>12}" for case in CASES))
    for name in given.presets or names():
        rates = [
            1e6 / min(cost(name, "anthropic_outage", case) for _ in range(given.rounds))
            for case in CASES.values()
        ]
        print(f"{name:<20}" + "".join(f"{rate:12,.0f}" for rate in rates))


if __name__ == "__main__":
    main()
