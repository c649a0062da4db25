"""Files that a gateway reads at its start, and again while it serves: regular ones of bounded size.

A pipe would hold every call under way until somebody wrote to it, and has nothing to say to a
second reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simroute.config import catalogue, yaml_reader
from simroute.config.loading import build_layers, load_layers
from simroute.config.yaml_reader import Document
from simroute.errors import InputError
from simroute.streams import refusal


def check_regular(path: Path, shown: str | None = None) -> None:
    """Raises InputError for a pipe, a device or a socket; what is not there is told by its
    reader."""
    try:
        why = refusal(path)
    except (OSError, ValueError):
        return
    if why is not None:
        raise InputError(f"{shown or path}: {why}")


def read_entries(source: str | Path | Mapping[str, Any], kind: str) -> Document:
    """Entries by name, of a file or as they are. Raises InputError, also where there is none."""
    if isinstance(source, Mapping):
        document = Document(f"{kind}s", dict(source))
    elif not isinstance(source, str | Path):
        raise InputError(f"{kind}s: expected a path, or entries by name")
    else:
        check_regular(Path(source))
        document = yaml_reader.read(Path(source))
    if not isinstance(document.data, dict) or not document.data:
        raise InputError(f"{document.file}: at least one {kind} is needed, by name")
    return document


def read_layers(policy: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The layers of a policy by name, by path, or as a mapping: layers themselves, or what YAML
    would say. Raises InputError with every mistake."""
    if not isinstance(policy, Mapping):
        check_regular(catalogue.find("policies", str(policy)), str(policy))
        return load_layers(str(policy))
    return build_layers(policy)
