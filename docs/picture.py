"""Draws docs/demo.svg: the share of requests that succeed, minute by minute, in the packaged demo.
`python docs/picture.py`."""

from pathlib import Path

from minutes import BLUE, ORANGE, RED, VIOLET, success

from simroute.config.loading import load
from simroute.studies.comparison.run import compare

COLOURS = {"direct": BLUE, "retry_only": ORANGE, "failover": RED, "circuit_breaker": VIOLET}


def main() -> None:
    """Twenty replications, summed minute by minute."""
    made = load("compare", "demo", list(COLOURS), [], 1, 20)
    outage = made.scenario.outages["morning"]
    title = (
        f"Requests that succeed, while the first provider fails {outage.error_share:.0%} of its "
        f"calls"
    )
    drawn = success(title, compare(made), outage, COLOURS)
    Path(__file__).with_name("demo.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
