"""Items that somebody wrote who knows the originals alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simroute.testing.conformance import judge
from simroute.testing.conformance.breakers.families import FAMILIES, family_named

FILE = Path(__file__).parent / "items_by_hand.txt"
"""Its first lines say how an item is written there."""


def value(text: str) -> Any:
    """A number, a list or the like, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def step_of(line: str) -> dict[str, Any]:
    """One line."""
    left, bar, right = line.partition("|")
    time, said, *more = left.split()
    event, _, times = said.partition("*")
    event, _, what = event.partition(":")
    step: dict[str, Any] = {} if time == "-" else {"t": value(time)}
    step["event"] = event
    step |= {"what": what} if what else {}
    step |= {"repeat": int(times)} if times else {}
    step |= {key: value(text) for key, _, text in (each.partition("=") for each in more)}
    expect: dict[str, Any] = {}
    for each in right.split():
        key, equals, text = each.partition("=")
        if each in ("ok", "no"):
            expect["permitted"] = each == "ok"
        elif equals:
            expect[key] = value(text.replace("_", " ") if key == "error" else text)
        else:
            expect["state"] = each
    return step | ({"expect": expect} if bar else {})


def items() -> list[dict[str, Any]]:
    """All of them."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("  "):
            found[-1]["steps"].append(step_of(line))
        elif line and not line.startswith("#"):
            family, _, config = line.partition(" ")
            item = {"family": family, "config": json.loads(config), "steps": []}
            found.append({"id": f"line-{number}", **item})
    return found


def test_each_behaves_as_its_original_does():
    """What is expected was reasoned from the originals' code; resilience4j, gobreaker, failsafe-go
    and LiteLLM ran beside it."""
    assert [str(verdict) for verdict in judge(items()) if verdict.word != "pass"] == []


def test_there_are_some_of_each_family():
    """A dozen of those whose code or tests are public in full."""
    number = Counter(family_named(item["family"]) for item in items())
    assert set(number) == set(FAMILIES)
    few = {"helicone", "kong", "bifrost", "bedrock_agentcore"}
    assert {family: n for family, n in number.items() if n < 12 and family not in few} == {}


@pytest.mark.parametrize("figure", ["state", "permitted"])
def test_none_passes_whatever_is_expected(figure):
    """With each expectation of this kind turned round, each item that has one fails."""
    turned = []
    for item in items():
        steps = [
            step | {"expect": step["expect"] | {figure: other(step["expect"][figure])}}
            if figure in step.get("expect", {})
            else step
            for step in item["steps"]
        ]
        if steps != item["steps"]:
            turned.append(item | {"steps": steps})
    assert len(turned) > 80
    assert [verdict.id for verdict in judge(turned) if verdict.word != "fail"] == []


def other(expected: Any) -> Any:
    """Another permit, or a state that there is not."""
    return not expected if isinstance(expected, bool) else "ajar"
