"""The unmodified LiteLLM Router beside ours, send by send, over settings, deployments, upstreams
and requests that are made up.

In the environments that SIMROUTE_LITELLM names (several with a colon between them), by the
interpreter of each; docs/conformance.md says how to make one.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from simroute.config.loading import load_layers
from simroute.testing.conformance.router.runs import compare_run, profile_of
from tests.originals.foreign import Process, versions
from tests.originals.litellm_items import items, strategies
from tests.originals.scripted_provider import pauses

SCRIPT = Path(__file__).parent / "litellm_in_virtual_time.py"
NAMED = [each for each in os.environ.get("SIMROUTE_LITELLM", "").split(os.pathsep) if each]
FIRST, LAST = (1, 83, 7), (1, 110)
"""Versions that are modelled; earlier ones are not to be installed (two were malware)."""
pytestmark = pytest.mark.slow


class Original(Process):
    """The Router of one environment."""

    def __init__(self, folder):
        python = Path(folder).absolute() / "bin" / "python"
        self.version = " ".join(versions(python, "litellm")[0])
        super().__init__(python, SCRIPT)


@pytest.fixture(scope="module", params=NAMED or [None])
def original(request):
    if request.param is None:
        pytest.skip("no environment with LiteLLM: SIMROUTE_LITELLM names none")
    found = Original(request.param)
    number = tuple(int(part) for part in found.version.split(".")[:3] if part.isdigit())
    if not FIRST <= number < LAST:
        found.close()
        pytest.skip(f"LiteLLM {found.version or 'is not installed there'}: not modelled")
    yield found
    found.close()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("made_up", [items, strategies])
def test_made_up_runs_are_the_same_to_the_millisecond(original, made_up, streamed):
    """Sends, ends, classes of errors, and of streams their head, first token and chunks; lots fall
    alike, by Python's generator and its seed."""

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # a run takes a second: too long to look for smaller ones
        suppress_health_check=list(HealthCheck),
    )
    @given(made_up(streamed))
    def same(item):
        compare_run(item, original.play(item), profile_of(original.version))

    same()


@pytest.mark.parametrize(("answer", "sends"), [(429, 3), (500, 3), (400, 1), (None, 3)])
def test_a_call_without_the_router_is_tried_again_by_the_sdk(original, answer, sends):
    """As RouteLLM makes it, and its preset: twice more, after OpenAI's pauses, and after 600 s."""
    slow = {"latency": 700.0} if answer is None else {"status": answer}
    asked = {"api_base": "http://a.upstream/v1", "api_key": "none"}
    item = {"model_list": [], "requests": [{"model": "openai/m", "kwargs": asked}]}
    made = original.play({**item, "upstream": {"a": slow}})
    layers = load_layers("routellm")
    retry, limit = layers["retry"], layers["timeout"].unstreamed
    assert len(made["attempts"]) == sends == (retry.attempts if answer != 400 else 1)
    starts = [
        start / 1000 - number * (limit if answer is None else 0)
        for number, (start, *_) in enumerate(made["attempts"])
    ]
    for number, wait in enumerate(pauses(starts), start=1):
        assert retry.backoff.delay(number, 0.0) <= wait + 0.001
        assert retry.backoff.delay(number, 1.0) >= wait - 0.001


def test_recorded_runs_come_out_as_recorded(original, shared):
    """What the recipe of virtual time gives is what was recorded by another implementation of it
    (1.83.14; chance and optional modules aside)."""
    if original.version != "1.83.14":
        pytest.skip("recorded with 1.83.14")
    recorded = json.loads((shared / "vectors" / "litellm_runs.json").read_text(encoding="utf-8"))
    for item in recorded["items"][::6]:
        if not item.get("seeded"):
            made = original.play(item)
            assert sorted(map(str, made["attempts"])) == sorted(
                map(str, item["expected"]["attempts"])
            )
            assert made["finals"] == sorted(item["expected"]["finals"])
