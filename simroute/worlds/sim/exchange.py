"""What replicas tell each other every so often: gauges that can be merged, found in layers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simroute.gauges.merging import Mergeable

if TYPE_CHECKING:
    from simroute.worlds.sim.world import SimWorld

GAUGES = "simroute.gauges."
MOST_DEEP = 6
Path = tuple[Any, ...]
"""Name of a layer, attribute, key …"""
Parts = Callable[[Any], Iterable[tuple[Any, Any]]]


class Exchange:
    """Merges the gauges of all replicas every so often.

    replicas: the layers of each as they are now; they may be others after a restart. A gauge is the
    same in two replicas if it stands in the same place: attribute, and key where it is one of many.
    One that only some replicas have yet is exchanged among those.
    """

    def __init__(self, replicas: Sequence[Mapping[str, Any]], every: float) -> None:
        self._replicas, self._every = replicas, every
        self._known: dict[int, tuple[Mergeable, Any]] = {}

    def start(self, world: SimWorld) -> None:
        """Schedules all of it, first after one interval."""
        world.env.process(self._run(world))

    def _run(self, world: SimWorld) -> Generator[Any, Any, None]:
        while True:
            yield world.env.timeout(self._every)
            self.merge(world.env.now)

    def merge(self, now: float) -> None:
        """Lets each replica know what all of them know."""
        known = self._known
        self._known = {}
        for states in groups(self._replicas):
            marks = [known.get(id(state), (state, None))[1] for state in states]
            mark = type(states[0]).merge(states, marks, now) if len(states) > 1 else marks[0]
            for state in states:
                self._known[id(state)] = state, mark


def groups(replicas: Sequence[Mapping[str, Any]]) -> list[list[Mergeable]]:
    """The gauges of these layers that can be merged, each with its like in the other replicas.

    A layer may know one gauge under several names (a deployment's and its provider's): whatever is
    in the same place under any of them belongs together.
    """
    places: dict[Path, Mergeable] = {}
    group_of: dict[int, dict[int, Mergeable]] = {}
    looks: dict[str, Look] = {}
    for layers in replicas:
        for name, layer in layers.items():
            module = type(layer).__module__
            look = looks.get(module) or looks.setdefault(module, Look(module))
            for path, gauge in look.gauges(name, layer):
                own = group_of.setdefault(id(gauge), {id(gauge): gauge})
                other = group_of[id(places.setdefault(path, gauge))]
                if other is not own:
                    other |= own
                    for each in own:
                        group_of[each] = other
    distinct = {id(group): list(group.values()) for group in group_of.values()}
    return list(distinct.values())


class Look:
    """Finds gauges in layers of a module: in mappings, in sequences, and in objects of that module
    or of gauges. What a type is, is found out once."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._parts: dict[type, Parts] = {}
        self._without: set[type] = {str, int, float, bool, type(None)}

    def gauges(self, name: str, layer: Any) -> list[tuple[Path, Mergeable]]:
        """Those of one layer, with their places, in order."""
        found: list[tuple[Path, Mergeable]] = []
        left: list[tuple[Path, Any]] = [((name,), layer)]
        without = self._without
        while left:
            path, value = left.pop()
            kind = type(value)
            if issubclass(kind, Mergeable):
                found.append((path, value))
                continue
            parts = self._parts.get(kind) or self._find(kind)
            if parts is not None and len(path) <= MOST_DEEP:
                left += [
                    ((*path, key), each) for key, each in parts(value) if type(each) not in without
                ]
        found.reverse()
        return found

    def _find(self, kind: type) -> Parts | None:
        """What gives the parts of values of this type, if they can hold gauges."""
        home = kind.__module__
        if issubclass(kind, Mapping):
            self._parts[kind] = _items
        elif kind in (list, tuple):
            self._parts[kind] = enumerate
        elif home == self._module or home.startswith(GAUGES):
            self._parts[kind] = _slots if hasattr(kind, "__slots__") else _attributes
        else:
            self._without.add(kind)
        return self._parts.get(kind)


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return list(value.items())


def _attributes(value: Any) -> Iterable[tuple[Any, Any]]:
    return list(getattr(value, "__dict__", {}).items())


def _slots(value: Any) -> Iterable[tuple[Any, Any]]:
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [(name, getattr(value, name, None)) for name in names] + [*_attributes(value)]
