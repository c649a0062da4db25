"""YAML as data and nothing else: one document, bounded, without aliases, tags, interpolation or
duplicate keys; every key with its line.

Scalars as in YAML 1.2: only true and false are booleans; `on`, `no`, `012` and `12:30` stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from simroute.errors import InputError
from simroute.streams import content
from simroute.text import quoted

MOST_BYTES, MOST_DEPTH, MOST_NODES = 1 << 20, 24, 50_000
MOST_KEPT = 1 << 15
"""Bytes of a file whose data are kept."""
FORBIDDEN = {
    "defaults": "there is no inheritance between files",
    "hydra": "hydra is not configured from files",
    "include": "files are complete",
}
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
CONSTANTS = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}

KeyPath = tuple[str, ...]
_latest = ("", "")
"""What was written last: the data, as Python writes it, and its text."""


@dataclass
class Document:
    """A file's data, the line of each key path, and, by key path, the override that the command
    line set in its place, and the other file that it comes from."""

    file: str
    data: dict[Any, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    folder: Path = Path()
    overrides: dict[KeyPath, str] = field(default_factory=dict)
    files: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, path: KeyPath, *also: KeyPath) -> str:
        """The override that set a key (or one of those that it is compared with); else "file:line"
        of it, or of the nearest one above it."""
        for key in (path, *also):
            for length in range(len(key), 0, -1):
                if key[:length] in self.overrides:
                    return f"override {self.overrides[key[:length]]!r}"
        while path and path not in self.lines:
            path = path[:-1]
        file = self.files.get(path, self.file)
        return f"{file}:{self.lines[path]}" if path else file


def read(path: Path, shown: str | None = None) -> Document:
    """Read a file. Raises InputError."""
    name = shown or str(path)
    try:
        raw = content(path, MOST_BYTES)
        if len(raw) > MOST_BYTES:
            raise InputError(f"{name}: larger than {MOST_BYTES >> 20} MiB; a configuration is not")
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    document = parse(raw, name)
    document.folder = path.resolve().parent
    return document


def dump(plain: dict[str, Any]) -> str:
    """Plain data as YAML text, which `parse` reads back as it was. A command writes one and the
    same configuration into several files: the latest text is kept."""
    global _latest
    data, (known, text) = repr(plain), _latest
    if data != known:
        text = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        _latest = data, text
    return text


class _Dumper(yaml.SafeDumper):
    """Writes texts in quotes that this reader would take for something else; interpolation, and
    characters that are not shown, escaped."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        other = text in CONSTANTS or INTEGER.fullmatch(text) or NUMBER.fullmatch(text)
        return self.represent_scalar(
            "tag:yaml.org,2002:str", text, style='"' if other or _needs_escapes(text) else None
        )

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        if _needs_escapes(text):
            self.write_indicator(quoted(text), True)
        else:
            super().write_double_quoted(text, split)


def _needs_escapes(text: str) -> bool:
    return "${" in text or text == "???" or not text.replace("\n", "").isprintable()


_Dumper.add_representer(str, _Dumper.represent_str)


def parse(raw: bytes, name: str) -> Document:
    """Data from the bytes of a file called `name`. Raises InputError."""
    if len(raw) > MOST_KEPT:
        return _parsed(raw, name)
    kept = _kept(raw, name)
    return Document(name, _copied(kept.data), kept.lines.copy())


@lru_cache(64)
def _kept(raw: bytes, name: str) -> Document:
    """Several files are read again and again, such as a line-up for each scenario that has it."""
    return _parsed(raw, name)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _parsed(raw: bytes, name: str) -> Document:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: not valid UTF-8 at byte {error.start}; save the file as UTF-8"
        ) from None
    if re.search(r"^\s*#\s*@package", text, re.MULTILINE):
        raise InputError(f"{name}: a package header (# @package) is not read; remove it")
    try:
        return _Builder(name).document(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        hint = "; indent with spaces, not tabs" if "\\t" in str(error.problem) else ""
        raise InputError(f"{place}: not readable as YAML: {error.problem}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"{name}: not readable as YAML: {(str(error).splitlines() or ['too deep'])[0][:120]}"
        ) from None


class _Builder:
    """Events in, plain data out."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.nodes = 0
        self.lines: dict[KeyPath, int] = {}

    def document(self, text: str) -> Document:
        self.text = text
        self.events: Any = yaml.parse(text, Loader=yaml.SafeLoader)
        data: Any = {}
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.error(event, "a second document begins; one file holds one document")
                data = self.node(next(self.events), (), 0)
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise InputError(
                f"{self.name}: expected a mapping of keys, found {type(data).__name__}"
            )
        return Document(self.name, data, self.lines)

    def error(self, event: Any, text: str) -> InputError:
        return InputError(f"{self.name}:{event.start_mark.line + 1}: {text}")

    def node(self, event: Any, path: KeyPath, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > MOST_DEPTH:
            raise self.error(
                event,
                f"too many nodes or too deep (at most {MOST_NODES} nodes, {MOST_DEPTH} levels)",
            )
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.error(event, "anchors and aliases are not read; write the values out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self.error(event, f"tag {event.tag!r} is not read; a file holds data only")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path, depth)
        return self.mapping(path, depth)

    def sequence(self, path: KeyPath, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            here = (*path, str(len(items)))
            self.lines[here] = event.start_mark.line + 1
            items.append(self.node(event, here, depth + 1))
        return items

    def mapping(self, path: KeyPath, depth: int) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, path, depth + 1)
            if isinstance(key, (bool, float, list, dict)) or key is None:
                raise self.error(event, f"a key must be a name; quote it: {str(key)[:40]!r}")
            if str(key) in map(str, entries):
                raise self.error(
                    event, f"key {str(key)[:60]!r} stands twice in the same mapping; remove one"
                )
            if depth == 0 and key in FORBIDDEN:
                raise self.error(event, f"key {key!r} is not read: {FORBIDDEN[key]}")
            here = (*path, str(key))
            self.lines[here] = event.start_mark.line + 1
            entries[key] = self.node(next(self.events), here, depth + 1)
        return entries

    def scalar(self, event: Any) -> Any:
        text = event.value
        written = self.text[event.start_mark.index : event.end_mark.index]
        if ("${" in text and "${" in written) or (text == "???" and text in written):
            raise self.error(
                event,
                f"interpolation is not done ({text[:40]!r}); write the value, or these "
                f'characters as "\\x24{{"',
            )
        if not event.implicit[0]:
            return text
        if text in CONSTANTS:
            return CONSTANTS[text]
        if INTEGER.fullmatch(text):
            return int(text)
        if NUMBER.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
            return float(text)
        return text
