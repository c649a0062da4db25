"""The JSON Schema (draft 2020-12) of scenario and policy files, from the same declarations that validate them."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from simroute import policies as _registers_layers
from simroute.core import registry
from simroute.core.params import Doc, Range, Unit
from simroute.experiment.schema import unwrap
from simroute.models import spec

__all__ = ["_registers_layers", "policy_schema", "scenario_schema"]

DURATION = {"type": "string", "pattern": "^([0-9.]+(ms|s|m|h|d))+$"}
PERCENT = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?%$"}


def scenario_schema() -> dict[str, Any]:
    """Of a scenario file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object(spec.Scenario)}


def policy_schema() -> dict[str, Any]:
    """Of a policy file: layers by name, whose kind is the name unless `kind` says otherwise."""
    kinds = {name: {"anyOf": [_object(cls, {"kind": {"const": name}}), {"type": "null"}]} for name, cls in sorted(registry.items())}
    other = {"anyOf": [_object(cls, {"kind": {"const": name}}, ["kind"]) for name, cls in sorted(registry.items())]}
    properties = {"about": {"type": "string"}, "tune": {"type": "object"}, **kinds}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties, "additionalProperties": other}


def _object(cls: type, more: dict[str, Any] | None = None, required: list[str] | None = None) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    own = [f for f in fields(cls) if f.init]
    needed = [f.name for f in own if f.default is MISSING and f.default_factory is MISSING]
    properties = {f.name: _schema(hints[f.name]) for f in own}
    made: dict[str, Any] = {"type": "object", "properties": properties | (more or {}), "additionalProperties": False}
    both = [*needed, *(required or [])]
    return made | ({"required": both} if both else {})


def _schema(kind: Any) -> dict[str, Any]:
    bare, marks = unwrap(kind)
    doc = next((mark.text for mark in marks if isinstance(mark, Doc)), None)
    said = {} if doc is None else {"description": doc}
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(bare) if part is not type(None)]
        if {unwrap(part)[0] for part in parts} <= {float, str, int}:
            parts = parts[:1]
        nothing = [{"type": "null"}] if type(None) in get_args(bare) else []
        choices = [*map(_schema, parts), *nothing] if len(parts) > 1 or nothing else [_leaf(unwrap(parts[0])[0], marks)]
        return {"anyOf": choices, **said}
    if is_dataclass(bare):
        return {**_object(bare), **said}  # type: ignore[arg-type]
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(bare)[1]), **said}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(bare)[0]), **said}
    return {**_leaf(bare, marks), **said}


def _leaf(bare: Any, marks: tuple[Any, ...]) -> dict[str, Any]:
    unit = next((mark.name for mark in marks if isinstance(mark, Unit)), "")
    if get_origin(bare) is Literal:
        return {"enum": list(get_args(bare))}
    if bare is str:
        return {"type": "string"}
    if bare is bool:
        return {"type": "boolean"}
    number: dict[str, Any] = {"type": "integer" if bare is int else "number"}
    for mark in marks:
        if isinstance(mark, Range):
            number["exclusiveMinimum" if mark.above else "minimum"] = mark.low
            number["maximum"] = mark.high
    number = {key: value for key, value in number.items() if value not in (float("inf"), float("-inf"))}
    if unit in ("s", "when"):
        return {"anyOf": [number, DURATION, *([PERCENT] if unit == "when" else [])]}
    return number
