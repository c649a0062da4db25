"""check_policy finds what it says it finds, and nothing in the package's own layers."""

import random
import time
from dataclasses import dataclass, replace

import pytest

import simroute.policies  # registers the layers
from simroute.core import Outcome, registry
from simroute.testing import check_policy

OWN = [kind for kind, cls in registry.items() if cls.__module__.startswith("simroute.policies")]


@pytest.mark.parametrize("kind", OWN)
def test_the_package_s_own_layers_pass(kind):
    """No mistake."""
    assert simroute.policies
    assert check_policy(registry[kind]()) == []


class ReadsClock:
    async def __call__(self, call, send, world):
        time.monotonic()
        return await send(call)


class Chancy:
    async def __call__(self, call, send, world):
        return await send(call) if random.random() < 0.5 else Outcome(503)


class AwaitsInFinally:
    async def __call__(self, call, send, world):
        try:
            return await send(call)
        finally:
            await world.sleep(1.0)


class Swallows:
    async def __call__(self, call, send, world):
        try:
            return await send(call)
        except BaseException:
            return Outcome(503)


@dataclass
class Leaks:
    free: int = 3

    async def __call__(self, call, send, world):
        if self.free == 0:
            return Outcome.rejected(by="leaks")
        self.free -= 1
        outcome = await send(call)
        self.free += 1
        return outcome


class Drops:
    async def __call__(self, call, send, world):
        outcome = await send(call)
        return replace(outcome, rest=None)


class Raises:
    async def __call__(self, call, send, world):
        raise KeyError("no")


class Aims:
    async def __call__(self, call, send, world):
        call.target = "b"
        return await send(call)


class Excuses:
    async def __call__(self, call, send, world):
        outcome = await send(call)
        outcome.status = 200
        return outcome


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        (ReadsClock(), "module time"),
        (Chancy(), "module random"),
        (AwaitsInFinally(), "finally"),
        (Swallows(), "finally"),
        (Leaks(), "leaks"),
        (Drops(), "streaming"),
        (Raises(), "raises KeyError"),
        (Aims(), "sets target of Call"),
        (Excuses(), "sets status of Outcome"),
    ],
)
def test_each_mistake_is_told(policy, word):
    """One wrong policy for each rule."""
    assert any(word in line for line in check_policy(policy)), check_policy(policy)
