"""The format of files: detected from content, named by the user, or described by a mapping."""

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
    """How to read a log.

    >>> read([Path("log.csv")], ReadOptions(format="azure"))

    format: its name; detected without one. zone: of dates without one. unit: of times that are
    numbers. strict: the first bad row ends it.
    """

    format: str | None = None
    mapping: MappedFormat | None = None
    zone: str = "UTC"
    unit: str | None = None
    strict: bool = False


def choose_format(paths: list[Path], options: ReadOptions) -> str:
    """The name of the one format of all these files. Raises TraceError."""
    if options.mapping is not None:
        for path in paths:
            _check_mapping(path, options.mapping)
        return "mapped"
    if options.format is not None:
        for path in paths:
            _check_needed(path, options.format)
        return options.format
    names = {path: recognise_format(path, sample_file(path)) for path in paths}
    first = paths[0]
    other = next((path for path in paths if names[path] != names[first]), None)
    if other is not None:
        raise TraceError(
            f"{other}: is {names[other]}, while {first} is {names[first]}; one trace has one format"
        )
    return names[first]


def _check_mapping(path: Path, mapping: MappedFormat) -> None:
    """Raises TraceError where a file lacks what a mapping names."""
    if mapping.records is not None and (
        wrong := mapping.explain_no_rows(sample_file(path, lambda record: [record]))
    ):
        raise TraceError(f"{path}: {wrong}")
    for name, near in mapping.missing_paths(sample_file(path, mapping.unfold)):
        raise TraceError(
            f"{path}: has no column {name!r}, which the mapping names; "
            f"{f'did you mean {near}?' if near else 'rename it there'}"
        )


NEEDED = {
    "time": "the time of a request",
    "input_tokens": "its input tokens",
    "output_tokens": "its output tokens",
}
"""Columns without which a format cannot be read, in words."""
NAME = re.compile(r'"([^"]+)"|([A-Za-z_]\w*)')


def source_fields(form: Format, column: str) -> list[str]:
    """The log's own fields from which a format makes a column."""
    parts: dict[str, str] = getattr(form, "PARTS", {})
    fields: list[str] = []
    waiting, visited = [form.COLUMNS.get(column, "")], set[str]()
    while waiting:
        for quoted, bare in NAME.findall(waiting.pop()):
            name = quoted or bare
            if name in parts and name not in visited:
                visited.add(name)
                waiting.append(parts[name])
            elif name in form.FIELDS:
                fields.append(name)
    return list(dict.fromkeys(fields))


def _check_needed(path: Path, name: str) -> None:
    """Raises TraceError where a file lacks what a format needs."""
    form = find_format(name)
    keys = sample_file(path, unfold_function(form)).keys
    has_spans = "inside" in form.COLUMNS  # only those of calls have tokens, and may come late
    for column, about in NEEDED.items():
        fields: Sequence[str] = source_fields(form, column)
        if not fields or (has_spans and column != "time") or keys & {*fields}:
            continue
        missing = _describe_missing(path, name, START_FIELDS if has_spans else fields, about, keys)
        raise TraceError(f"{path}: is not read as {name}: {missing}")


def _describe_missing(
    path: Path, name: str, fields: Sequence[str], about: str, keys: Iterable[str] = ()
) -> str:
    """What a file lacks and what it has: `keys`, or else those of its records as they stand in the
    file."""
    present = ", ".join(sorted(keys or sample_file(path).keys))[:160] or "nothing"
    return (
        f"it has no {' or '.join(repr(field) for field in fields[:6])}, of which {name} makes "
        f"{about}; it has: {present}"
    )


def explain_missing_time(path: Path, options: ReadOptions) -> str:
    """For a file without requests: that its first records lack the time that the named format
    reads, and what they have; empty where they have it."""
    if options.format is None or options.mapping is not None:
        return ""
    form = find_format(options.format)
    fields = source_fields(form, "time")
    sample = sample_file(path, unfold_function(form)).records
    if not fields or any(record.get(name) is not None for record in sample for name in fields):
        return ""
    return f": {_describe_missing(path, options.format, fields, NEEDED['time'])}"


def missing_columns(path: Path, name: str) -> list[str]:
    """Columns that a format can fill, and for which this file has no field."""
    form = find_format(name)
    keys = sample_file(path, unfold_function(form)).keys
    fields = {column: source_fields(form, column) for column in COLUMNS if column in form.COLUMNS}
    return [column for column, names in fields.items() if names and not keys & {*names}]


def sample_file(path: Path, unfold: Unfold | None = None) -> records.RecordSample:
    """The first records of a file. Raises TraceError."""
    if not is_parquet(path):
        return records.sample_records(path, unfold)
    import duckdb

    with duckdb.connect() as connection:
        try:
            rows = connection.execute("SELECT * FROM read_parquet(?) LIMIT 20", [str(path)])
            names = [column[0] for column in rows.description]
            first = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        except duckdb.Error as error:
            raise TraceError(
                f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:120]})"
            ) from None
    return records.RecordSample("parquet", frozenset(names), first)
