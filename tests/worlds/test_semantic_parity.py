"""A semantic cache decides the same in both worlds, where an embedder says what the model of
similarity drew."""

import asyncio
import math

import numpy as np
import pytest

import simroute as sr
from simroute.config.loading import load_layers
from simroute.core import Outcome, Price, Target
from simroute.live.semantics import Question, Semantics
from simroute.policies.cache import Cache
from simroute.testing import clock
from simroute.worlds.live import LiveRequest, LiveWorld, kernel
from simroute.worlds.sim.senses import Senses

POLICY = """
cache: {match: semantic, threshold: THRESHOLD, ttl: 20m, size: 60, lookup: 3ms}
timeout: {total: 10m}
"""
WEATHER = (
    "scenario.horizon=3h",
    "scenario.workload.rate=0.1",
    "scenario.workload.streamed=0",
    "scenario.workload.repeats.share=0.9",
    "scenario.workload.repeats.questions=150",
    "scenario.workload.repeats.paraphrased=0.6",
)


class Embedder:
    """Gives each request a vector whose cosine to its nearest neighbour is the one that was drawn,
    and to any other less: a share of the neighbour's vector, and a direction of its own."""

    def __init__(self, nearest):
        self.nearest, self.held, self.vectors = nearest, {}, {}

    async def __call__(self, texts):
        return [self.vector(int(text)) for text in texts]

    def vector(self, number):
        own = np.zeros(len(self.nearest) + 1)
        own[len(self.vectors)] = 1.0
        match = self.nearest[number]
        if match is not None and match.cosine > 0:  # else it is like no other
            own *= math.sqrt(1 - match.cosine**2)
            own += match.cosine * self.held[match.key]
        self.vectors[number] = own
        return own


class Provider:
    """Answers each request after the time that it took in the simulation."""

    def __init__(self, rows, embedder):
        self.rows, self.embedder, self.sent = rows, embedder, []

    async def send(self, call):
        request, row = call.request, self.rows.loc[call.request.id]
        self.sent.append(request.id)
        await asyncio.sleep(row.latency_s - 0.003)
        self.embedder.held[request.key] = self.embedder.vectors[request.id]
        return Outcome(200 if row.outcome == "ok" else 500, call.target, answer=str(request.id))


def simulated(policy, monkeypatch):
    """The requests' rows, their keys, and what was nearest to each that looked."""
    keys, nearest = {}, {}
    look, near = Cache._look, Senses.nearest

    def noted_look(self, call, place, world):
        keys[call.request.id] = call.request.key
        return look(self, call, place, world)

    def noted_near(self, call, held):
        match = nearest[call.request.id] = near(self, call, held)
        return match

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "_look", noted_look)
        patch.setattr(Senses, "nearest", noted_near)
        rows = sr.simulate(sr.load_scenario("steady", *WEATHER), str(policy), seed=3).requests
    return rows.set_index("request_id"), keys, nearest


def live(policy, rows, keys, nearest):
    """How each request ended in real time, by its number."""
    outcomes = {}
    embedder = Embedder(nearest)

    async def main():
        layers = load_layers(str(policy))
        world = LiveWorld(
            {"a": Target("a", "company", "model", "model")},
            {"a": Price(1.0, 2.0)},
            Provider(rows, embedder),
            [layers],
            semantics=Semantics(embedder),
            takes=kernel.sleep,
        )

        async def request(number, arrival):
            await asyncio.sleep(arrival)
            asked = LiveRequest(number, keys[number], arrival, is_repeatable=True, is_kept=True)
            asked.question = lambda: Question("context", str(number))
            outcomes[number] = await world.serve(asked)

        await asyncio.gather(*(request(*each) for each in rows.arrival_s.items()))

    clock.run(main())
    return outcomes


@pytest.mark.parametrize("threshold", ["0.95", "0.8"])
def test_a_semantic_cache_does_the_same_in_both_worlds(tmp_path, monkeypatch, threshold):
    """A thousand requests, nine in ten of them repeats, of which six in ten have other words; the
    cache is small and forgets after 20 minutes. Each ends in the same way, and is given the answer
    to the same earlier request."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("THRESHOLD", threshold))
    rows, keys, nearest = simulated(policy, monkeypatch)
    outcomes = live(policy, rows, keys, nearest)
    assert len(rows) > 900
    assert rows.cached.value_counts().min() > 100
    latest = {}
    for number, row in rows.iterrows():
        assert outcomes[number].cached == row.cached, number
        if row.cached == "semantic":
            assert outcomes[number].answer == latest[nearest[number].key], number
        elif row.cached == "no":
            latest[keys[number]] = str(number)
