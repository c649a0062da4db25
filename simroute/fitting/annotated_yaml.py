"""A scenario as a file that people read: every key with what is known of it beside it."""

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
    """A value of a scenario, and what a comment says of it."""

    value: Any
    note: str
    estimate: Estimate | None = None


def annotate(found: Estimate, before: str = "", after: str = "") -> Annotated:
    """A fitted number; the note says its interval."""
    known = (
        found.describe()
        if found.low is not None
        else f"{found.describe()}; the log does not tell it well"
    )
    return Annotated(found.value, f"{before}{known}{after}", found)


def collect_estimates(tree: dict[str, Any], prefix: str = "") -> dict[str, Estimate]:
    """All fitted numbers by their key in the scenario."""
    made: dict[str, Estimate] = {}
    for key, told in tree.items():
        value, estimate = (
            (told.value, told.estimate) if isinstance(told, Annotated) else (told, None)
        )
        made |= {f"{prefix}{key}": estimate} if estimate is not None else {}
        made |= collect_estimates(value, f"{prefix}{key}.") if isinstance(value, dict) else {}
    return made


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
    return (
        {key: strip_notes(value) for key, value in tree.items()}
        if isinstance(tree, dict)
        else round_value(tree)
    )


def round_value(value: Any) -> Any:
    """A number to four digits, as the file has it; what is next to nothing is nothing."""
    if isinstance(value, (list, tuple)):
        return [round_value(item) for item in value]
    if isinstance(value, float):
        return (
            0.0
            if abs(value) < 1e-9
            else float(f"{value:.4g}")
            if abs(value) < 1e4
            else float(round(value, 1))
        )
    return value


def _block(tree: dict[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, told in tree.items():
        value, note = (told.value, told.note) if isinstance(told, Annotated) else (told, "")
        said = f"  # {clean(note, 400)}" if note else ""
        name = _key(key)
        if (
            isinstance(value, dict)
            and value
            and (_noted(value) or any(isinstance(item, dict) for item in value.values()))
        ):
            yield f"{pad}{name}:{said}"
            yield from _block(value, depth + 1)
        elif isinstance(value, (dict, list, tuple)) and len(_flow(value)) > WIDTH - len(pad) - len(
            name
        ):
            yield f"{pad}{name}:{said}"
            yield from _wrapped(value, pad)
        else:
            yield f"{pad}{name}: {_flow(value)}{said}"


def _wrapped(value: Any, pad: str) -> Iterator[str]:
    """A long list or mapping over several lines, none of which breaks within a key or its value: a
    name may have spaces of its own."""
    first, last = "{}" if isinstance(value, dict) else "[]"
    parts = (
        [f"{_key(key)}: {_flow(item)}" for key, item in value.items()]
        if isinstance(value, dict)
        else [_flow(item) for item in value]
    )
    line = pad + "  " + first
    for place, part in enumerate(parts):
        text = part + (last if place + 1 == len(parts) else ",")
        if len(line) + len(text) + 1 > WIDTH and line.strip() != first:
            yield line
            line = pad + "   "
        line += text if line.endswith(first) or not line.strip() else f" {text}"
    yield line


def _noted(tree: dict[str, Any]) -> bool:
    return any(
        isinstance(value, Annotated) or (isinstance(value, dict) and _noted(value))
        for value in tree.values()
    )


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float, np.number)):
        return np.format_float_positional(round_value(float(value)), trim="-")
    return _word(str(value))


def _key(key: Any) -> str:
    """A name, or a status, which is a number."""
    return str(key) if isinstance(key, int) else _word(str(key))


def _word(text: str) -> str:
    """As YAML: quoted where it could be taken for something else."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS and text == text.strip():
        return text
    return quoted(text)
