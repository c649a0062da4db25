"""Where a value stands in a record: the name of a field, or a way through nested ones. Names are
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
"""Keys, and numbers of list items, from the record on."""

QUOTED_PATH = re.compile(r'(?:[^."]+|"[^"]+")(?:\.(?:[^."]+|"[^"]+"))*')
"""Names with dots between them, some in quotation marks since they contain dots themselves."""
PATH_PART = re.compile(r'"([^"]+)"|([^."]+)')
MAX_DOTS = 6
"""Dots in a name for which all ways to read them are tried."""


class MissingPath(NamedTuple):
    """`there`: the parts of a way that lead somewhere; `rest`: those after them; `keys`: what
    stands where the first of them should."""

    found_keys: KeyPath
    missing_keys: KeyPath
    candidates: list[str]

    def nearest(self, cutoff: float = 0.6) -> str:
        """The way with the key that is written most like the one that is missing, or nothing."""
        found = difflib.get_close_matches(str(self.missing_keys[0]), self.candidates, 1, cutoff)
        return (
            ".".join(map(str, (*self.found_keys, *found, *self.missing_keys[1:]))) if found else ""
        )


@dataclass(frozen=True)
class FieldPath:
    """`text`: as it was written, for messages; `ways`: all that it may mean, the likeliest
    first."""

    text: str
    readings: tuple[KeyPath, ...]

    @property
    def roots(self) -> list[str]:
        """The record's own fields that are looked into."""
        return list(dict.fromkeys(str(way[0]) for way in self.readings))

    def resolve(self, records: Iterable[dict[str, Any]]) -> FieldPath:
        """With only those ways that lead to a value in these records, if any does."""
        found = [
            way
            for way in self.readings
            if any(value_at(record, way) is not None for record in records)
        ]
        return FieldPath(self.text, tuple(found)) if found else self

    def find_missing(self, records: Iterable[dict[str, Any]]) -> MissingPath | None:
        """What of the way that leads furthest is not there in these records; None where a record
        has all of it, even with nothing in it."""
        found: MissingPath | None = None
        for record in records:
            for way in self.readings:
                held, rest = _follow(record, way)
                if not rest:
                    return None
                made = MissingPath(
                    way[: len(way) - len(rest)], rest, [*held] if isinstance(held, dict) else []
                )
                if found is None or sum(map(len, map(str, made.found_keys))) > sum(
                    map(len, map(str, found.found_keys))
                ):
                    found = made
        return found

    @property
    def sql(self) -> str:
        """The value as text. What is known to lead there is followed through texts of JSON too; all
        else is looked up in one go."""
        if len(self.readings) <= 2:
            made = [_nested_sql(way) for way in self.readings]
        else:
            made = [identifier(root) for root in self.roots if (root,) in self.readings]
            for root in self.roots:
                paths = [
                    _json_pointer(way[1:])
                    for way in self.readings
                    if way[0] == root and len(way) > 1
                ]
                if paths:
                    made.append(
                        f"first_of({identifier(root)}, [{', '.join(map(text_literal, paths))}])"
                    )
        return made[0] if len(made) == 1 else f"coalesce({', '.join(made)})"


def parse_path(written: Any) -> FieldPath | None:
    """What a mapping names: a field; names with dots between them, in quotation marks where they
    contain dots; or a list of keys. None: neither."""
    if isinstance(written, list):
        whole = (
            bool(written)
            and isinstance(written[0], str)
            and all(isinstance(part, str | int) and not isinstance(part, bool) for part in written)
        )
        return FieldPath(".".join(map(str, written)), (tuple(written),)) if whole else None
    if not isinstance(written, str) or not written:
        return None
    if '"' in written:
        parts = (
            [quoted or bare for quoted, bare in PATH_PART.findall(written)]
            if QUOTED_PATH.fullmatch(written)
            else []
        )
        return FieldPath(written, tuple(dict.fromkeys(((written,), tuple(parts) or (written,)))))
    parts = written.split(".")
    if not all(parts) or len(parts) == 1:
        return FieldPath(written, ((written,),))
    if len(parts) - 1 > MAX_DOTS:
        return FieldPath(written, ((written,), tuple(parts)))
    return FieldPath(written, tuple(_path_readings(parts)))


def _path_readings(parts: list[str]) -> Iterator[KeyPath]:
    """Names with dots, with each dot taken as part of a key or as a step into it: one key first,
    then all steps, then the mixed ones."""
    made = [
        tuple(".".join(parts[start:stop]) for start, stop in pairwise((0, *cuts, len(parts))))
        for number in range(len(parts))
        for cuts in combinations(range(1, len(parts)), number)
    ]
    yield made[0]
    yield made[-1]
    yield from made[1:-1]


def value_at(record: Any, way: KeyPath) -> Any:
    """What stands there, through texts of JSON too; None if there is nothing."""
    found, rest = _follow(record, way)
    return None if rest else found


def _follow(record: Any, way: KeyPath) -> tuple[Any, KeyPath]:
    """(what stands at the last part of the way that is there, opened where it is a text of JSON;
    the parts that are not)."""
    held = _parse_if_json(record)
    for number, part in enumerate(way):
        if isinstance(held, dict) and str(part) in held:
            held = held[str(part)]
        elif isinstance(held, list) and str(part).isdigit() and int(part) < len(held):
            held = held[int(part)]
        else:
            return held, way[number:]
        if number < len(way) - 1:
            held = _parse_if_json(held)
    return held, ()


def _parse_if_json(held: Any) -> Any:
    if isinstance(held, str) and held[:1] in ("{", "["):
        try:
            return json.loads(held)
        except (ValueError, RecursionError):
            pass
    return held


def _nested_sql(way: KeyPath) -> str:
    return list(
        accumulate(
            way[1:],
            lambda sql, part: f"part({sql}, {text_literal(_json_pointer((part,)))})",
            initial=identifier(str(way[0])),
        )
    )[-1]


def _json_pointer(way: KeyPath) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in way)
