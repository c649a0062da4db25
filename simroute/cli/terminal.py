"""Text for a terminal: without control characters, in colour only where it is wanted, to the width
of the terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from simroute.text import brief, clean, escaped

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "WIDTH",
    "brief",
    "clean",
    "console",
    "duration",
    "escaped",
    "lines",
    "on_terminal",
    "overwritten_line",
    "print_table",
]

WIDTH = 100
"""Columns of text off a terminal."""


def lines(text: str) -> list[str]:
    """The lines of a text, escaped."""
    return [escaped(line.removesuffix("\r")) for line in text.rstrip().split("\n")]


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def console(width: int = WIDTH) -> Console:
    """stdout, in colour on a terminal unless NO_COLOR is set; names are never read as markup.
    `width`: columns off a terminal."""
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


@contextmanager
def overwritten_line(text: str, is_shown: bool = True) -> Iterator[Callable[[Any], None] | None]:
    """A function that shows a value in `text`, each time over the value before; None off a
    terminal. `text`: with {} for the value."""
    if not is_shown or not sys.stderr.isatty():
        yield None
        return

    def show(value: Any) -> None:
        click.echo(f"\r\x1b[K{escaped(text.format(value))}", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def duration(seconds: float) -> str:
    """A duration as a scenario has it: 40m, 1h30m, 4.5s."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:g}s"
    text, rest = "", int(seconds)
    for name, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{name}" if count else ""
    return text


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Prints rows, the first column to the left, the others to the right."""
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0] + " " * (widths[0] - _columns(row[0]))]
        cells += [
            " " * (width - _columns(cell)) + cell
            for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        click.echo(" ".join(cells).rstrip())


def _columns(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
