"""Runs of the unmodified LiteLLM Router in virtual time (tests/originals records such), over
strategies, limits, caches, budgets, tags, fallbacks and streams.

Each is of 1.83.14; `later` has what came of it with later versions, or that it was the same. Lots
fall as Python's generator with the seed 0 lets them fall.
"""

import json
from pathlib import Path

import pytest

from simroute.testing import clock
from simroute.testing.conformance.router.runs import compare_run, profile_of
from simroute.testing.conformance.verdict import Differs

RECORDED = json.loads(Path(__file__).with_name("router_recorded.json").read_text(encoding="utf-8"))
ITEMS = [{**item, "env": {"JITTER": "0"}} for item in RECORDED["items"]]


def differs(item, expected, version):
    try:
        compare_run(item, expected, profile_of(version))
    except Differs as difference:
        return f"{item['id']} {version}: {difference}"
    return None


def test_runs_come_out_as_recorded():
    """Sends, ends, classes of errors and chunks, to the millisecond."""
    found = [differs(item, item["expected"], "1.83.14") for item in ITEMS]
    assert [each for each in found if each] == []
    assert len(found) > 300


@pytest.mark.parametrize(("version", "least"), [("1.106.2", 100), ("1.109.3", 250)])
def test_later_versions_come_out_as_recorded(version, least):
    """The same where they did the same, and otherwise what they did."""
    asked = [(item, item["later"][version]) for item in ITEMS if version in item["later"]]
    found = [
        differs(item, item["expected"] if seen == "the same" else seen, version)
        for item, seen in asked
    ]
    assert [each for each in found if each] == []
    assert len(found) > least


def test_timers_of_one_moment_are_due_at_once():
    """As in asyncio's own loop: who wakes first does not go on before the other has woken."""

    async def sleeper(told, name):
        await clock.asyncio.sleep(1.0 if name == "a" else 1.0 + 1e-12)
        told.append(f"{name} woke")
        await clock.asyncio.sleep(0)
        told.append(f"{name} went on")

    async def both(told):
        await clock.asyncio.gather(sleeper(told, "a"), sleeper(told, "b"))

    for together, expected in (
        (0.0, ["a woke", "a went on", "b woke", "b went on"]),
        (1e-9, ["a woke", "b woke", "a went on", "b went on"]),
    ):
        told = []
        clock.run(both(told), together=together)
        assert told == expected
