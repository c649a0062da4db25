"""The JSON Schema (draft 2020-12) of scenario and policy files, from the same declarations that
validate them.

It is there for editors: each key says what it does, its unit, its default, and what may stand
there.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, is_dataclass
from typing import Any, get_args

from simroute.config.fields import Form, Scalar, declared_fields
from simroute.config.reference import docstring_parts
from simroute.config.scalars import CLOCK, DURATION, PERCENT
from simroute.core import registry
from simroute.core.target import ROLES
from simroute.models import spec
from simroute.models.calendar import START
from simroute.models.spec.kinds import ErrorKind

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
    "error": "HTTP status, or a kind of failure",
    "target": f"a deployment's name, or {', '.join(ROLES)}",
    "file": "path, relative to this file",
}
"""Units in an editor's words."""


def scenario_schema() -> Schema:
    """The schema of a scenario file."""
    return {**_head("scenario"), **_object(spec.Scenario)}


def policy_schema() -> Schema:
    """The schema of a policy file: layers by name; the name is the kind unless `kind` says
    otherwise."""
    kinds = sorted(registry)
    layers = {
        name: {
            "anyOf": [_ref(name), {"type": "null"}, {"$ref": "#/additionalProperties"}],
            "description": _doc(registry[name]),
        }
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
    own = declared_fields(cls)
    required = [field.name for field in own if field.make_default is None and cls not in COMPLETED]
    properties = {field.name: {**_schema(field.form), **_default(field.default)} for field in own}
    schema: Schema = {
        "type": "object",
        "description": _doc(cls),
        "properties": properties | (more or {}),
        "additionalProperties": False,
    }
    schema |= {"required": required} if required else {}
    return schema | ({"allOf": TOGETHER[cls]} if cls in TOGETHER else {})


def _doc(cls: type) -> str:
    """The docstring of a class, a line for each paragraph; empty where `dataclass` wrote a
    signature in its place."""
    text = docstring_parts(cls).doc
    return (
        ""
        if text.startswith(f"{cls.__name__}(")
        else "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    )


def _not_null(*keys: str) -> Schema:
    return {"required": list(keys), "properties": {key: {"not": {"type": "null"}} for key in keys}}


def _exactly(count: int) -> Schema:
    return {"anyOf": [{"maxItems": 0}, {"minItems": count, "maxItems": count}]}


TOGETHER: dict[type, list[Schema]] = {
    spec.Scenario: [
        {
            "if": {"not": _not_null("lineup")},
            "then": {
                "required": ["deployments"],
                "properties": {
                    "deployments": {
                        "minProperties": 1,
                        "additionalProperties": {"required": ["provider", "model"]},
                    }
                },
            },
        }
    ],
    spec.Profile: [{"properties": {"hours": _exactly(24), "days": _exactly(7)}}],
    spec.Deployment: [{"properties": {"price_date": {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}}}],
    spec.Outage: [
        {"oneOf": [_not_null(key) for key in ("provider", "deployment", "domain")]},
        {
            "oneOf": [
                _not_null("start", "end"),
                _not_null("mean_between"),
                _not_null("after_requests"),
                _not_null("incidents"),
            ]
        },
    ],
}
"""What no declaration of a single key can say; `config.checks` checks it, and more."""
COMPLETED = (spec.Deployment,)
"""What a line-up may complete, so that a key may be missing."""


def _default(value: Any) -> Schema:
    if value is MISSING or value is None or is_dataclass(value):
        return {}
    if isinstance(value, dict):
        return {"default": value} if not any(map(is_dataclass, value.values())) else {}
    if isinstance(value, float) and value.is_integer():
        return {"default": int(value)}
    return {"default": list(value) if isinstance(value, tuple) else value}


def _schema(form: Form) -> Schema:
    """What may stand in a place, and what an editor shows beside it."""
    choices = _choices(form)
    if form.optional:
        choices = (
            [_or_null(choices[0])]
            if len(choices) == 1 and set(choices[0]) & {"type", "enum"}
            else [*choices, {"type": "null"}]
        )
    flat = [
        inner
        for choice in choices
        for inner in (choice["anyOf"] if set(choice) == {"anyOf"} else [choice])
    ]
    return {**({"anyOf": flat} if len(flat) > 1 else flat[0]), **_description(form)}


def _choices(form: Form) -> list[Schema]:
    choices: list[Schema] = []
    if form.scalar is not None:
        choices.append(_scalar(form.scalar))
    if form.record is not None:
        choices.append(_object(form.record))
    if form.key is not None and form.entries is not None:
        entries = {"additionalProperties": _schema(form.entries)}
        choices.append({"type": "object", **_key_names(form.key), **entries})
    if form.items is not None:
        choices.append({"type": "array", "items": _schema(form.items)})
    if form.scalar is not None and len(choices) > 1:
        choices[0] = {**choices[0], **_description(Form(form.scalar))}
    return choices


def _or_null(choice: Schema) -> Schema:
    """The same, or null; without `anyOf` where possible, since editors show more of a plain
    schema."""
    if "enum" in choice:
        return {**choice, "enum": [*choice["enum"], None]}
    types = choice["type"]
    return {**choice, "type": [*(types if isinstance(types, list) else [types]), "null"]}


def _description(form: Form) -> Schema:
    """What a key does, and its unit."""
    unit = "" if form.unit in ("name", "text") else WORDS.get(form.unit, form.unit)
    text = f"{form.doc} ({unit})" if form.doc and unit else form.doc or unit
    return {"description": text[:1].upper() + text[1:] + "."} if text else {}


def _key_names(key: Scalar) -> Schema:
    """The keys of a mapping: names, statuses."""
    if key.unit == "error":
        kinds = "|".join(get_args(ErrorKind))
        return {"propertyNames": {"pattern": f"^([1-5][0-9][0-9]|{kinds})$"}}
    if key.type is int:
        return {"propertyNames": {"pattern": "^[1-5][0-9][0-9]$"}}
    return {"propertyNames": TARGET} if key.unit == "target" else {}


TARGET: Schema = {"anyOf": [{"enum": list(ROLES)}, {"type": "string"}]}


def _scalar(scalar: Scalar) -> Schema:
    if scalar.choices:
        return {"enum": list(scalar.choices)}
    if scalar.unit == "clock":
        return {
            "type": "string",
            "pattern": f"^{CLOCK.pattern}$",
            "patternErrorMessage": 'Expected a time of day such as "06:30".',
        }
    if scalar.type is str:
        return TARGET if scalar.unit == "target" else {"type": "string"}
    if scalar.type is bool:
        return {"type": "boolean"}
    number = _number(scalar)
    if scalar.unit == "start":
        return {
            **number,
            "type": ["number", "string"],
            "pattern": f"^{START.pattern}$",
            "patternErrorMessage": "Expected 0 to 168, or a date such as 2026-08-03T15:00.",
        }
    if scalar.unit == "error":
        return {"anyOf": [number, {"enum": list(get_args(ErrorKind))}]}
    return _timed(number, scalar.unit == "when") if scalar.unit in ("s", "when") else number


def _number(scalar: Scalar) -> Schema:
    number: Schema = {"type": "integer" if scalar.type is int else "number"}
    for bound in scalar.ranges:
        number["exclusiveMinimum" if bound.above else "minimum"] = bound.low
        number["maximum"] = bound.high
    return {key: value for key, value in number.items() if value not in (math.inf, -math.inf)}


def _timed(number: Schema, when: bool) -> Schema:
    """Seconds as a number or written with units; a moment may be a share of the horizon as well."""
    some = "(?=.*[1-9])" if "exclusiveMinimum" in number else ""
    form = f"(?:{DURATION.pattern}|{PERCENT.pattern})" if when else DURATION.pattern
    expected = (
        f"Expected seconds, or a duration such as 500ms, 30s, "
        f"1h30m{', or a share of the horizon such as 30%' if when else ''}."
    )
    return {
        **number,
        "type": ["number", "string"],
        "pattern": f"^{some}{form}$",
        "patternErrorMessage": expected,
    }
