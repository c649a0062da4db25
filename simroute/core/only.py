"""Layers that hold for some targets alone: the parameter `only`, which every layer has."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from functools import wraps
from types import new_class
from typing import Annotated, Any, TypeVar

from simroute.core.call import Call
from simroute.core.params import Doc, TargetName
from simroute.core.target import resolve
from simroute.core.world import World, aimed_at

T = TypeVar("T")
Only = Annotated[
    tuple[TargetName, ...],
    Doc("calls to other targets pass this layer untouched; empty: it holds for all"),
]


def with_only(cls: type[T]) -> type[T]:
    """The same dataclass with one more parameter, `only`, given by name. A class that has a field
    of this name keeps it as it is: it means what that class says."""
    if not is_dataclass(cls) or any(each.name == "only" for each in fields(cls)):
        return cls
    plain: Any = cls.__init__

    @wraps(plain)
    def init(self: Any, *values: Any, only: tuple[str, ...] = (), **given: Any) -> None:
        if only:
            object.__setattr__(self, "only", tuple(only))
        plain(self, *values, **given)

    said = cls.__dataclass_params__  # type: ignore[attr-defined]
    kept = ("__module__", "__qualname__", "__doc__", "__firstlineno__")
    space = {name: cls.__dict__[name] for name in kept if name in cls.__dict__}
    space |= {"__annotations__": {"only": Only}, "only": field(default=(), kw_only=True)}
    space |= {"__init__": init, "takes_only": True}
    made: Any = new_class(cls.__name__, (cls,), exec_body=lambda own: own.update(space))
    same = {name: getattr(said, name) for name in ("eq", "order", "unsafe_hash", "frozen")}
    return dataclass(init=False, repr=False, **same)(made)  # type: ignore[no-any-return]


def only_of(layer: Any) -> tuple[str, ...]:
    """The targets for which alone a layer holds, by name or role; empty: for all."""
    return layer.only if getattr(layer, "takes_only", False) else ()


class Concern:
    """Whether a call is for one of some targets, who are named or have a role.

    A role stands for itself, whatever is listed beside it (as in the weights of a balance). What it
    is at the first call it stays, whatever prices do, as in a fallback.
    """

    def __init__(self, only: tuple[str, ...]) -> None:
        self._only = only
        self._names: frozenset[str] | None = None

    def __call__(self, call: Call, world: World) -> bool:
        names = self._names
        if names is None:
            names = self._names = held(self._only, world)
        return aimed_at(call, world) in names


def held(only: tuple[str, ...], world: World) -> frozenset[str]:
    """The deployments that these names and roles stand for."""
    known, price = world.targets(), world.price
    return frozenset(name for role in only for name in resolve([role], known, price))
