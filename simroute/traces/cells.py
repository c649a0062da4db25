"""Cells that hold something which is neither a number nor a name: they are counted, noted, and
taken as empty."""

from __future__ import annotations

import re
from pathlib import Path

from simroute.traces.columns import COLUMNS
from simroute.traces.formats import Format
from simroute.traces.table import RequestTable

EMPTY_WORDS = ("null", "NULL", "Null", "None", "nan", "NaN")
"""What programs write into a cell of text where they have nothing; in JSON, which has a word for
that, such a text is a name."""
NUMBER = re.compile(r"(whole|num)\((.*)\)(?: / \d+)?")
WORD = re.compile(r'word\("?(\w+)"?\)')
MAX_ROWS = 1_000_000_000_000
"""More rows than a file has."""


def empty_words_sql() -> str:
    """EMPTY_WORDS as a list in SQL."""
    return ", ".join(f"'{word}'" for word in EMPTY_WORDS)


def unusable_tests(form: Format) -> list[str]:
    """SQL for each column of numbers that is a cell alone: the column's name where the cell holds
    something else."""
    return [
        f"CASE WHEN {match[1]}({match[2]}) IS NULL AND trim({match[2]}) <> '' THEN '{name}' END"
        for name, sql in form.COLUMNS.items()
        if (match := NUMBER.fullmatch(sql)) and _is_balanced(match[2])
    ]


def _is_balanced(text: str) -> bool:
    """Whether its brackets close as they open."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def columns_by_field(form: Format) -> dict[str, str]:
    """Field -> the column of numbers or names that is its cell alone."""
    columns: dict[str, str] = {}
    for name, sql in form.COLUMNS.items():
        number, word = NUMBER.fullmatch(sql), WORD.fullmatch(sql)
        field = word[1] if word else number[2].strip('"') if number else ""
        if field in form.FIELDS:
            columns.setdefault(field, name)
    return columns


def count_unusable(table: RequestTable, paths: list[Path]) -> None:
    """Count the unusable cells of `raw` by column, and note the first of each."""
    rows = table.rows(f"""
        SELECT name, count(*), min(file * {MAX_ROWS} + line)
        FROM (
            SELECT unnest(string_split(odd, ',')) AS name, file, line FROM raw
            WHERE odd IS NOT NULL AND skip IS NULL)
        GROUP BY 1 ORDER BY 1""")
    for name, count, first in rows:
        file, line = divmod(first, MAX_ROWS)
        kind = "name" if name in COLUMNS and COLUMNS[name].kind == "VARCHAR" else "number"
        table.unusable[name] = count
        cells = f"1 cell of {name} holds" if count == 1 else f"{count:,} cells of {name} hold"
        table.notes.append(
            f"{cells} no {kind} (the first: {paths[file]}: row {line}): taken as not told"
        )
