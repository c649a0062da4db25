"""Layers that hold for some targets alone: the parameter `only`, which every layer has."""

from __future__ import annotations

from collections.abc import Iterable
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
    def init(self: Any, *values: Any, only: Iterable[str] = (), **given: Any) -> None:
        if only:
            names = (only,) if isinstance(only, str) else tuple(only)
            object.__setattr__(self, "only", names)
        plain(self, *values, **given)

    kept = ("__module__", "__qualname__", "__doc__", "__firstlineno__")
    space = {name: cls.__dict__[name] for name in kept if name in cls.__dict__}
    space |= {"__annotations__": {"only": Only}, "only": field(default=(), kw_only=True)}
    space |= {"__init__": init, "takes_only": True} | _told_apart(cls)
    made: Any = new_class(cls.__name__, (cls,), exec_body=lambda own: own.update(space))
    is_frozen = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return dataclass(init=False, repr=False, eq=False, frozen=is_frozen)(made)  # type: ignore[no-any-return]


def _told_apart(cls: Any) -> dict[str, Any]:
    """How it compares, hashes and shows itself, as before but for `only`."""

    def same(self: Any, other: object) -> Any:
        return cls.__eq__(self, other) if only_of(self) == only_of(other) else False

    def digest(self: Any) -> int:
        return hash((cls.__hash__(self), self.only)) if self.only else cls.__hash__(self)

    def shown(self: Any) -> str:
        text = cls.__repr__(self)
        if not self.only:
            return str(text)
        lead, end = (text[:-1], ")") if text.endswith(")") else (text, "")
        return f"{lead}{'' if lead.endswith('(') else ', '}only={self.only!r}{end}"

    is_hashed = cls.__hash__ is not None
    return {"__eq__": same, "__hash__": digest if is_hashed else None, "__repr__": shown}


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
