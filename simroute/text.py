"""Names and words as people read them: nothing that steers a terminal or a page."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

QUOTED = re.compile(r'[\s"]')
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')


def paired(detail: Mapping[str, Any]) -> str:
    """An event's detail on one line: key=value key="a value with spaces"; `pairs` reads it back."""
    return " ".join([f"{key}={_value(value)}" for key, value in detail.items()])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = value if value.__class__ is str else str(value)
    if text.isalnum() or not QUOTED.search(text):  # most are, which is soon seen
        return text
    return json.dumps(text, ensure_ascii=False)


def pairs(text: str) -> dict[str, str]:
    """What `paired` has written, values as text."""
    return {
        key: json.loads(value) if value.startswith('"') else value
        for key, value in PAIR.findall(text)
    }


STEERS = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories of what is not shown as itself: control, bidi and private characters, line
separators."""


def escaped(text: str) -> str:
    """One line in which control and bidi characters are shown escaped."""
    return "".join(
        char if unicodedata.category(char) not in STEERS else f"\\u{ord(char):04x}" for char in text
    )


def few_marks(text: str) -> str:
    """The text with at most four combining marks in a row: a thousand of them would climb over
    other lines."""
    kept, row = [], 0
    for char in text:
        row = row + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if row <= 4:
            kept.append(char)
    return "".join(kept)


def clean(text: str, most: int) -> str:
    """One line that steers neither a terminal nor the direction of a text, cut when it is longer
    than `most`."""
    shown = text if text.isascii() and text.isprintable() else few_marks(escaped(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def cells(text: str) -> int:
    """Columns that a text takes on a terminal: two for a wide character, none for a mark on
    another."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, most: int) -> str:
    """The text, or as much of its beginning as fits into so many columns with an ellipsis."""
    if cells(text) <= most:
        return text
    ends = itertools.accumulate(map(_cells, text))
    return text[: sum(end < most for end in ends)] + "…"


LONGEST_WORD = 200


def brief(text: str, most: int = 1000) -> str:
    """One line that is cut in its middle when it is longer than `most`: an error's beginning says
    where, its end what to do.

    A word of more than 200 characters is a name that somebody made long: its beginning is enough to
    find it.
    """
    shown = few_marks(
        escaped(
            " ".join(
                word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}…"
                for word in text.split(" ")
            )
        )
    )
    return shown if len(shown) <= most else f"{shown[: most * 2 // 3]} … {shown[-most // 3 :]}"


def shortened(names: Iterable[str], most: int) -> dict[str, str]:
    """Each of these names with one of at most so many columns: itself, or its beginning with a
    number that no other one has."""
    short_names = {name: name for name in names}
    for name in [name for name in short_names if cells(name) > most]:
        numbered = (f"{cut(name, max(1, most - 4))} {number}" for number in itertools.count(1))
        short_names[name] = next(short for short in numbered if short not in short_names.values())
    return short_names


def quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes that our own reader, which refuses a written `${` or
    `???`, reads back as it was."""
    return (
        '"' + "".join(map(_as_yaml, text)).replace("${", "\\x24{").replace("???", "\\x3f??") + '"'
    )


def _as_yaml(char: str) -> str:
    if char.isprintable():
        return f"\\{char}" if char in '"\\' else char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def joined(names: Iterable[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def first_sentence(text: str | None) -> str:
    """Of a docstring, on one line; a sentence ends with a point and a space, or its paragraph."""
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    sentence, point, _ = paragraph.partition(". ")
    return sentence + point.strip()
