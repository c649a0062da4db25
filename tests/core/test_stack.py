"""Layers are put together by their places, whatever the signature of their method."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import wraps
from typing import Any

import pytest

from simroute.core import Call, Outcome, stack

NO_REQUEST: Any = None
GO = Call(NO_REQUEST, "a")
Heard = list[tuple[str, str]]
"""The worlds that calls passed through on their way in, each with the target there."""


def passed(layers: Mapping[str, Any]) -> tuple[Heard, Outcome]:
    """Sends a call through layers whose worlds are (name, list of what was heard)."""
    heard: Heard = []

    async def send(call: Call) -> Outcome:
        heard.append(("send", str(call.target)))
        return Outcome(200, call.target)

    entry = stack(layers, send, lambda name: (name, heard))  # type: ignore[arg-type,return-value]
    return heard, asyncio.run(entry(GO))  # type: ignore[arg-type]


async def hear(call: Call, send: Any, world: Any) -> Outcome:
    world[1].append((world[0], str(call.target)))
    outcome: Outcome = await send(call)
    return outcome


class Ordinary:
    async def __call__(self, call: Call, send: Any, world: Any) -> Outcome:
        return await hear(call, send, world)


class Inherited(Ordinary):
    async def __call__(self, call: Call, send: Any, world: Any) -> Outcome:
        return await super().__call__(call.to(f"{call.target}+"), send, world)


class HandsOn:
    def __call__(self, call: Call, send: Any, world: Any) -> Any:
        return hear(call, send, world)


class WithDefault:
    async def __call__(self, call: Call, send: Any, world: Any, mark: str = "+") -> Outcome:
        return await hear(call.to(f"{call.target}{mark}"), send, world)


class WithKeyword:
    async def __call__(self, call: Call, send: Any, world: Any, *, mark: str = "+") -> Outcome:
        return await hear(call.to(f"{call.target}{mark}"), send, world)


class Various:
    async def __call__(self, *three: Any) -> Outcome:
        return await hear(*three)


class Decorated:
    @wraps(hear)
    async def __call__(self, *three: Any, **words: Any) -> Outcome:
        return await hear(*three, **words)


class OfTheClass:
    mark = "+"

    @classmethod
    async def __call__(cls, call: Call, send: Any, world: Any) -> Outcome:
        return await hear(call.to(f"{call.target}{cls.mark}"), send, world)


class Static:
    __call__ = staticmethod(hear)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (Ordinary, "a"),
        (Inherited, "a+"),
        (HandsOn, "a"),
        (WithDefault, "a+"),
        (WithKeyword, "a+"),
        (Various, "a"),
        (Decorated, "a"),
        (OfTheClass, "a+"),
        (Static, "a"),
    ],
)
def test_a_layer_of_any_signature_gets_call_send_and_world(kind: type, target: str) -> None:
    """What differs from the ordinary signature goes through a function around the layer."""
    heard, outcome = passed({"outer": kind(), "inner": Ordinary()})
    assert heard == [("outer", target), ("inner", target), ("send", target)]
    assert outcome.target == target


def test_one_layer_at_two_places_has_the_send_and_the_world_of_each() -> None:
    """Nothing of a place is kept in the layer itself."""
    layer = Ordinary()
    heard, _ = passed({"outer": layer, "inner": layer})
    assert heard == [("outer", "a"), ("inner", "a"), ("send", "a")]


def test_a_method_keeps_its_own_defaults_after_it_has_been_put_into_a_stack() -> None:
    """Only a copy of it has the place's send and world."""
    ordinary: Any = Ordinary()
    passed({"one": ordinary})
    with pytest.raises(TypeError, match="send"):
        ordinary(GO)
