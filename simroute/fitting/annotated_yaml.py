"""A scenario as a file that people read: YAML with a comment beside each fitted value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from simroute.statistics.estimate import Estimate
from simroute.text import clean, quoted

WIDTH = 110
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./+()-]*")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"}


class Annotated(NamedTuple):
    """A value of a scenario with its comment."""

    value: Any
    note: str
    estimate: Estimate | None = None


def annotate(estimate: Estimate, before: str = "", after: str = "") -> Annotated:
    """A fitted number with its interval as the note, between two texts."""
    unclear = "" if estimate.low is not None else "; the log does not tell it well"
    note = f"{before}{estimate.describe()}{unclear}{after}"
    return Annotated(estimate.value, note, estimate)


def collect_estimates(tree: dict[str, Any], prefix: str = "") -> dict[str, Estimate]:
    """All fitted numbers by their key in the scenario."""
    estimates: dict[str, Estimate] = {}
    for key, item in tree.items():
        value = item.value if isinstance(item, Annotated) else item
        if isinstance(item, Annotated) and item.estimate is not None:
            estimates[f"{prefix}{key}"] = item.estimate
        if isinstance(value, dict):
            estimates |= collect_estimates(value, f"{prefix}{key}.")
    return estimates


def render(head: list[str], tree: dict[str, Any]) -> str:
    """The text of the file: comment lines first."""
    lines = [
        "# yaml-language-server: $schema=../docs/schema/scenario.json",
        *(f"# {clean(line, 400)}" for line in head),
    ]
    return "\n".join([*lines, *_block(tree, 0)]) + "\n"


def strip_notes(tree: Any) -> Any:
    """The data without the notes."""
    if isinstance(tree, Annotated):
        return strip_notes(tree.value)
    if isinstance(tree, dict):
        return {key: strip_notes(value) for key, value in tree.items()}
    return round_value(tree)


def round_value(value: Any) -> Any:
    """A number to four digits, as the file has it, or a list of them; below 1e-9 it is 0."""
    if isinstance(value, (list, tuple)):
        return [round_value(item) for item in value]
    if not isinstance(value, float):
        return value
    if abs(value) < 1e-9:
        return 0.0
    return float(f"{value:.4g}") if abs(value) < 1e4 else float(round(value, 1))


def _block(tree: dict[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, item in tree.items():
        value, note = (item.value, item.note) if isinstance(item, Annotated) else (item, "")
        comment = f"  # {clean(note, 400)}" if note else ""
        name = _key(key)
        if isinstance(value, dict) and (
            _has_notes(value) or any(isinstance(inner, dict) for inner in value.values())
        ):
            yield f"{pad}{name}:{comment}"
            yield from _block(value, depth + 1)
        elif isinstance(value, (dict, list, tuple)) and len(_flow(value)) > WIDTH - len(pad) - len(
            name
        ):
            yield f"{pad}{name}:{comment}"
            yield from _wrap(value, pad)
        else:
            yield f"{pad}{name}: {_flow(value)}{comment}"


def _wrap(value: Any, pad: str) -> Iterator[str]:
    """A long list or mapping over several lines. No line breaks within a key or its value, since a
    name may have spaces."""
    first, last = "{}" if isinstance(value, dict) else "[]"
    parts = (
        [f"{_key(key)}: {_flow(item)}" for key, item in value.items()]
        if isinstance(value, dict)
        else [_flow(item) for item in value]
    )
    line = pad + "  " + first
    for index, part in enumerate(parts):
        text = part + (last if index + 1 == len(parts) else ",")
        if len(line) + len(text) + 1 > WIDTH and line.strip() != first:
            yield line
            line = pad + "   "
        line += text if line.endswith(first) or not line.strip() else f" {text}"
    yield line


def _has_notes(tree: dict[str, Any]) -> bool:
    return any(
        isinstance(value, Annotated) or (isinstance(value, dict) and _has_notes(value))
        for value in tree.values()
    )


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float, np.number)):
        return np.format_float_positional(round_value(float(value)), trim="-")
    return _text(str(value))


def _key(key: Any) -> str:
    """A name, or a status, which is a number."""
    return str(key) if isinstance(key, int) else _text(str(key))


def _text(text: str) -> str:
    """Quoted where YAML could take it for something else."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS and text == text.strip():
        return text
    return quoted(text)
