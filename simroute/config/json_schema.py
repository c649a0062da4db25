"""The JSON Schema (draft 2020-12) of scenario and policy files, from the same declarations that
validate them.

It is there for editors: each key says what it does, its unit, its default, and what may stand
there.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from simroute.config.reference import docstring_parts
from simroute.config.scalars import CLOCK, DURATION, PERCENT
from simroute.config.schema import unwrap
from simroute.core import registry
from simroute.core.params import Doc, Range, Unit
from simroute.core.target import ROLES
from simroute.models import spec
from simroute.models.calendar import START

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
WORDS = {
    "s": "seconds, or a duration such as 30s, 5m, 2h",
    "zone": "a time zone's name, such as Europe/Berlin",
    "clock": "time of day, HH:MM",
    "start": "hour of the week, or a date such as 2026-08-03T15:00; UTC",
    "when": "seconds, a duration such as 40m, or a share of the horizon such as 30%",
    "count": "whole number",
    "share": "share from 0 to 1",
    "1/s": "per second",
    "1/min": "per minute",
    "status": "HTTP status",
    "target": f"a deployment's name, or {', '.join(ROLES)}",
    "file": "path, relative to this file",
}
"""Units in an editor's words."""


def scenario_schema() -> Schema:
    """Of a scenario file."""
    return {**_head("scenario"), **_object(spec.Scenario)}


def policy_schema() -> Schema:
    """Of a policy file: layers by name, whose kind is the name unless `kind` says otherwise."""
    kinds = sorted(registry)
    layers = {
        name: {"anyOf": [_ref(name), {"type": "null"}], "description": _doc(registry[name])}
        for name in kinds
    }
    about = {"type": "string", "description": "One sentence: what this policy does."}
    tune = {"type": "object", "description": "Ranges for `simroute tune`."}
    other = {
        "type": "object",
        "description": "A second layer of some kind, under a name of your own: `kind` says which.",
        "properties": {"kind": {"enum": kinds, "description": "The kind of this layer."}},
        "required": ["kind"],
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": _ref(name),
            }
            for name in kinds
        ],
    }
    return {
        **_head("policy"),
        "type": "object",
        "description": "An ordered mapping of layers: a call passes them from the first to the "
        "last.",
        "properties": {"about": about, "tune": tune, **layers},
        "additionalProperties": other,
        "$defs": {
            name: _object(
                registry[name],
                {"kind": {"const": name, "description": "Only needed under another name."}},
            )
            for name in kinds
        },
    }


def _head(name: str) -> Schema:
    return {"$schema": DRAFT, "$id": f"urn:simroute:schema:{name}", "title": f"simroute {name}"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(cls: type, more: Schema | None = None) -> Schema:
    hints = get_type_hints(cls, include_extras=True)
    own = [f for f in fields(cls) if f.init]
    needed = [f.name for f in own if f.default is MISSING and f.default_factory is MISSING]
    properties = {f.name: {**_schema(hints[f.name]), **_default(f)} for f in own}
    made: Schema = {
        "type": "object",
        "description": _doc(cls),
        "properties": properties | (more or {}),
        "additionalProperties": False,
    }
    return (
        made
        | ({"required": needed} if needed else {})
        | ({"allOf": TOGETHER[cls]} if cls in TOGETHER else {})
    )


def _doc(cls: type) -> str:
    """What the class says of itself, one line a paragraph; nothing where `dataclass` wrote a
    signature there."""
    text = docstring_parts(cls).doc
    return (
        ""
        if text.startswith(f"{cls.__name__}(")
        else "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    )


def _given(*keys: str) -> Schema:
    return {"required": list(keys), "properties": {key: {"not": {"type": "null"}} for key in keys}}


def _exactly(count: int) -> Schema:
    return {"anyOf": [{"maxItems": 0}, {"minItems": count, "maxItems": count}]}


TOGETHER: dict[type, list[Schema]] = {
    spec.Scenario: [{"properties": {"deployments": {"minProperties": 1}}}],
    spec.Profile: [{"properties": {"hours": _exactly(24), "days": _exactly(7)}}],
    spec.Deployment: [{"properties": {"price_date": {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}}}],
    spec.Outage: [
        {"oneOf": [_given(key) for key in ("provider", "deployment", "domain")]},
        {"oneOf": [_given("start", "end"), _given("mean_between")]},
    ],
}
"""What no declaration of a single key can tell (experiment.configuration checks it, and more)."""


def _default(f: Field[Any]) -> Schema:
    value = f.default_factory() if f.default_factory is not MISSING else f.default
    if value is MISSING or value is None or is_dataclass(value):
        return {}
    if isinstance(value, dict):
        return {"default": value} if not any(map(is_dataclass, value.values())) else {}
    if isinstance(value, float) and value.is_integer():
        return {"default": int(value)}
    return {"default": list(value) if isinstance(value, tuple) else value}


def _schema(kind: Any) -> Schema:
    bare, marks = unwrap(kind)
    said = _said(kind)
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        return _union(list(get_args(bare)), marks, said)
    if is_dataclass(bare):
        made = _object(bare)  # type: ignore[arg-type]
        return {**made, "description": said.get("description") or made["description"]}
    if origin is dict:
        key, value = get_args(bare)
        return {"type": "object", **_names(key), "additionalProperties": _schema(value), **said}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(bare)[0]), **said}
    return {**_leaf(bare, marks), **said}


