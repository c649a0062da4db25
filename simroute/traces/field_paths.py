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

Way = tuple[str | int, ...]
"""Keys, and numbers of list items, from the record on."""

QUOTED = re.compile(r'(?:[^."]+|"[^"]+")(?:\.(?:[^."]+|"[^"]+"))*')
"""Names with dots between them, some in quotation marks since they contain dots themselves."""
PART = re.compile(r'"([^"]+)"|([^."]+)')
MOST_DOTS = 6
"""Dots in a name for which all ways to read them are tried."""


class Missing(NamedTuple):
    """`there`: the parts of a way that lead somewhere; `rest`: those after them; `keys`: what
    stands where the first of them should."""

    there: Way
    rest: Way
    keys: list[str]

    def near(self, cutoff: float = 0.6) -> str:
        """The way with the key that is written most like the one that is missing, or nothing."""
        found = difflib.get_close_matches(str(self.rest[0]), self.keys, 1, cutoff)
        return ".".join(map(str, (*self.there, *found, *self.rest[1:]))) if found else ""


@dataclass(frozen=True)
class Place:
    """`text`: as it was written, for messages; `ways`: all that it may mean, the likeliest
    first."""

    text: str
    ways: tuple[Way, ...]

    @property
    def roots(self) -> list[str]:
        """The record's own fields that are looked into."""
        return list(dict.fromkeys(str(way[0]) for way in self.ways))

    def settled(self, records: Iterable[dict[str, Any]]) -> Place:
        """With only those ways that lead to a value in these records, if any does."""
        found = [
            way for way in self.ways if any(entered(record, way) is not None for record in records)
        ]
        return Place(self.text, tuple(found)) if found else self

    def missing(self, records: Iterable[dict[str, Any]]) -> Missing | None:
        """What of the way that leads furthest is not there in these records; None where a record
        has all of it, even with nothing in it."""
        found: Missing | None = None
        for record in records:
            for way in self.ways:
                held, rest = _traced(record, way)
                if not rest:
                    return None
                made = Missing(
                    way[: len(way) - len(rest)], rest, [*held] if isinstance(held, dict) else []
                )
                if found is None or sum(map(len, map(str, made.there))) > sum(
                    map(len, map(str, found.there))
                ):
                    found = made
        return found

    @property
    def sql(self) -> str:
        """The value as text. What is known to lead there is followed through texts of JSON too; all
        else is looked up in one go."""
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
    """What a mapping names: a field; names with dots between them, in quotation marks where they
    contain dots; or a list of keys. None: neither."""
    if isinstance(written, list):
        whole = (
            bool(written)
            and isinstance(written[0], str)
            and all(isinstance(part, str | int) and not isinstance(part, bool) for part in written)
        )
        return Place(".".join(map(str, written)), (tuple(written),)) if whole else None
    if not isinstance(written, str) or not written:
        return None
    if '"' in written:
        parts = (
            [quoted or bare for quoted, bare in PART.findall(written)]
            if QUOTED.fullmatch(written)
            else []
        )
        return Place(written, tuple(dict.fromkeys(((written,), tuple(parts) or (written,)))))
    parts = written.split(".")
    if not all(parts) or len(parts) == 1:
        return Place(written, ((written,),))
    if len(parts) - 1 > MOST_DOTS:
        return Place(written, ((written,), tuple(parts)))
    return Place(written, tuple(_readings(parts)))


def _readings(parts: list[str]) -> Iterator[Way]:
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


def entered(record: Any, way: Way) -> Any:
    """What stands there, through texts of JSON too; None if there is nothing."""
    found, rest = _traced(record, way)
    return None if rest else found


def _traced(record: Any, way: Way) -> tuple[Any, Way]:
    """(what stands at the last part of the way that is there, opened where it is a text of JSON;
    the parts that are not)."""
    held = _opened(record)
    for number, part in enumerate(way):
        if isinstance(held, dict) and str(part) in held:
            held = held[str(part)]
        elif isinstance(held, list) and str(part).isdigit() and int(part) < len(held):
            held = held[int(part)]
        else:
            return held, way[number:]
        if number < len(way) - 1:
            held = _opened(held)
    return held, ()


def _opened(held: Any) -> Any:
    if isinstance(held, str) and held[:1] in ("{", "["):
        try:
            return json.loads(held)
        except (ValueError, RecursionError):
            pass
    return held


def _followed(way: Way) -> str:
    return list(
        accumulate(
            way[1:],
            lambda sql, part: f"part({sql}, {literal(_pointer((part,)))})",
            initial=_quoted(str(way[0])),
        )
    )[-1]


def _pointer(way: Way) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in way)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
