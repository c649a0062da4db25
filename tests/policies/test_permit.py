"""Rules of who must not see a request, held by the policy."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from simroute.core import Target
from simroute.core.target import forbidden_name
from simroute.models import spec
from simroute.policies.balance import Balance
from simroute.policies.fallback import Fallback
from simroute.policies.permit import Permit
from simroute.policies.retry import Retry
from simroute.policies.route import Route
from simroute.testing import Step, check_policy, play
from tests.fakes import Ask, FakeWorld
from tests.worlds.sim.test_callers import played
from tests.worlds.sim.test_residency import LOAD, PLACES

FLEET = (
    Target("us", "openai", "m", "m", domain="us-east"),
    Target("eu", "openai", "m", "m", domain="eu-west"),
    Target("house", "own", "m", "m"),
)


@dataclass
class Heard:
    """What a request forbids when it comes here."""

    forbids: frozenset[str] = frozenset()

    async def __call__(self, call, send, world):
        self.forbids = call.request.forbids
        return await send(call)


def forbidden(policy, **ask):
    """Deployments that the request of Ann (task chat, feature help) must not see."""
    world, heard = FakeWorld(known=FLEET), Heard()

    async def both(call, send, world):
        async def through(call):
            return await heard(call, send, world)

        return await policy(call, through, world)

    world.play(both, Ask(**ask))
    return {target.name for target in FLEET if forbidden_name(target.name) in heard.forbids}


@pytest.mark.parametrize(
    ("rules", "closed"),
    [
        (Permit(), set()),
        (Permit(only={"ann": ("eu-west",)}), {"us", "house"}),
        (Permit(only={"chat": ("openai", "house")}), set()),
        (Permit(only={"ben": ("eu-west",), "help": ("own",)}), {"us", "eu"}),
        (Permit(forbid={"help": ("openai",)}), {"us", "eu"}),
        (Permit(forbid={"*": ("us",)}), {"us"}),
        (Permit(only={"ann": ("openai",)}, forbid={"chat": ("us-east",)}), {"us", "house"}),
        (Permit(only={"ann": ("eu-west",), "chat": ("own",)}), {"us", "eu", "house"}),
        (Permit(only={"ann": ("nowhere",)}), {"us", "eu", "house"}),
        (Permit(forbid={"ann": ("nowhere",)}), set()),
    ],
)
def test_rules_of_user_feature_task_and_everybody_hold_at_once(rules, closed):
    """Places are providers, domains and deployments."""
    assert forbidden(rules) == closed


def test_it_adds_to_what_the_request_forbids_itself():
    """Nothing is taken away."""
    world = FakeWorld(known=FLEET)
    ask = Ask(forbids=frozenset({"own"}))
    world.play(Permit(forbid={"ann": ("us",)}), ask)
    assert ask.forbids == {"own", "deployment us"}


@pytest.mark.parametrize("inner", [Fallback(("us", "eu", "paris")), Route(by="price"), Balance()])
def test_it_does_what_the_scenario_s_own_rule_does(inner):
    """The same sends and ends, row for row, as where the workload says `only`."""
    outages = {"o": spec.Outage(provider="openai", start=20.0, end=40.0, error_share=0.5)}
    scenario: dict[str, Any] = {"deployments": PLACES, "outages": outages, "horizon": 90.0}
    said = played(
        spec.Workload(**LOAD, only={"berlin": ("eu-west",)}), {"inner": inner}, **scenario
    )
    held = played(
        spec.Workload(**LOAD),
        {"permit": Permit(only={"berlin": ("eu-west",)}), "inner": replace(inner)},
        **scenario,
    )
    for table in ("requests", "attempts"):
        for name, column in said[1][table].items():
            assert np.array_equal(column, held[1][table][name], equal_nan=column.dtype.kind == "f")
    assert held[0].metrics["forbidden_share"] == 0.0


@pytest.mark.parametrize("layers", [{}, {"retry": Retry(3)}, {"fallback": Fallback(("a",))}])
def test_whoever_chooses_nobody_is_refused_by_the_world(layers):
    """No send at all, and the request is rejected."""
    rules = {"permit": Permit(forbid={"*": ("company-a",)})}
    log = play(rules | layers, {"a": [Step(1.0)], "b": [Step(1.0)]}, [0.0, 1.0])
    assert log.attempts == []
    assert {outcome for outcome, *_ in log.requests.values()} == {"rejected"}


@dataclass
class Unsaid:
    """Forbids without saying so of its class."""

    async def __call__(self, call, send, world):
        world.forbid(call, frozenset({"company-a"}))
        return await send(call)


def test_a_layer_that_forbids_without_saying_so_is_told():
    """Else the world would not look, and nobody would know."""
    with pytest.raises(RuntimeError, match="says `restricts = True` of itself"):
        play({"unsaid": Unsaid()}, {"a": [Step(1.0)]})


def test_it_keeps_the_contract():
    """With rules and without."""
    assert check_policy(Permit()) == []
    assert check_policy(Permit(only={"*": ("a",)})) == []
