"""What there is to know about layers and scenario keys, from where they are declared: for
`describe`, the documentation, and whoever asks.

A docstring may end with two sections: `Example:`, an indented YAML fragment that runs as it stands,
and `Interplay:`, what the parameters do to each other. Layers of a user's own are read in the same
way.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from simroute import policies as _registers_layers
from simroute.config import schema
from simroute.config.schema import Parameter
from simroute.core import registry
from simroute.core.params import Doc
from simroute.models import spec

__all__ = [
    "DocstringParts",
    "LayerReference",
    "SectionReference",
    "_registers_layers",
    "docstring_parts",
    "layer_reference",
    "layer_references",
    "section_references",
]

SECTIONS = (
    "about",
    "horizon",
    "workload",
    "deployments",
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
    """A docstring in its parts; what is not there is empty."""

    doc: str
    example: str
    interplay: str


class LayerReference(NamedTuple):
    """One kind of layer. `example`: layers of a policy file, outermost first; `interplay`:
    sentences about the parameters."""

    kind: str
    doc: str
    parameters: list[Parameter]
    example: str
    interplay: str


class SectionReference(NamedTuple):
    """One top-level key of a scenario file, with every key below it (full paths). `example`: a
    fragment of a scenario file."""

    key: str
    doc: str
    parameters: list[Parameter]
    example: str
    interplay: str


def docstring_parts(cls: type) -> DocstringParts:
    """What a class says of itself."""
    text = inspect.cleandoc(cls.__doc__ or "") + "\n"
    found = [pattern.search(text) for pattern in (EXAMPLE, INTERPLAY)]
    end = min((match.start() for match in found if match), default=len(text))
    example, interplay = (match.group(1) if match else "" for match in found)
    return DocstringParts(
        text[:end].strip(), textwrap.dedent(example).strip("\n"), " ".join(interplay.split())
    )


def layer_reference(kind: str) -> LayerReference:
    """One kind of layer. Raises KeyError."""
    return LayerReference(
        kind,
        (parts := docstring_parts(registry[kind])).doc,
        schema.parameters(registry[kind]),
        parts.example,
        parts.interplay,
    )


def layer_references() -> list[LayerReference]:
    """Every registered kind by name, plug-ins that are loaded included."""
    return [layer_reference(kind) for kind in sorted(registry)]


def section_references() -> list[SectionReference]:
    """Every top-level key of a scenario file, in reading order."""
    rows = schema.parameters(spec.Scenario)
    hints = get_type_hints(spec.Scenario, include_extras=True)
    assert set(SECTIONS) == {f.name for f in fields(spec.Scenario)}
    found = []
    for key in SECTIONS:
        bare, marks = schema.unwrap(hints[key])
        parts = _declared(bare)
        short = next((mark.text for mark in marks if isinstance(mark, Doc)), "")
        own = [row for row in rows if row.key == key or row.key.startswith(f"{key}.")]
        found.append(SectionReference(key, parts.doc or short, own, parts.example, parts.interplay))
    return found


def _declared(kind: Any) -> DocstringParts:
    """What the dataclass says that a section is made of, directly, by name or optionally."""
    inside = schema.inner(kind, ())
    if get_origin(inside) is dict:
        inside = schema.inner(get_args(inside)[1], ())
    return docstring_parts(inside) if is_dataclass(inside) else DocstringParts("", "", "")  # type: ignore[arg-type]