def _union(parts: list[Any], marks: tuple[Any, ...], said: Schema) -> Schema:
    optional = type(None) in parts
    parts = [part for part in parts if part is not type(None)]
    if {unwrap(part)[0] for part in parts} <= {float, str, int}:
        parts = parts[:1]  # one unit, written in two ways
    if len(parts) == 1:
        bare, own = unwrap(parts[0])
        choices = [_schema(bare) if is_dataclass(bare) else _leaf(bare, (*own, *marks))]
    else:
        choices = [_schema(part) for part in parts]
    if optional:
        choices = (
            [_or_nothing(choices[0])]
            if len(choices) == 1 and set(choices[0]) & {"type", "enum"}
            else [*choices, {"type": "null"}]
        )
    flat = [
        inner
        for choice in choices
        for inner in (choice["anyOf"] if set(choice) == {"anyOf"} else [choice])
    ]
    return {**({"anyOf": flat} if len(flat) > 1 else flat[0]), **said}


def _or_nothing(choice: Schema) -> Schema:
    """The same, or null; without `anyOf` where that can be said, since editors tell more about a
    plain schema."""
    if "enum" in choice:
        return {**choice, "enum": [*choice["enum"], None]}
    kinds = choice["type"]
    return {**choice, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _said(kind: Any) -> Schema:
    """What a key does, its unit, its range: what an editor shows beside it."""
    bare, marks = unwrap(kind)
    if get_origin(bare) in (Union, types.UnionType):
        marks = (*marks, *unwrap(get_args(bare)[0])[1])
    doc = next((mark.text for mark in marks if isinstance(mark, Doc)), "")
    unit = next(
        (
            WORDS.get(mark.name, mark.name)
            for mark in marks
            if isinstance(mark, Unit) and mark.name not in ("name", "text")
        ),
        "",
    )
    text = f"{doc} ({unit})" if doc and unit else doc or unit
    return {"description": text[:1].upper() + text[1:] + "."} if text else {}


def _names(key: Any) -> Schema:
    """The keys of a mapping: names, statuses."""
    bare, marks = unwrap(key)
    unit = next((mark.name for mark in marks if isinstance(mark, Unit)), "")
    if bare is int:
        return {"propertyNames": {"pattern": "^[1-5][0-9][0-9]$"}}
    return (
        {"propertyNames": {"anyOf": [{"enum": list(ROLES)}, {"type": "string"}]}}
        if unit == "target"
        else {}
    )


def _leaf(bare: Any, marks: tuple[Any, ...]) -> Schema:
    unit = next((mark.name for mark in marks if isinstance(mark, Unit)), "")
    if get_origin(bare) is Literal:
        return {"enum": list(get_args(bare))}
    if unit == "clock":
        return {
            "type": "string",
            "pattern": f"^{CLOCK.pattern}$",
            "patternErrorMessage": 'Expected a time of day such as "06:30".',
        }
    if bare is str:
        return (
            {"anyOf": [{"enum": list(ROLES)}, {"type": "string"}]}
            if unit == "target"
            else {"type": "string"}
        )
    if bare is bool:
        return {"type": "boolean"}
    number: Schema = {"type": "integer" if bare is int else "number"}
    for mark in marks:
        if isinstance(mark, Range):
            number["exclusiveMinimum" if mark.above else "minimum"] = mark.low
            number["maximum"] = mark.high
    number = {
        key: value for key, value in number.items() if value not in (float("inf"), float("-inf"))
    }
    if unit == "start":
        told = "Expected 0 to 168, or a date such as 2026-08-03T15:00."
        return {
            **number,
            "type": ["number", "string"],
            "pattern": f"^{START.pattern}$",
            "patternErrorMessage": told,
        }
    return _timed(number, unit == "when") if unit in ("s", "when") else number


def _timed(number: Schema, when: bool) -> Schema:
    """Seconds as a number or written with units; a moment may be a share of the horizon as well."""
    some = "(?=.*[1-9])" if "exclusiveMinimum" in number else ""
    form = f"(?:{DURATION.pattern}|{PERCENT.pattern})" if when else DURATION.pattern
    told = (
        f"Expected seconds, or a duration such as 500ms, 30s, "
        f"1h30m{', or a share of the horizon such as 30%' if when else ''}."
    )
    return {
        **number,
        "type": ["number", "string"],
        "pattern": f"^{some}{form}$",
        "patternErrorMessage": told,
    }
