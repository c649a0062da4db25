"""Where a value stands in a record: the name of a field, or a way through nested ones. Names are quoted; nothing of them is executed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, combinations, pairwise
from typing import Any

Way = tuple[str | int, ...]
"""Keys, and numbers of list items, from the record on."""

QUOTED = re.compile(r'(?:[^."]+|"[^"]+")(?:\.(?:[^."]+|"[^"]+"))*')
"""Names with dots between them, some in quotation marks since they contain dots themselves."""
PART = re.compile(r'"([^"]+)"|([^."]+)')
MOST_DOTS = 6
"""Dots in a name for which all ways to read them are tried."""


@dataclass(frozen=True)
class Place:
    """`text`: as it was written, for messages; `ways`: all that it may mean, the likeliest first."""

    text: str
    ways: tuple[Way, ...]

    @property
    def roots(self) -> list[str]:
        """The record's own fields that are looked into."""
        return list(dict.fromkeys(str(way[0]) for way in self.ways))

    def settled(self, records: Iterable[dict[str, Any]]) -> Place:
        """With only those ways that lead to a value in these records, if any does."""
        found = [way for way in self.ways if any(_at(record, way) is not None for record in records)]
        return Place(self.text, tuple(found)) if found else self

    @property
    def sql(self) -> str:
        """The value as text. What is known to lead there is followed through texts of JSON too; all else is looked up in one go."""
        if len(self.ways) <= 2:
            made = [_followed(way) for way in self.ways]
        else:
            made = [_quoted(root) for root in self.roots if (root,) in self.ways]
            for root in self.roots:
                paths = [_pointer(way[1:]) for way in self.ways if way[0] == root and len(way) > 1]
                if paths:
                    made.append(f"first_of({_quoted(root)}, [{', '.join(map(literal, paths))}])")
        return made[0] if len(made) == 1 else f"coalesce({', '.join(made)})"


def place(written: Any) -> Place | None:
    """What a mapping names: a field; names with dots between them, in quotation marks where they contain dots; or a list of keys. None: neither."""
    if isinstance(written, list):
        whole = bool(written) and isinstance(written[0], str) and all(isinstance(part, str | int) and not isinstance(part, bool) for part in written)
        return Place(".".join(map(str, written)), (tuple(written),)) if whole else None
    if not isinstance(written, str) or not written:
        return None
    if '"' in written:
        parts = [quoted or bare for quoted, bare in PART.findall(written)] if QUOTED.fullmatch(written) else []
        return Place(written, tuple(dict.fromkeys(((written,), tuple(parts) or (written,)))))
    parts = written.split(".")
    if not all(parts) or len(parts) == 1:
        return Place(written, ((written,),))
    if len(parts) - 1 > MOST_DOTS:
        return Place(written, ((written,), tuple(parts)))
    return Place(written, tuple(_readings(parts)))


def _readings(parts: list[str]) -> Iterator[Way]:
    """Names with dots, with each dot taken as part of a key or as a step into it: one key first, then all steps, then the mixed ones."""
    made = [
        tuple(".".join(parts[start:stop]) for start, stop in pairwise((0, *cuts, len(parts))))
        for number in range(len(parts))
        for cuts in combinations(range(1, len(parts)), number)
    ]
    yield made[0]
    yield made[-1]
    yield from made[1:-1]


def entered(record: Any, way: Way) -> Any:
    """What stands there, through texts of JSON too; None if there is nothing."""
    return _at(record, way)


def _at(record: Any, way: Way) -> Any:
    held = record
    for part in way:
        if isinstance(held, str) and held[:1] in ("{", "["):
            try:
                held = json.loads(held)
            except (ValueError, RecursionError):
                return None
        if isinstance(held, dict):
            held = held.get(str(part))
        elif isinstance(held, list) and str(part).isdigit() and int(part) < len(held):
            held = held[int(part)]
        else:
            return None
    return held


def _followed(way: Way) -> str:
    return list(accumulate(way[1:], lambda sql, part: f"part({sql}, {literal(_pointer((part,)))})", initial=_quoted(str(way[0]))))[-1]


def _pointer(way: Way) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in way)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
