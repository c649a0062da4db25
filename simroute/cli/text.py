"""Text for a terminal: nothing in it can steer the terminal, colour only where it is wanted, whole words to the terminal's width."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

STEERS = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories of what is not shown as itself: control, bidi and private characters, line separators."""

WIDTH = 100
"""Columns of text that goes to no terminal."""


def escaped(text: str) -> str:
    """One line in which control and bidi characters are shown escaped."""
    return "".join(c if unicodedata.category(c) not in STEERS else f"\\u{ord(c):04x}" for c in text)


def few_marks(text: str) -> str:
    """The text with at most four combining marks in a row: a thousand of them would climb over other lines."""
    kept, row = [], 0
    for char in text:
        row = row + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if row <= 4:
            kept.append(char)
    return "".join(kept)


def clean(text: str, most: int) -> str:
    """The same, cut when it is longer than `most`."""
    shown = few_marks(escaped(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def brief(text: str, most: int = 1000) -> str:
    """One line that is cut in its middle when it is longer than `most`: an error's beginning says where, its end what to do."""
    shown = few_marks(escaped(text))
    return shown if len(shown) <= most else f"{shown[: most * 2 // 3]} … {shown[-most // 3 :]}"


def lines(text: str) -> list[str]:
    """The lines of a text, each escaped."""
    return [escaped(line.removesuffix("\r")) for line in text.rstrip().split("\n")]


def on_terminal() -> bool:
    """Whether somebody watches."""
    return sys.stdout.isatty()


def console(width: int = WIDTH) -> Console:
    """stdout, in colour on a terminal unless NO_COLOR is set; names are never taken for markup. `width`: columns where no terminal is."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or not on_terminal()
    return Console(
        force_terminal=on_terminal(), color_system=None if plain else "auto", width=None if on_terminal() else width,
        markup=False, highlight=False, emoji=False,
    )  # fmt: skip


def duration(seconds: float) -> str:
    """As one would write it in a scenario: 40m, 1h30m, 4.5s."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:g}s"
    parts, left = [], int(seconds)
    for name, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size}{name}")
            left %= size
    return "".join(parts)
