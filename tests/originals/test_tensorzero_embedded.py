"""TensorZero's embedded gateway beside the layers of its preset, attempt by attempt, over
configurations and providers that are made up.

In the environment whose interpreter SIMROUTE_TENSORZERO names; docs/conformance.md says how to make
one. Time is real there, so all runs are made at once, each a function of one configuration file.
"""

import asyncio
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simroute.config.loading import load_layers
from simroute.policies.timeout import Timeout
from simroute.testing import play
from tests.originals.foreign import versions
from tests.originals.scripted_provider import GARBLED, Answer, ScriptedProvider, pauses

SCRIPT = Path(__file__).parent / "tensorzero_embedded.py"
PYTHON = os.environ.get("SIMROUTE_TENSORZERO", "")
VERSION = "2026.6.0"
RUNS = 200
AT_ONCE = 40
NEAR = 0.2
"""Seconds by which a pause may lie outside its bounds on a machine that does so many things."""
LIMIT, SLOW = 0.7, 2.0
"""Seconds of a time limit, and of an answer that it cuts."""
STATUSES = (0, 200, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
LASTING = {4290: Answer(429, error="insufficient_quota"), 2000: Answer(200, error=GARBLED)}
"""By what stands for their status."""
pytestmark = pytest.mark.slow


@st.composite
def configurations(draw):
    """What is set, and the targets' scripts. targets: variants, or the providers of one model."""
    limited = draw(st.sampled_from(["", "", "provider", "model", "variant"]))
    made = {
        "names": ["a", "b", "c"][: draw(st.integers(1, 3))],
        "targets": draw(st.sampled_from(["variants", "providers"])),
        "limited": limited,
        "retries": draw(st.integers(0, 2)),
        "most": draw(st.sampled_from([1, 1.5, 10])),
        "streamed": draw(st.booleans()),
    }
    answer = st.builds(
        lambda status, delay, asked: (
            LASTING.get(status) or Answer(status, delay, asked if status else "")
        ),
        st.sampled_from((*STATUSES, *LASTING)),
        st.sampled_from([0.0, 0.0, SLOW] if limited else [0.0]),
        st.sampled_from(["", "", "Retry-After: 5\r\n"]),
    )
    answers = st.lists(answer, min_size=1, max_size=3)
    return made, {name: draw(answers) for name in made["names"]}


def toml(number, made, url):
    """A function of that number."""
    groups = [made["names"]] if made["targets"] == "providers" else [[n] for n in made["names"]]
    limit = f"{{non_streaming.total_ms = {LIMIT * 1000:.0f}, streaming.ttft_ms = 700}}"
    limits = {each: f"timeouts = {limit}" if made["limited"] == each else "" for each in LEVELS}
    lines = []
    for names in groups:
        model = f"m{number}{names[0]}"
        lines += [f"[models.{model}]", f"routing = {json.dumps(names)}", limits["model"]]
        for name in names:
            lines += [f"[models.{model}.providers.{name}]", 'type = "openai"', 'model_name = "m"']
            lines += [f'api_base = "{url(name)}/"', 'api_key_location = "none"', limits["provider"]]
        lines += [f"[functions.f{number}.variants.{names[0]}]", 'type = "chat_completion"']
        lines += [f'model = "{model}"', limits["variant"]]
        lines += [f"retries = {{num_retries = {made['retries']}, max_delay_s = {made['most']}}}"]
    variants = [names[0] for names in groups]
    lines += [f"[functions.f{number}]", 'type = "chat"', f"[functions.f{number}.experimentation]"]
    lines += ['type = "static"', f"candidate_variants = {{{variants[0]} = 1.0}}"]
    return "\n".join([*lines, f"fallback_variants = {json.dumps(variants[1:])}", ""])


LEVELS = ("provider", "model", "variant")
ORDERS = {
    ("variants", "variant"): ("fallback", "timeout", "retry"),
    ("variants", "model"): ("fallback", "retry", "timeout"),
    ("variants", "provider"): ("fallback", "retry", "timeout"),
    ("providers", "variant"): ("timeout", "retry", "fallback"),
    ("providers", "model"): ("retry", "timeout", "fallback"),
    ("providers", "provider"): ("retry", "fallback", "timeout"),
}
"""Of the layers, outermost first: a model's retries stand around its providers."""


def ours(made, script, times):
    """(start, target) of each send by the preset's layers, and whether the last one answers, with
    the pauses at so many times the least."""
    layers = load_layers("tensorzero")
    backoff = replace(layers["retry"].backoff, max=made["most"], low=times, high=times)
    limit = LIMIT if made["limited"] else 3600.0
    layers["retry"] = replace(layers["retry"], attempts=made["retries"] + 1, backoff=backoff)
    layers["fallback"] = replace(layers["fallback"], targets=tuple(made["names"]))
    layers["timeout"] = Timeout(3600.0 if made["streamed"] else limit, first_token=limit)
    ordered = {kind: layers[kind] for kind in ORDERS[made["targets"], made["limited"] or "model"]}
    steps = {name: [answer.step() for answer in script[name]] for name in made["names"]}
    log = play(ordered, steps, streamed=made["streamed"])
    return [(start, name) for start, name, *_ in log.attempts], log.attempts[-1][3] == 200


async def originals(runs, folder):
    """Run -> its sends and whether an answer came."""
    async with ScriptedProvider({number: script for number, (_, script) in runs.items()}) as made:
        config = folder / "tensorzero.toml"
        functions = [
            toml(number, settings, lambda name, number=number: made.url(number, name))
            for number, (settings, _) in runs.items()
        ]
        head = "[gateway]\nobservability.enabled = false\n"
        config.write_text(head + "\n".join(functions), encoding="utf-8")
        asked = {f"f{number}": settings["streamed"] for number, (settings, _) in runs.items()}
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, SCRIPT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        told = {"config": str(config), "at_once": AT_ONCE, "runs": asked}
        try:
            said, _ = await process.communicate(json.dumps(told).encode())
        finally:
            if process.returncode is None:
                process.kill()
        ends = json.loads(said.splitlines()[-1])
        return {number: (made.sends[number], ends[f"f{number}"]) for number in runs}


def played(runs, folder):
    return asyncio.run(asyncio.wait_for(originals(runs, folder), 100))


@pytest.fixture(autouse=True)
def installed():
    if not PYTHON:
        pytest.skip("no environment with TensorZero: SIMROUTE_TENSORZERO names no interpreter")
    found, fault = versions(PYTHON, "tensorzero")
    if found != [VERSION]:
        pytest.skip(f"TensorZero is not {VERSION} there: {fault or found[0]}")


def differs(run, found):
    """Whether sends or the end are others, or a pause is not between the least and the longest."""
    (sends, answered), (least, ending), (most, _) = found, ours(*run, 1.0), ours(*run, 2.0)
    if [name for _, name in sends] != [name for _, name in least] or answered != ending:
        return True
    bounds = (pauses([at for at, _ in each]) for each in (sends, least, most))
    return any(
        not low - NEAR <= took <= high + NEAR for took, low, high in zip(*bounds, strict=True)
    )


def test_made_up_runs_are_the_same_send_by_send(tmp_path):
    """Order and number of sends, the pauses between them within their bounds, and the end."""
    runs = {}

    @settings(max_examples=RUNS, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(configurations())
    def collect(run):
        runs[str(len(runs))] = run

    collect()
    found = played(runs, tmp_path)
    assert len(runs) > RUNS / 2
    assert {len(sends) for sends, _ in found.values()} >= {1, 2, 3, 4, 5, 6}
    others = [
        f"{run}: {found[number]}, not {ours(*run, 1.0)}"
        for number, run in runs.items()
        if differs(run, found[number])
    ]
    assert not others, "\n".join([*others[:5], f"{len(others)} of {len(runs)}"])


FAILING = {
    "names": ["a"],
    "targets": "variants",
    "limited": "",
    "retries": 2,
    "most": 10,
    "streamed": False,
}


def test_waits_are_uniform_from_once_to_twice_the_back_off(tmp_path):
    """Eighty waits, as shares of the way: as many in each quarter, within four sigma."""
    runs = {str(number): (FAILING, {"a": [Answer(500)]}) for number in range(40)}
    found = played(runs, tmp_path)
    waits = [pauses([at for at, _ in sends]) for sends, _ in found.values()]
    shares = [wait / least - 1 for each in waits for wait, least in zip(each, (1, 2), strict=True)]
    counts = [sum(low <= 4 * share < low + 1 for share in shares) for low in range(4)]
    sigma = math.sqrt(80 * 0.25 * 0.75)
    assert counts == pytest.approx([20] * 4, abs=4 * sigma)
    assert sum(counts) >= 78  # one that comes late may lie beyond the end


def test_what_is_not_imitated_the_first_wait_knows_no_maximum(tmp_path):
    """From 1 s to 2 s with max_delay_s .1; only the next one is short."""
    runs = {"0": (FAILING | {"most": 0.1}, {"a": [Answer(500)]})}
    first, second = pauses([at for at, _ in played(runs, tmp_path)["0"][0]])
    assert 1.0 <= first <= 2.0 + NEAR
    assert 0.1 <= second <= 0.2 + NEAR
