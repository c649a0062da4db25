"""Where a value stands in a record: the name of a field, or a path through nested ones. Names are
quoted; nothing of them is executed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, combinations, pairwise
from typing import Any, NamedTuple

from simroute.traces.sql import identifier, text_literal

KeyPath = tuple[str | int, ...]
"""Keys, and indices of lists, from the record on."""

QUOTED_PATH = re.compile(r'(?:[^."]+|"[^"]+")(?:\.(?:[^."]+|"[^"]+"))*')
"""Names with dots between them; some in quotation marks, as they contain dots themselves."""
PATH_PART = re.compile(r'"([^"]+)"|([^."]+)')
MAX_DOTS = 6
"""Dots in a name up to which all ways to read it are tried."""


class MissingPath(NamedTuple):
    """A path of which a record has only a part. found_keys: that part. missing_keys: the rest.
    candidates: keys that stand where the first missing one should."""

    found_keys: KeyPath
    missing_keys: KeyPath
    candidates: list[str]

    def nearest(self, cutoff: float = 0.6) -> str:
        """The path with the candidate that is spelt most like the missing key, or an empty text."""
        key = difflib.get_close_matches(str(self.missing_keys[0]), self.candidates, 1, cutoff)
        return ".".join(map(str, (*self.found_keys, *key, *self.missing_keys[1:]))) if key else ""


@dataclass(frozen=True)
class FieldPath:
    """text: as it was written, for messages. readings: what it may mean, the likeliest first."""

    text: str
    readings: tuple[KeyPath, ...]

    @property
    def roots(self) -> list[str]:
        """The record's own fields at which the readings begin."""
        return list(dict.fromkeys(str(path[0]) for path in self.readings))

    def resolve(self, records: Iterable[dict[str, Any]]) -> FieldPath:
        """The path with only those readings that lead to a value in these records, if any does."""
        readings = [
            path
            for path in self.readings
            if any(value_at(record, path) is not None for record in records)
        ]
        return FieldPath(self.text, tuple(readings)) if readings else self

    def find_missing(self, records: Iterable[dict[str, Any]]) -> MissingPath | None:
        """What these records lack of the reading that leads furthest; None where a record has all
        of it, even if it is empty."""
        nearest: MissingPath | None = None
        for record in records:
            for path in self.readings:
                value, missing = _follow(record, path)
                if not missing:
                    return None
                candidate = MissingPath(
                    path[: len(path) - len(missing)],
                    missing,
                    [*value] if isinstance(value, dict) else [],
                )
                if nearest is None or sum(map(len, map(str, candidate.found_keys))) > sum(
                    map(len, map(str, nearest.found_keys))
                ):
                    nearest = candidate
        return nearest

    @property
    def sql(self) -> str:
        """SQL for the value as text. One or two readings are followed through texts of JSON too; of
        more, all are looked up at once."""
        if len(self.readings) <= 2:
            terms = [_nested_sql(path) for path in self.readings]
        else:
            terms = [identifier(root) for root in self.roots if (root,) in self.readings]
            for root in self.roots:
                paths = [
                    _json_pointer(path[1:])
                    for path in self.readings
                    if path[0] == root and len(path) > 1
                ]
                if paths:
                    terms.append(
                        f"first_of({identifier(root)}, [{', '.join(map(text_literal, paths))}])"
                    )
        return terms[0] if len(terms) == 1 else f"coalesce({', '.join(terms)})"


def parse_path(text: Any) -> FieldPath | None:
    """The path that a mapping names; None where it is none.

    It may be a field; names with dots between them, in quotation marks where they contain dots; or
    a list of keys.
    """
    if isinstance(text, list):
        is_path = (
            bool(text)
            and isinstance(text[0], str)
            and all(isinstance(part, str | int) and not isinstance(part, bool) for part in text)
        )
        return FieldPath(".".join(map(str, text)), (tuple(text),)) if is_path else None
    if not isinstance(text, str) or not text:
        return None
    if '"' in text:
        parts = (
            [quoted or bare for quoted, bare in PATH_PART.findall(text)]
            if QUOTED_PATH.fullmatch(text)
            else []
        )
        return FieldPath(text, tuple(dict.fromkeys(((text,), tuple(parts) or (text,)))))
    parts = text.split(".")
    if not all(parts) or len(parts) == 1:
        return FieldPath(text, ((text,),))
    if len(parts) - 1 > MAX_DOTS:
        return FieldPath(text, ((text,), tuple(parts)))
    return FieldPath(text, tuple(_path_readings(parts)))


def _path_readings(parts: list[str]) -> Iterator[KeyPath]:
    """Names with each dot taken as part of a key or as a step into it: one key first, then all
    steps, then the mixed ones."""
    readings = [
        tuple(".".join(parts[start:stop]) for start, stop in pairwise((0, *cuts, len(parts))))
        for number in range(len(parts))
        for cuts in combinations(range(1, len(parts)), number)
    ]
    yield readings[0]
    yield readings[-1]
    yield from readings[1:-1]


def value_at(record: Any, path: KeyPath) -> Any:
    """The value at a path, through texts of JSON too; None if there is none."""
    value, missing = _follow(record, path)
    return None if missing else value


def _follow(record: Any, path: KeyPath) -> tuple[Any, KeyPath]:
    """(what stands at the last key that is there, parsed where it is a text of JSON; the missing
    keys)."""
    value = _parse_if_json(record)
    for number, part in enumerate(path):
        if isinstance(value, dict) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, list) and str(part).isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return value, path[number:]
        if number < len(path) - 1:
            value = _parse_if_json(value)
    return value, ()


def _parse_if_json(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    return value


def _nested_sql(path: KeyPath) -> str:
    return list(
        accumulate(
            path[1:],
            lambda sql, part: f"part({sql}, {text_literal(_json_pointer((part,)))})",
            initial=identifier(str(path[0])),
        )
    )[-1]


def _json_pointer(path: KeyPath) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
