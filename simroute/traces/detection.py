"""Which format files have: found by their content, told by name, or described by a mapping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simroute.traces import records
from simroute.traces.columns import COLUMNS
from simroute.traces.formats import Format, find_format, recognise_format, unfold_function
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.raw_text import TraceError, Unfold, is_parquet
from simroute.traces.spans import START_FIELDS


@dataclass(frozen=True)
class ReadOptions:
    """How to read: `format` (else found by content), `tz` for dates without a zone, `unit` of
    numbers, `strict`: the first bad row ends it."""

    format: str | None = None
    mapping: MappedFormat | None = None
    zone: str = "UTC"
    unit: str | None = None
    strict: bool = False


def choose_format(paths: list[Path], wish: ReadOptions) -> str:
    """The name of the one format of all these files. Raises TraceError."""
    if wish.mapping is not None:
        for path in paths:
            if wish.mapping.records is not None and (
                wrong := wish.mapping.explain_no_rows(sample_file(path, lambda record: [record]))
            ):
                raise TraceError(f"{path}: {wrong}")
            for name, near in wish.mapping.missing_paths(sample_file(path, wish.mapping.unfold)):
                raise TraceError(
                    f"{path}: has no column {name!r}, which the mapping names; "
                    f"{f'did you mean {near}?' if near else 'rename it there'}"
                )
        return "mapped"
    if wish.format is not None:
        for path in paths:
            _check_needed(path, wish.format)
        return wish.format
    found = {path: recognise_format(path, sample_file(path)) for path in paths}
    if len(set(found.values())) > 1:
        (one, first), (other, second) = next(
            (a, b) for a in found.items() for b in found.items() if a[1] != b[1]
        )
        raise TraceError(f"{other}: is {second}, while {one} is {first}; one trace has one format")
    return found[paths[0]]


NEEDED = {
    "time": "the time of a request",
    "input_tokens": "its input tokens",
    "output_tokens": "its output tokens",
}
NAME = re.compile(r'"([^"]+)"|([A-Za-z_]\w*)')


def source_fields(form: Format, column: str) -> list[str]:
    """The log's own fields from which a format makes a column."""
    parts: dict[str, str] = getattr(form, "PARTS", {})
    found: list[str] = []
    waiting, seen = [form.COLUMNS.get(column, "")], set[str]()
    while waiting:
        for quoted, bare in NAME.findall(waiting.pop()):
            name = quoted or bare
            if name in parts and name not in seen:
                seen.add(name)
                waiting.append(parts[name])
            elif name in form.FIELDS:
                found.append(name)
    return list(dict.fromkeys(found))


def _check_needed(path: Path, name: str) -> None:
    """Raises TraceError where a file lacks what a format cannot do without."""
    form = find_format(name)
    keys = sample_file(path, unfold_function(form)).keys
    spans = "inside" in form.COLUMNS  # those of calls alone have tokens, and may come late
    for column, about in NEEDED.items():
        read = source_fields(form, column)
        if read and not (spans and column != "time") and not keys & {*read}:
            raise TraceError(
                f"{path}: is not read as {name}: "
                f"{_describe_missing(path, name, START_FIELDS if spans else read, about, keys)}"
            )


def _describe_missing(
    path: Path, name: str, read: Sequence[str], about: str, keys: Iterable[str] = ()
) -> str:
    """What it lacks and what it has: `keys`, or else those of its records as they stand in the
    file."""
    shown = ", ".join(sorted(keys or sample_file(path).keys))[:160] or "nothing"
    return (
        f"it has no {' or '.join(repr(one) for one in read[:6])}, of which {name} makes "
        f"{about}; it has: {shown}"
    )


def explain_missing_time(path: Path, wish: ReadOptions) -> str:
    """That the first records of a file without requests have no time of the format that was told,
    and what they have; else nothing."""
    if wish.format is None or wish.mapping is not None:
        return ""
    form = find_format(wish.format)
    read = source_fields(form, "time")
    if not read or any(
        record.get(name) is not None
        for record in sample_file(path, unfold_function(form)).records
        for name in read
    ):
        return ""
    return f": {_describe_missing(path, wish.format, read, NEEDED['time'])}"


def missing_columns(path: Path, name: str) -> list[str]:
    """Columns that a format can tell, and that this file has no field for."""
    form = find_format(name)
    keys = sample_file(path, unfold_function(form)).keys
    told = [column for column in COLUMNS if column in form.COLUMNS]
    return [
        column for column in told if (read := source_fields(form, column)) and not keys & {*read}
    ]


def sample_file(path: Path, unfold: Unfold | None = None) -> records.RecordSample:
    if not is_parquet(path):
        return records.sample_records(path, unfold)
    import duckdb

    with duckdb.connect() as connection:
        try:
            rows = connection.execute("SELECT * FROM read_parquet(?) LIMIT 20", [str(path)])
            names = [column[0] for column in rows.description]
            return records.RecordSample(
                "parquet",
                frozenset(names),
                [dict(zip(names, row, strict=True)) for row in rows.fetchall()],
            )
        except duckdb.Error as error:
            raise TraceError(
                f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:120]})"
            ) from None
