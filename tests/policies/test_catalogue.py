"""Every layer, with whatever parameters and neighbours a file may give it: deterministic, nothing
lost or counted twice, and the same in both worlds."""

import asyncio
import hashlib
import inspect
import re
from dataclasses import replace
from functools import partialmethod

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from layers import kinds, layers_of
from simroute.config.advice import nesting_notes
from simroute.config.fields import declared_fields
from simroute.core import Judge, registry
from simroute.errors import InputError
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Retry
from simroute.testing.script import Step
from simroute.worlds.live.world import LiveWorld
from simroute.worlds.sim.senses import Senses
from twins import Play, live, same, simulated

KINDS = kinds()
OWN_TESTS = {
    "shadow": "what a copy costs that the end of a run cuts only its provider knows: test_shadow",
    "recorded": "follows a log, and a live call is in none",
    **dict.fromkeys(
        ("bandit", "cascade", "classify", "fan_out", "predict", "quality_bar"),
        "asks functions of the user's own: tests/worlds/test_parity_of_experts.py",
    ),
}
"""Layers that cannot stand in front of scripted providers live by themselves, and why."""
SCRIPT = {
    "a": [
        Step(1.13),
        Step(0.31, 503),
        Step(0.83, error="content_filter"),
        Step(6.1),
        Step(0.41),
        Step(0.37, 429, 1.9),
        Step(2.03),
    ],
    "b": [
        Step(0.71),
        Step(0.29, 529),
        Step(0.19, 400, error="context_length"),
        Step(1.51),
        Step(0.23, 503, error="reset"),
        Step(0.17, 500),
    ],
}
STREAMS = {
    "a": [Step(1.13, first=0.4), Step(0.31, 503), Step(6.1, first=0.2), Step(0.37, 429, 1.9)],
    "b": [Step(0.71, first=0.13), Step(0.29, 529), Step(1.51, first=1.1)],
}
CALM, CALM_STREAMS = (
    {name: [step for step in steps if step.status == 200] for name, steps in script.items()}
    for script in (SCRIPT, STREAMS)
)
ARRIVALS = [0.0, 0.903, 1.711, 2.957, 4.409, 7.001, 11.83, 12.02, 13.7, 40.3, 41.1]
QUESTIONS = [0, 1, 0, 1, 2, 0, 2, 2, 1, 0, 3]
FEW = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def _one_chance():
    """Both worlds draw the same numbers, so that they can be compared where layers draw."""

    def uniform(self, layer, stream, call):
        asked = self.__dict__.setdefault("_asked", {})
        key = layer, stream, call.request.id, call.request.arrival
        number = asked[key] = asked.get(key, 0) + 1
        digest = hashlib.blake2b(repr((key[:3], number)).encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Senses, "uniform", uniform)
        patch.setattr(LiveWorld, "uniform", uniform)
        # what a layer's own work takes is paid in virtual time and has passed in real time
        patch.setattr(LiveWorld, "__init__", partialmethod(LiveWorld.__init__, takes=asyncio.sleep))
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_names_the_source_of_what_it_does(kind):
    """A paper, a book, a library or a product's documentation."""
    assert re.search(r"\bSources?:", inspect.cleandoc(registry[kind].__doc__))


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), streamed=st.booleans())
def test_every_request_ends_once_and_its_bill_is_that_of_its_sends(kind, data, streamed):
    """Whatever its parameters: one row a request, every send belongs to one, and a second run gives
    the same rows."""
    layers = {"layer": data.draw(layers_of(kind)), "again": Retry(attempts=2)}
    play = Play(layers, STREAMS if streamed else SCRIPT, ARRIVALS, streamed, QUESTIONS)
    told = simulated(play)
    conserved(told)
    assert simulated(play) == told


def conserved(told):
    assert sorted(told.requests) == list(range(len(ARRIVALS)))
    assert all(ended.end >= ARRIVALS[number] for number, ended in told.requests.items())
    for number, ended in told.requests.items():
        sends = [row for row in told.sends if row.request == number]
        assert len(sends) == ended.attempts
        assert sum(row.nano for row in sends) <= ended.nano
        assert sorted(row.attempt for row in sends) == list(range(1, len(sends) + 1))


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), streamed=st.booleans())
def test_a_layer_does_the_same_in_both_worlds(kind, data, streamed):
    """The same sends at the same moments, the same ends, bills and events. What needs a judge, an
    embedder or the like is compared where it is tested with one."""
    compare(kind, data, streamed, lambda layer: {"layer": layer})


def compare(kind, data, streamed, stand):
    """stand: the layers with the one that is drawn among them."""
    if kind in OWN_TESTS:
        pytest.skip(OWN_TESTS[kind])
    layer = data.draw(layers_of(kind))
    assume(not graded(layer))
    # how much of a month has passed depends on its date: tests/worlds/test_parity_of_requests.py
    assume(getattr(layer, "ahead", "none") == "none")
    script = STREAMS if streamed else SCRIPT
    play = Play(stand(layer), script, ARRIVALS, streamed, QUESTIONS)
    if any(row.abandoned for row in simulated(play).sends):
        # what a failure that nobody waited for would have been billed, only its provider knows
        play = replace(play, script=CALM_STREAMS if streamed else CALM)
    try:
        live(replace(play, arrivals=[0.0]))
    except InputError:  # it wants something of the user's own
        assume(False)
    same(play)


FOR_SOME = sorted({*KINDS} - {"permit"})


@pytest.mark.parametrize("kind", FOR_SOME)
@FEW
@given(data=st.data(), streamed=st.booleans())
def test_a_layer_for_some_targets_does_the_same_in_both_worlds(kind, data, streamed):
    """Behind a fallback, for calls to the second."""
    chain = {"fallback": Fallback(("a", "b"))}
    compare(kind, data, streamed, lambda layer: chain | {"layer": for_some(layer, "b")})


def for_some(layer, *only):
    """Whom health pings is a parameter of its own, so it pings nobody here."""
    said = {"active": False} if layer.kind == "health" else {}
    return replace(layer, only=only, **said)


@pytest.mark.parametrize("kind", sorted({*FOR_SOME} - {"unify"}))  # which measures by itself
@FEW
@given(data=st.data(), streamed=st.booleans())
def test_a_layer_for_some_targets_is_not_there_for_others(kind, data, streamed):
    """Calls to others leave no trace in it, whatever it is; for all targets it is as it is."""
    layer = data.draw(layers_of(kind))
    script = STREAMS if streamed else SCRIPT

    def told(**layers):
        chain = {"fallback": Fallback(("a",))}
        return simulated(Play(chain | layers, script, ARRIVALS, streamed, QUESTIONS))

    assert told(layer=for_some(layer, "a", "b")) == told(layer=for_some(layer))
    assert told(layer=for_some(layer, "b")) == told()


def graded(layer):
    """Whether answers are judged."""
    return any(
        isinstance(getattr(layer, field.name), Judge) for field in declared_fields(type(layer))
    )


@settings(FEW, max_examples=60)
@given(
    data=st.data(),
    names=st.lists(st.sampled_from(KINDS), min_size=2, max_size=5, unique=True),
    streamed=st.booleans(),
)
def test_any_order_of_layers_that_check_accepts_loses_nothing(data, names, streamed):
    """Two to five of them, outermost first."""
    layers = {name: data.draw(layers_of(name)) for name in names}
    assume(nesting_notes(layers) == [])
    conserved(
        simulated(Play(layers, STREAMS if streamed else SCRIPT, ARRIVALS, streamed, QUESTIONS))
    )
