"""Tables for spreadsheets: CSV in which no name can act as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell of text that begins so is a formula to some spreadsheet (OWASP, CSV injection; the
full-width ones by some locales)."""

Cell = str | float | int | None


def format_csv(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV (RFC 4180). Texts that would be formulas get a leading apostrophe, numbers stay numbers
    (to nine decimals, a nano-dollar), None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_escape_formula(head) for head in heads])
    writer.writerows([_escape_formula(cell) for cell in row] for row in rows)
    return text.getvalue()


def _escape_formula(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULAS) else cell
    return round(cell, 9) if isinstance(cell, float) else cell
