"""A key by its name: of a layer (`breaker.cooldown`) or of a scenario file (`workload.rate`)."""

from __future__ import annotations

from simroute.config.reference import Parameter, layer_reference, section_references
from simroute.core import registry

NAME = "NAME"
"""Stands in a key for a name that the user chooses."""


def key_owners(name: str) -> list[tuple[str, list[Parameter]]]:
    """Whose key this is, with its rows, those below it included: a layer's, a scenario's, or both.
    A name of the user's own may stand in the key: outages.morning.error_share."""
    bare = name.removeprefix("policy.")
    layer, _, key = bare.partition(".")
    owners = []
    if layer in registry and key and not name.startswith("scenario."):
        rows = layer_reference(layer).parameters
        owners.append((f"key of the layer {layer}", _matching(rows, key)))
    if not name.startswith("policy."):
        rows = [row for section in section_references() for row in section.parameters]
        own = name.removeprefix("scenario.")
        owners.append(("key of a scenario file", _matching(rows, own)))
    return [(owner, found) for owner, found in owners if found]


def key_names(name: str) -> list[str]:
    """The keys that a misspelt one may have meant: those of its layer, and all of a scenario."""
    layer = name.removeprefix("policy.").partition(".")[0]
    keys = [row.key for section in section_references() for row in section.parameters]
    if layer in registry:
        keys += [f"{layer}.{row.key}" for row in layer_reference(layer).parameters]
    return keys if "." in name else []


def _matching(rows: list[Parameter], key: str) -> list[Parameter]:
    """The row of a key and those below it; nothing if there is no such key."""
    parts = key.split(".")
    found = [row for row in rows if _begins(row.key.split("."), parts)]
    return found if any(len(row.key.split(".")) == len(parts) for row in found) else []


def _begins(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) >= len(parts) and all(
        each in (part, NAME) for each, part in zip(pattern, parts, strict=False)
    )
