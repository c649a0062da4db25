"""How an item ended, and the ways in which it may not pass."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

Config = dict[str, Any]


class Verdict(NamedTuple):
    """Of one item: "pass", "fail" or "skip", and why not "pass", or in spite of what, and after a
    colon what came instead."""

    id: str
    word: str
    why: str = ""

    def __str__(self) -> str:
        """One line."""
        told = f"{self.word} {self.id}"
        if self.word == "pass":
            in_spite = self.why.partition(": ")[0]
            return one_line(f"{told} ({in_spite})" if in_spite else told)
        return one_line(f"{told}: {self.why}")

    @property
    def remark(self) -> str:
        """What came instead, where it passes in spite of that; one line, or nothing."""
        other = self.why.partition(": ")[2] if self.word == "pass" else ""
        return one_line(f"{self.id}: {other}") if other else ""


def one_line(text: str) -> str:
    """Whatever a file has put into it."""
    return "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text
    )


class Inexpressible(Exception):
    """Our parameters have no word for it; the message says for what."""


class Malformed(ValueError):
    """An item is none of its form; the message says where."""


class Differs(Exception):
    """Something else came than what was recorded."""


def skip_if(condition: object, behaviour: str) -> None:
    """Skip the item when it asks for this behaviour."""
    if condition:
        raise Inexpressible(behaviour)


NOTES = {
    *("id", "title", "name", "about", "description", "quirk", "tag", "tags", "date", "author"),
    *("source", "sources", "derived", "library", "version", "commit", "url", "link", "license"),
    *("file", "line", "lines", "test", "tests", "seeded", "drift", "later", "checks"),
    *("comment", "comments", "note", "notes", "why", "because", "reason"),
}
"""Keys, by their letters, of what an item says to readers alone."""


def skip_unknown(keys: Iterable[Any], known: Container[Any], of: str) -> None:
    """Skip the item when one of the keys is neither known nor a note: what nobody reads might say
    what is to come, or what is to be done."""
    for key in unknown(keys, known):
        raise Inexpressible(f"{short(key)} of {of}")


def skip_unread(item: Config, known: Iterable[str], of: str) -> None:
    """The same of an item itself, where words under a key of their own are for readers, unless the
    key is nearly a known one."""
    names = list(known)
    said = [k for k, v in item.items() if not _is_words(v) or get_close_matches(str(k), names)]
    skip_unknown(said, names, of)


def _is_words(value: Any) -> bool:
    words = value if isinstance(value, list) else [value]
    return bool(words) and all(isinstance(each, str) for each in words)


def unknown(keys: Iterable[Any], known: Container[Any]) -> list[Any]:
    """Keys that are neither known nor notes."""
    names = {key: re.sub(r"[^a-z]", "", str(key).lower()) for key in keys}
    return [key for key, name in names.items() if key not in known and name not in NOTES]


def skip_if_nothing(expected: object) -> None:
    """Skip an item of which nothing could be compared, whatever came."""
    skip_if(not expected, "an item that expects nothing")


def list_of(item: Config, key: str) -> list[Any]:
    """A list that an item must have. Raises Malformed where there is none."""
    value = item.get(key)
    if not isinstance(value, list):
        raise Malformed(f"`{key}` is no list" if key in item else f"there is no `{key}`")
    return value


def object_of(item: Config, key: str) -> Config:
    """An object that an item may have. Raises Malformed where it is none."""
    value = item.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"the {key} is no object")
    return value or {}


def check_equal(what: str, came: Any, expected: Any) -> None:
    """Equal; numbers to a relative 1e-9, or to half of the last place to which they are written, if
    there are at least three of them, so that only rounding is forgiven."""
    if is_number(came) and is_number(expected):
        places = re.search(r"\.(\d{3,})$", repr(expected))
        rounded = 0.5001 * 10.0 ** -len(places[1]) if places else 0.0
        equal = math.isclose(came, expected, rel_tol=1e-9, abs_tol=max(1e-9, rounded))
    else:
        equal = came == expected
    if not equal:
        raise Differs(f"{what}: expected {short(expected)}, came {short(came)}")


def is_number(value: object) -> bool:
    """An int or float; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def short(value: object) -> str:
    """A value in a line."""
    text = str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


MOST_SHOWN = 200
MOST_TIMES = 1_000_000
"""Of one operation: beyond it an item would be played for hours."""
