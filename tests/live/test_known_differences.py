"""What the two worlds once did otherwise, and do alike."""

import asyncio
import copy

import pytest

from simroute.config.loading import load
from simroute.core import Judge, Price, Target
from simroute.parity import play_both
from simroute.policies.cascade import Cascade
from simroute.policies.timeout import Timeout
from simroute.testing import clock
from simroute.testing.script import Step, play
from simroute.worlds.live import ExpertFunctions, LiveRequest, LiveWorld
from tests.worlds.test_parity import Scripted

WEATHER = """
horizon: 4m
workload: {rate: 1, streamed: STREAMED, repeats: {share: 0.8, questions: 5, exponent: 0}}
deployments:
  a: {provider: one, model: m, price: {input: 1, output: 2}, MORE}
"""
POLICY = "cache: {ttl: 1d, lookup: 0s}\ntimeout: {total: 300s}\n"


@pytest.mark.parametrize("streamed", [0, 1])
@pytest.mark.parametrize(
    ("more", "kept"),
    [("errors: {content_filter: 1}", 0), ("max_output_tokens: 1", 0), ("errors: {}", 1)],
)
def test_a_cache_keeps_whole_answers_alone(tmp_path, more, kept, streamed):
    """None that a filter or the largest length ended: no request is answered from it."""
    weather, stance = tmp_path / "w.yaml", tmp_path / "kept.yaml"
    weather.write_text(WEATHER.replace("MORE", more).replace("STREAMED", str(streamed)))
    stance.write_text(POLICY)
    simulated, live = play_both(load("x", str(weather), [str(stance)], [], 3, 1), "kept", None)
    assert (live.attempts == simulated.attempts).all()
    assert bool((simulated.attempts == 0).any()) is bool(kept)


async def accepts(call, outcome):
    await asyncio.sleep(0.5)
    return True


def test_a_judge_is_billed_for_a_caller_who_leaves_while_it_judges():
    """An answer of 1 s for USD .0012, and a judge of half a second for USD .01; the caller leaves
    after 1.2 s."""
    layers = {
        "timeout": Timeout(total=1.2),
        "cascade": Cascade(cheap="a", strong="b", judge=Judge(latency=0.5, usd=0.01)),
    }
    script = {"a": [Step(1.0)], "b": [Step(1.0)]}
    log = play(layers, script)
    assert [int(chunk["cost_nano"].sum()) for chunk in log.rows["requests"]] == [11_200_000]
    request = LiveRequest(0, 0, 0.0, input_tokens=1000)

    async def main():
        targets = {name: Target(name, name, name, name) for name in script}
        world = LiveWorld(
            targets,
            dict.fromkeys(script, Price(1.0, 2.0)),
            Scripted(script),
            [copy.deepcopy(layers)],
            experts=ExpertFunctions(judge=accepts),
        )
        return await world.serve(request)

    assert clock.run(main()).status == 408
    assert request.nano == 11_200_000
