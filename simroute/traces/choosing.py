"""Which format files have: found by their content, told by name, or described by a mapping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simroute.traces import files
from simroute.traces.files import TraceError, Unfold
from simroute.traces.formats import named, recognised
from simroute.traces.mapping import Mapped


@dataclass(frozen=True)
class Wish:
    """How to read: `format` (else found by content), `tz` for dates without a zone, `unit` of numbers, `strict`: the first bad row ends it."""

    format: str | None = None
    mapping: Mapped | None = None
    tz: str = "UTC"
    unit: str | None = None
    strict: bool = False


def format_of(paths: list[Path], wish: Wish) -> str:
    """The name of the one format of all these files. Raises TraceError."""
    if wish.mapping is not None:
        for path in paths:
            for name, near in wish.mapping.absent(sample(path, wish.mapping.unfold)):
                raise TraceError(f"{path}: has no column {name!r}, which the mapping names; {f'did you mean {near}?' if near else 'rename it there'}")
        return "mapped"
    if wish.format is not None:
        named(wish.format)
        return wish.format
    found = {path: recognised(path, sample(path)) for path in paths}
    if len(set(found.values())) > 1:
        (one, first), (other, second) = next((a, b) for a in found.items() for b in found.items() if a[1] != b[1])
        raise TraceError(f"{other}: is {second}, while {one} is {first}; one trace has one format")
    return found[paths[0]]


def sample(path: Path, unfold: Unfold | None = None) -> files.Sample:
    if not files.is_parquet(path):
        return files.sample(path, unfold)
    import duckdb

    with duckdb.connect() as connection:
        try:
            rows = connection.execute("SELECT * FROM read_parquet(?) LIMIT 20", [str(path)])
            names = [column[0] for column in rows.description]
            return files.Sample("parquet", frozenset(names), [dict(zip(names, row, strict=True)) for row in rows.fetchall()])
        except duckdb.Error as error:
            raise TraceError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:120]})") from None
