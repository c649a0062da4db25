"""One number of a scenario or a policy that is to be varied: what is declared of it, and what a
written value of it means."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any, get_args, get_type_hints

from simroute.config import overrides, schema, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.scalars import leaf
from simroute.core.params import Unit
from simroute.errors import InputError, nearest
from simroute.models import spec


@dataclass(frozen=True)
class Assumption:
    """`key` as on the command line; `whole`: only whole numbers make sense; `unit` as it is
    declared; `check` refuses with ValueError."""

    key: str
    whole: bool
    unit: str
    check: Any

    def value(self, text: str) -> float | str:
        """In seconds and shares; "30%" stays a share of the horizon. Raises InputError."""
        try:
            raw = yaml_reader.parse(f"v: {text.strip()}\n".encode(), "").data["v"]
            found: float | str = self.check(raw)
        except InputError:
            raise InputError(
                f"{text!r} is not understood; write a number, or a duration such as 30s"
            ) from None
        except ValueError as error:
            raise InputError(str(error)) from None
        return found


def assumption(key: str, made: Configuration) -> Assumption:
    """Raises InputError if there is no such key, or it is no number."""
    head, *path = key.split(".")
    if head == "scenario" and path:
        return _declared(key, spec.Scenario, made.scenario, path)
    if head != "policy" or len(path) < 2:
        raise InputError("expected scenario.KEY=LOW..HIGH or policy.LAYER.KEY=LOW..HIGH")
    have = [layers[path[0]] for layers in made.policies.values() if path[0] in layers]
    if not have:
        known = sorted({name for layers in made.policies.values() for name in layers})
        raise InputError(f"no policy here has a layer {path[0]!r}; {nearest(path[0], known)}")
    return _declared(key, type(have[0]), have[0], path[1:])


def _declared(key: str, cls: type, given: Any, path: list[str]) -> Assumption:
    problem = overrides.unknown(cls, schema.plain(given), path)
    if problem is not None:
        raise InputError(problem)
    above = schema.inner(cls, tuple(path[:-1]))
    hint = (
        get_type_hints(above, include_extras=True)[path[-1]]
        if is_dataclass(above)
        else get_args(above)[1]
    )
    for bare, marks in _parts(hint):
        if bare in (int, float):
            unit = next((mark.name for mark in marks if isinstance(mark, Unit)), "")
            return Assumption(key, bare is int, unit, leaf(bare, marks))
    raise InputError("is not a number, so it has no range")


def _parts(hint: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """A type and its marks, or those of each part of a union."""
    bare, marks = schema.unwrap(hint)
    if not get_args(bare):
        return [(bare, marks)]
    return [(part, (*own, *marks)) for inner in get_args(bare) for part, own in _parts(inner)]
