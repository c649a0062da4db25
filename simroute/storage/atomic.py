"""Files that are there as a whole or not at all, and names and paths inside SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Where to write a file: it gets its name, as a whole, when the work under this has succeeded;
    else no trace of it is left."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def sql_text(value: object) -> str:
    """A text or path as an SQL literal, quotes included."""
    return "'" + str(value).replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """A name of a table or column as an SQL identifier, quotes included."""
    return '"' + name.replace('"', '""') + '"'
