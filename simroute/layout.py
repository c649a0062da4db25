"""Tables and sentences in a width: columns are left out of a table, and named below it, before a
row is broken; sentences go on in further lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simroute.text import cells, clean, cut, shortened

PRINTED = 100
"""Columns of what is printed in Python."""
SHORT_NAME, LONG_NAME = 18, 60
"""Columns of a name beside columns that could be left out, and at most."""


class Column(NamedTuple):
    """A column: its head, a cell a row, and how soon it is left out where there is no room (the
    highest rank first; 0 never). `name`: of a column that is left out, where the head says too
    little."""

    head: str
    cells: Sequence[str]
    rank: int = 0
    name: str = ""

    @property
    def width(self) -> int:
        """Columns of the terminal that it takes."""
        return max(map(cells, [self.head, *self.cells]))


def table_lines(head: str, names: Sequence[str], body: Sequence[Column], width: int) -> list[str]:
    """The lines of a table of at most so many columns, and a sentence about what it leaves out."""
    first = [clean(name, LONG_NAME) for name in (head, *names)]
    shown = fitting_columns(first, body, width)
    most = max(1, min(max(map(cells, first)), _room(shown, width)))
    short_names = shortened(first, most)
    rows = [[padded(short_names[name], most)] for name in first]
    for column in shown:
        for row, cell in zip(rows, [column.head, *column.cells], strict=True):
            row.append(padded(cell, column.width, is_left=False))
    lines = [cut(" ".join(row).rstrip(), width) for row in rows]
    left = [column for column in body if not any(column is each for each in shown)]
    names_left = ", ".join(column.name or column.head for column in left)
    return lines + (wrapped(f"Not shown in {width} columns: {names_left}.", width) if left else [])


def table_text(head: str, names: Sequence[str], body: Sequence[Column]) -> str:
    """A table as `print` shows it."""
    return "\n".join(table_lines(head, names, body, PRINTED))


def fitting_columns(names: Sequence[str], body: Sequence[Column], width: int) -> list[Column]:
    """The columns for which there is room beside the names, or a good part of each."""
    natural, shown = max(map(cells, names)), list(body)
    by_rank = sorted(enumerate(body), key=lambda each: (each[1].rank, each[0]), reverse=True)
    for _, column in by_rank:
        if column.rank and _room(shown, width) < min(natural, SHORT_NAME):
            shown = [each for each in shown if each is not column]
    return shown


def _room(body: Sequence[Column], width: int) -> int:
    """What other columns leave for names."""
    return width - sum(column.width + 1 for column in body)


def padded(text: str, width: int, is_left: bool = True) -> str:
    """The text with blanks behind it, or before it, up to so many columns."""
    blanks = " " * (width - cells(text))
    return text + blanks if is_left else blanks + text


def wrapped(text: str, width: int) -> list[str]:
    """A sentence in lines of at most so many columns, the later ones two columns further to the
    right. A word is broken only where it does not fit into a line."""
    indent = text[: len(text) - len(text.lstrip())]
    rows, row = [], indent
    later = min(len(indent) + 2, width // 2) * " "
    for word in text.split():
        if row.strip() and cells(row) + 1 + cells(word) > width:
            rows.append(row)
            row = later
        row += f" {word}" if row.strip() else word
        while cells(row) > width:
            fitting = cut(row, width + 1)[:-1]
            rows.append(fitting)
            row = later + row[len(fitting) :]
    return [*rows, row]
