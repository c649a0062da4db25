"""Who chooses by quality looks at no failure: which policies are told so, and that it is so."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.config.advice import nesting_notes
from simroute.config.chooser_notes import CHOOSERS
from simroute.config.loading import build_layers
from simroute.core import Judge
from simroute.policies.bandit import Bandit
from simroute.policies.fallback import Fallback

OTHERS = "add fallback inside"


def told(layers):
    return nesting_notes(build_layers(layers))


@pytest.mark.parametrize("kind", CHOOSERS)
def test_a_choice_that_nobody_leaves_is_told(kind):
    """A breaker refuses the target, and the next call is aimed there again."""
    for inner in ({}, {"breaker": {}}, {"retry": {}}, {"balance": {}}, {"hedge": {}}):
        notes = told({kind: {}, **inner, "timeout": {}})
        assert [note for note in notes if f"{OTHERS} {kind}" in note] == notes
        assert len(notes) == 1
    for inner in (
        {"fallback": {}},
        {"cascade": {}},
        {"retry": {"where": "model"}},
        {"balance": {"group": "model"}},
        {"hedge": {"targets": ["other_company"]}},
        {"litellm": {}},
    ):
        assert not [note for note in told({kind: {}, **inner, "timeout": {}}) if OTHERS in note]


@pytest.mark.parametrize("kind", CHOOSERS)
@pytest.mark.parametrize("outer", ["fallback", "balance", "route", "fan_out"])
def test_a_choice_that_was_made_outside_is_told(kind, outer):
    """The outer layer's name is said; with a fallback inside nothing is."""
    (note,) = told({outer: {}, kind: {}, "timeout": {}})
    assert note.startswith(f"{kind} never chooses: {outer} outside has aimed every call")
    assert not told({"cache": {}, kind: {}, "fallback": {}, "timeout": {}})


def asked(*layers):
    """By three calls, one after another, while a fails."""
    world = FakeWorld(lambda call, n: Reply(503 if call.target == "a" else 200), judged=[False] * 3)
    send = world.send
    for layer in reversed(layers[1:]):
        send = _inside(layer, send, world)
    world.send = send
    world.play(layers[0], *(Ask(number, arrival=10.0 * number) for number in range(3)))
    return [target for _, target in world.sent]


def _inside(layer, send, world):
    return lambda call: layer(call, send, world)


def test_a_bandit_stays_and_a_fallback_inside_leaves():
    """`ucb` takes a, the first of equals: alone it stays there. Behind a fallback b answers, whom a
    judge refuses, 1/3 + sd .236 for b, so a, of whom nothing is known, is tried first again; the
    fallback asks it again each time. With the fallback outside a is whom the fallback aims at."""
    bandit = {"method": "ucb", "judge": Judge(1.0, 0.0), "judged": 1.0, "memory": 1e9}
    chain = Fallback(("a", "b"))
    assert asked(Bandit(**bandit)) == ["a", "a", "a"]
    assert asked(Bandit(**bandit), chain) == ["a", "b"] * 3
    quality = Bandit(("c",), **bandit)
    assert asked(chain, quality) == ["a", "b"] * 3  # and never c
    assert asked(quality, chain) == ["c"] * 3
