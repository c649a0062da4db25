"""What there is to know about layers and scenario keys, from where they are declared: for
`describe`, the documentation, and whoever asks.

A docstring may end with two sections: `Example:`, an indented YAML fragment that runs as it stands,
and `Interplay:`, what the parameters do to each other. Layers of a user's own are read in the same
way.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from dataclasses import MISSING, is_dataclass
from typing import Any, NamedTuple

from simroute import gateways as _registers_layers
from simroute.config.fields import Form, Scalar, declared_fields
from simroute.config.scalars import range_text
from simroute.core import registry
from simroute.core.presets import Preset
from simroute.gauges.merging import Mergeable
from simroute.models import spec

__all__ = [
    "DocstringParts",
    "LayerReference",
    "Parameter",
    "PresetReference",
    "SectionReference",
    "_registers_layers",
    "docstring_parts",
    "layer_reference",
    "layer_references",
    "parameters",
    "preset_references",
    "section_references",
]

SECTIONS = (
    "about",
    "horizon",
    "workload",
    "lineup",
    "deployments",
    "accounts",
    "first",
    "outages",
    "budget",
    "slo",
    "gateway",
    "abandoned",
    "hang_limit",
)
"""Top-level keys of a scenario in the order in which one reads them."""

EXAMPLE = re.compile(r"\n\nExample:\n\n((?:    .*\n|\n)+)")
INTERPLAY = re.compile(r"\n\nInterplay: ((?:.+\n?)+)")


class DocstringParts(NamedTuple):
    """A docstring in its parts; a part that is not there is empty."""

    doc: str
    example: str
    interplay: str


class Parameter(NamedTuple):
    """One key, as `describe` shows it: its path, its unit or kind, and the rest in words."""

    key: str
    kind: str
    range: str
    default: str
    doc: str


class LayerReference(NamedTuple):
    """One kind of layer. example: layers of a policy file, outermost first. interplay: sentences
    about the parameters. replicas: what those of a gateway tell each other of it."""

    kind: str
    doc: str
    parameters: list[Parameter]
    example: str
    interplay: str
    replicas: str


class PresetReference(NamedTuple):
    """A preset of a kind of layer. settings: its parameters in words, those first that `describe`
    tells of the layer."""

    kind: str
    name: str
    preset: Preset
    settings: list[tuple[str, str]]


class SectionReference(NamedTuple):
    """One top-level key of a scenario file, with every key below it (full paths). example: a
    fragment of a scenario file."""

    key: str
    doc: str
    parameters: list[Parameter]
    example: str
    interplay: str


def docstring_parts(cls: type) -> DocstringParts:
    """The docstring of a class, cut at its sections."""
    text = inspect.cleandoc(cls.__doc__ or "") + "\n"
    matches = [pattern.search(text) for pattern in (EXAMPLE, INTERPLAY)]
    end = min((match.start() for match in matches if match), default=len(text))
    example, interplay = (match.group(1) if match else "" for match in matches)
    return DocstringParts(
        text[:end].strip(), textwrap.dedent(example).strip("\n"), " ".join(interplay.split())
    )


def layer_reference(kind: str) -> LayerReference:
    """One kind of layer. Raises KeyError."""
    doc, example, interplay = docstring_parts(registry[kind])
    rows = parameters(registry[kind])
    return LayerReference(kind, doc, rows, example, interplay, exchanged(registry[kind]))


def exchanged(cls: type) -> str:
    """What replicas that `gateway.sync_every` lets talk tell each other of a layer: what
    `merge` says of each gauge that its module names. Empty where there is none."""
    names = vars(sys.modules[cls.__module__]).values()
    gauges = [each for each in names if isinstance(each, type) and issubclass(each, Mergeable)]
    told = [inspect.cleandoc(each.merge.__doc__ or "") for each in gauges]
    return " ".join(" ".join(text.split()) for text in dict.fromkeys(told))


def layer_references() -> list[LayerReference]:
    """Every registered kind by name, loaded plug-ins included."""
    return [layer_reference(kind) for kind in sorted(registry)]


def preset_references(kind: str | None = None) -> list[PresetReference]:
    """The presets of a kind of layer, or of all, in the order in which they are declared."""
    found = []
    for each in sorted(registry) if kind is None else [kind]:
        for name, preset in getattr(registry[each], "presets", {}).items():
            keys = [field.name for field in declared_fields(registry[each])]
            written = sorted(preset.settings.items(), key=lambda item: keys.index(item[0]))
            settings = [(key, _in_words(value)) for key, value in written]
            found.append(PresetReference(each, name, preset, settings))
    return found


def section_references() -> list[SectionReference]:
    """Every top-level key of a scenario file, in reading order."""
    rows = parameters(spec.Scenario)
    forms = {field.name: field.form for field in declared_fields(spec.Scenario)}
    assert set(SECTIONS) == set(forms)
    sections = []
    for key in SECTIONS:
        record = _record(forms[key])
        doc, example, interplay = ("", "", "") if record is None else docstring_parts(record)
        below = [row for row in rows if row.key == key or row.key.startswith(f"{key}.")]
        sections.append(SectionReference(key, doc or forms[key].doc, below, example, interplay))
    return sections


def _record(form: Form) -> type | None:
    """The dataclass that stands in a place, or under each name there."""
    return form.record if form.entries is None else form.entries.record


def parameters(cls: type, prefix: str = "", instance: Any = None) -> list[Parameter]:
    """Every key of a dataclass, those of nested ones included.

    prefix: before each key. instance: an instance whose values are the defaults, if not None.
    """
    rows: list[Parameter] = []
    for field in declared_fields(cls):
        form, key = field.form, prefix + field.name
        value = field.default if instance is None else getattr(instance, field.name)
        rows.append(Parameter(key, _kind(form), _ranges(form), _in_words(value), form.doc))
        record = _record(form)
        if record is not None:
            below = f"{key}." if form.entries is None else f"{key}.NAME."
            rows += parameters(record, below, value if isinstance(value, record) else None)
    return rows


def _kind(form: Form) -> str:
    """Each alternative of a union, the single value first."""
    kinds = [] if form.scalar is None else [_scalar_kind(form.scalar)]
    if form.items is not None:
        kinds.append(f"list of {_kind(form.items)}")
    if form.key is not None and form.entries is not None:
        below = _kind(form.entries)
        below = f"({below})" if " or " in below else below
        kinds.append(f"{_scalar_kind(form.key)} → {below}")
    elif form.record is not None:
        kinds.append("keys")
    return " or ".join(kinds) or "keys"


def _scalar_kind(scalar: Scalar) -> str:
    if scalar.choices:
        return " | ".join(map(str, scalar.choices))
    return scalar.unit or getattr(scalar.type, "__name__", str(scalar.type))


def _ranges(form: Form) -> str:
    return "" if form.scalar is None else ", ".join(map(range_text, form.scalar.ranges))


def _in_words(default: Any) -> str:
    if default is MISSING:
        return "required"
    if default is None:
        return "none"
    if is_dataclass(default):
        return ""
    if isinstance(default, dict) and any(map(is_dataclass, default.values())):
        return ""
    if isinstance(default, (tuple, list)):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).lower() if isinstance(default, bool) else str(default)
