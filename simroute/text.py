"""Figures and names as people read them: sensible digits, units, nothing that steers a terminal or
a page."""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def percent(share: float | None) -> str:
    """A share with digits enough to tell it from 0 and 100 %."""
    if share is None:
        return "n/a"
    digits = 2 if 0.0005 < share < 0.9995 or share in (0.0, 1.0) else 4
    return f"{100 * share:.{digits}f} %"


def usd(value: float | None) -> str:
    """Dollars and cents; less than ten cents with three digits that matter, however little it
    is."""
    if value is None or 0 < abs(value) < 0.1:
        return money(value)
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def money(value: float | None, signed: bool = False) -> str:
    """Dollars with at least three digits that matter, and cents."""
    if value is None:
        return "n/a"
    digits = max(2, 2 - math.floor(math.log10(abs(value)))) if value else 2
    return f"{'-' if value < 0 else '+' if signed else ''}${abs(value):,.{min(digits, 12)}f}"


def about_usd(value: float | None) -> str:
    """Dollars with three digits that matter: $164,000."""
    if value is None or abs(value) < 100:
        return usd(value)
    size = 10 ** (math.floor(math.log10(abs(value))) - 2)
    return f"{'-' if value < 0 else ''}${round(abs(value) / size) * size:,.0f}"


def large(count: float) -> str:
    """A count with three digits that matter: 31.1 million."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(count) >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,.0f}" if abs(count) >= 100 else f"{count:.3g}"


def seconds(value: float | None) -> str:
    """Seconds with three digits that matter."""
    if value is None:
        return "n/a"
    return (
        f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
    )


def quantity(value: float, unit: str) -> str:
    """A value of a parameter in its unit: a share or "%" in per cent, "s" as a duration."""
    if unit == "share":
        return f"{100 * value:.4g} %"
    return duration(value) if unit == "s" else f"{value:.4g}{' %' if unit == '%' else ''}"


def short_key(key: str) -> str:
    """A key without the prefix that all of its kind share."""
    return key.removeprefix("scenario.").removeprefix("policy.")


def setting_text(value: Any) -> str:
    """A value as it stands in a policy file."""
    if isinstance(value, list):
        return f"[{', '.join(map(setting_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else clean(str(value), 60)


def number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def span(mean: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """A figure with its interval, in as many digits as the interval justifies; unit "share" is
    shown in per cent."""
    if mean is None:
        return "n/a"
    scale, after, before = {
        "share": (100.0, " %", ""),
        "s": (1.0, " s", ""),
        "USD": (1.0, "", "$"),
    }.get(unit, (1.0, "", ""))
    if low is None or high is None:
        return {"share": percent, "s": seconds, "USD": usd}.get(unit, _plain)(mean)
    digits = _digits((high - low) / 2 * scale, mean * scale)
    values: Any = (low, mean, high)
    lower, middle, upper = (f"{value * scale:,.{digits}f}" for value in values)
    shown = f"{before}{middle}{after}"
    return shown if lower == upper else f"{shown} ({lower} to {upper})"


def difference_span(
    mean: float | None, low: float | None, high: float | None, unit: str = ""
) -> str:
    """A difference with its interval, as `span` formats it; one of shares is in points."""
    return span(mean, low, high, unit).replace(" %", " points")


def _digits(half: float, mean: float) -> int:
    """Decimals: two significant digits of the half-width, or three of the figure where it does not
    vary; at most four, or three of a small one."""
    size = half if half > 0 else abs(mean) / 10
    most = 4 if abs(mean) >= 0.01 or mean == 0 else min(12, 2 - math.floor(math.log10(abs(mean))))
    return min(most, max(0, 1 - math.floor(math.log10(size)))) if size > 0 else 0


def _plain(value: float) -> str:
    is_whole = float(value).is_integer() or abs(value) >= 1000
    return f"{value:,.0f}" if is_whole else f"{value:,.3g}"


def duration(value: float) -> str:
    """A time in the unit in which one would say it."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size or value == size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s"


QUOTED = re.compile(r'[\s"]')
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')


def paired(detail: Mapping[str, Any]) -> str:
    """An event's detail on one line: key=value key="a value with spaces"; `pairs` reads it back."""
    return " ".join(f"{key}={_value(value)}" for key, value in detail.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if QUOTED.search(text) else text


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
    shown = few_marks(escaped(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


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
    """Each of these names with one of at most so many characters: itself, or its beginning with a
    number that no other one has."""
    short_names = {name: name for name in names}
    for name in [name for name in short_names if len(name) > most]:
        numbered = (f"{name[: most - 5]}… {number}" for number in itertools.count(1))
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
