"""Text for a terminal: without control characters, in colour only where it is wanted, to the width
of the terminal."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.work_log import WorkLog
from simroute.layout import PRINTED, Column, fitting_columns, table_lines, wrapped
from simroute.text import brief, cells, clean, escaped

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "WIDTH",
    "brief",
    "clean",
    "columns",
    "console",
    "duration",
    "escaped",
    "lines",
    "on_terminal",
    "overwritten_line",
    "print_command",
    "print_sentences",
    "print_table",
]

WIDTH = PRINTED
"""Columns of text off a terminal."""
NARROWEST = 20
LONGEST_SENTENCE = 1000


def lines(text: str) -> list[str]:
    """The lines of a text, escaped."""
    return [escaped(line.removesuffix("\r")) for line in text.rstrip().split("\n")]


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def console(width: int | None = None) -> Console:
    """stdout, in colour on a terminal unless NO_COLOR is set; names are never read as markup.
    `width`: columns off a terminal."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or not on_terminal()
    return Console(
        force_terminal=on_terminal(),
        color_system=None if plain else "auto",
        width=columns() if on_terminal() or width is None else width,
        markup=False,
        highlight=False,
        emoji=False,
    )


@contextmanager
def overwritten_line(text: str, is_shown: bool = True) -> Iterator[Callable[[Any], None] | None]:
    """A function that shows a value in `text`, each time over the value before; off a terminal now
    and then in a line. None where nothing is to be shown. `text`: with {} for the value."""
    if not is_shown:
        yield None
        return
    if not sys.stderr.isatty():
        log = WorkLog()
        yield lambda value: log.tell(text.format(value))
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


def columns() -> int:
    """Columns of the output, at least 20: those of COLUMNS where it is set, else those of the
    terminal, else 100."""
    stated = os.environ.get("COLUMNS", "")
    size = int(stated) if stated.isascii() and stated.isdigit() else 0
    if not size and on_terminal():
        with suppress(OSError):
            size = os.get_terminal_size(sys.stdout.fileno()).columns
    return max(NARROWEST, size or WIDTH)


def is_wrapped() -> bool:
    """Whether sentences are broken at the width of the output. Off a terminal, and without COLUMNS,
    they are not, so that they can be searched."""
    return on_terminal() or "COLUMNS" in os.environ


def print_sentences(sentences: Iterable[str]) -> None:
    """Prints a sentence a line, or in several where it is wider than the terminal."""
    for sentence in sentences:
        text = clean(sentence, LONGEST_SENTENCE)
        for line in wrapped(text, columns()) if is_wrapped() else [text]:
            click.echo(line)


def print_command(before: str, words: Sequence[str]) -> None:
    """Prints a command that can be pasted: where it is wider than the terminal, each line but the
    last ends as a shell wants it."""
    rows, row = [], before
    for word in map(shlex.quote, words):
        if is_wrapped() and row.strip() and cells(row) + cells(word) + 2 > columns():
            rows.append(f"{row.rstrip()} \\")
            row = "    "
        row += f"{word} "
    for line in [*rows, row.rstrip()]:
        click.echo(brief(line))


def print_table(
    head: str, names: Sequence[str], body: Sequence[Column], legend: Mapping[str, str] | None = None
) -> None:
    """Prints a row for each name: the names to the left, other columns to the right. `legend`: what
    heads mean, told of those that are shown."""
    for line in table_lines(head, names, body, columns()):
        click.echo(line)
    shown = {column.head for column in fitting_columns([head, *names], body, columns())}
    meanings = [f"{head}: {text}" for head, text in (legend or {}).items() if head in shown]
    if meanings:
        print_sentences([f"{'; '.join(meanings)}."])
