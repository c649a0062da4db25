"""Text for a terminal: nothing in it can steer the terminal, colour only where it is wanted, whole
words to the terminal's width."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from simroute.text import brief, clean, escaped

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["WIDTH", "brief", "clean", "console", "duration", "escaped", "lines", "on_terminal"]

WIDTH = 100
"""Columns of text that goes to no terminal."""


def lines(text: str) -> list[str]:
    """The lines of a text, each escaped."""
    return [escaped(line.removesuffix("\r")) for line in text.rstrip().split("\n")]


def on_terminal() -> bool:
    """Whether somebody watches."""
    return sys.stdout.isatty()


def console(width: int = WIDTH) -> Console:
    """stdout, in colour on a terminal unless NO_COLOR is set; names are never taken for markup.
    `width`: columns where no terminal is."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or not on_terminal()
    return Console(
        force_terminal=on_terminal(),
        color_system=None if plain else "auto",
        width=None if on_terminal() else width,
        markup=False,
        highlight=False,
        emoji=False,
    )


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
