"""GPTCache's similar cache beside the layer of its preset, question by question.

In the environment whose interpreter SIMROUTE_GPTCACHE names; docs/conformance.md says how to make
one. Embeddings are directions in a plane.
"""

import json
import math
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import Ask, FakeWorld
from simroute.config.loading import load_layers
from simroute.core import Match
from tests.originals.foreign import versions

SCRIPT = Path(__file__).parent / "gptcache_lookups.py"
PYTHON = os.environ.get("SIMROUTE_GPTCACHE", "")
VERSION = "0.1.44"
THRESHOLDS = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99)
"""No whole degree lies on the boundary of one of these."""
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def installed():
    if not PYTHON:
        pytest.skip("no environment with GPTCache: SIMROUTE_GPTCACHE names no interpreter")
    found, fault = versions(PYTHON, "gptcache")
    if found != [VERSION]:
        pytest.skip(f"GPTCache is not {VERSION} there: {fault or found[0]}")


def originals(items):
    """Of each item, which of its questions found an answer."""
    told = "".join(json.dumps({"size": None, **item}) + "\n" for item in items)
    made = subprocess.run(
        [PYTHON, SCRIPT],
        input=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in made.stdout.splitlines()]


def nearest(call, keys):
    """The stored question in whose direction this one lies, most nearly."""
    angle = int(call.request.key)
    cosines = {key: math.cos(math.radians(int(key) - angle)) for key in keys}
    found = max(cosines, key=cosines.__getitem__, default=None)
    return None if found is None else Match(found, cosines[found])


def ours(item):
    cache = replace(load_layers("gptcache")["cache"], threshold=item["threshold"])
    questions = enumerate(map(str, item["steps"]))
    asks = [Ask(id=number, key=key, arrival=10.0 * number) for number, key in questions]
    ends = FakeWorld(near=nearest).play(cache, *asks)
    return [outcome.cached != "no" for _, outcome in ends]


def test_the_same_questions_find_an_answer():
    """Thirty runs of fifteen questions, what is not found being kept, at thresholds from .6 to
    .99."""
    lots = random.Random(20)
    items = [
        {
            "threshold": lots.choice(THRESHOLDS),
            "steps": [lots.randrange(360) for _ in range(15)],
        }
        for _ in range(30)
    ]
    found = originals(items)
    assert found == [ours(item) for item in items]
    shares = {item["threshold"]: sum(each) for item, each in zip(items, found, strict=True)}
    assert len(set(shares.values())) > 3


def test_what_is_not_imitated_a_fifth_is_thrown_out_at_once():
    """Of ten, two: those that were used least recently. One that was found in between stays."""
    first, more = [36 * place for place in range(10)], 18
    item = {"threshold": 0.99, "size": 10, "steps": [*first, 0, more, 36, 0]}
    (found,) = originals([item])
    assert found == [False] * 10 + [True, False, False, True]
    item["steps"] = [*first, 0, more, 72, 0]
    assert originals([item]) == [[False] * 10 + [True, False, False, True]]
    item["steps"] = [*first, 0, more, 108, 0]
    assert originals([item]) == [[False] * 10 + [True, False, True, True]]
