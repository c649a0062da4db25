"""The records of a trace file, each with the line on which it stands. Compression and container are
detected from the content."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import escape, glob, has_magic
from itertools import accumulate, chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from simroute.traces.json_records import read_objects
from simroute.traces.raw_text import (
    Record,
    TraceError,
    Unfold,
    detect_container,
    open_text,
    read_lines,
)

CHUNK = 50_000
"""Records handed on at once."""


class Chunk(NamedTuple):
    """columns: name -> a text or None for each record. lines: where each begins. broken: lines that
    hold no record. typed: texts are told from numbers and from nothing, as in JSON."""

    lines: Sequence[int]
    columns: Mapping[str, Sequence[str | None]]
    broken: list[int]
    typed: bool = True


RUN_ROWS = "requests.parquet"
GATEWAY_REQUESTS, GATEWAY_EVENTS = "requests-*.jsonl", "events-*.jsonl"
"""What a run's folder holds of its requests."""


class RecordSample(NamedTuple):
    """What a format is recognised by: container ("csv", "json", "parquet"), the keys of the first
    records, and these records."""

    container: str
    keys: frozenset[str]
    records: list[Record]


def find_files(words: Iterable[str]) -> list[Path]:
    """Files by name, by a pattern that no shell has replaced, or all that are in a folder and not
    empty (of a run's own folder, and of a gateway's: its requests); each once. Raises
    TraceError."""
    paths: list[Path] = []
    for word in words:
        path = Path(word)
        if (path / RUN_ROWS).is_file() and (path / "config.yaml").is_file():
            files = [path / RUN_ROWS]
        elif any(path.glob(GATEWAY_EVENTS)):
            files = sorted(path.glob(GATEWAY_REQUESTS))
        elif path.is_dir():
            inside = sorted(map(Path, glob(str(Path(escape(word)) / "**" / "*"), recursive=True)))
            files = [item for item in inside if item.is_file() and item.stat().st_size]
            if not files:
                raise TraceError(f"{word}: is a folder without a file that holds anything")
        else:
            files = (
                sorted(map(Path, glob(word, recursive=True)))
                if not path.exists() and has_magic(word)
                else [path]
            )
            files = [item for item in files if not item.is_dir()]
            if not files:
                raise TraceError(f"{word}: no file is called so")
        paths += files
    return list(dict.fromkeys(paths))


def sample_records(path: Path, unfold: Unfold | None = None) -> RecordSample:
    """The first records of a text file, unfolded in the usual way or by `unfold`. Raises
    TraceError."""
    if (container := detect_container(path)) == "csv":
        with open_text(path) as text:
            reader = _csv_reader(path, text)
            header = _read_header(path, reader)
            return RecordSample(
                container,
                frozenset(header),
                [
                    dict(zip(header, row, strict=False))
                    for _, row in islice(_csv_rows(path, reader), 20)
                ],
            )
    records = [
        record
        for _, record in islice(read_objects(path, unfold or unwrap_data), 20)
        if record is not None
    ]
    return RecordSample(container, frozenset(key for record in records for key in record), records)


def read_chunks(
    path: Path, fields: Iterable[str], unfold: Unfold, sheets: bool = False
) -> Iterator[Chunk]:
    """All records of a text file: the texts of these fields, nested values as JSON. Raises
    TraceError.

    sheets: unfold rows of CSV files as well.
    """
    fields = tuple(fields)
    if detect_container(path) == "csv":
        return (
            (
                chunk._replace(typed=False)
                for chunk in _record_chunks(_unfolded_csv(path, unfold), fields)
            )
            if sheets
            else _csv_chunks(path, fields)
        )
    return _record_chunks(read_objects(path, unfold), fields)


def unwrap_data(record: Record) -> Iterable[Record]:
    """The rows in `data` of an API's answer; any other record is itself."""
    rows = record.get("data")
    if isinstance(rows, dict):
        return [rows]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [record]


def read_csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of every row of a CSV file, its header first. Raises TraceError."""
    with open_text(path) as text:
        reader = _csv_reader(path, text)
        yield 1, _read_header(path, reader)
        yield from _csv_rows(path, reader)


# -- bytes to text ---------------------------------------------------------------------------------


# -- CSV -------------------------------------------------------------------------------------------


def _csv_reader(path: Path, text: io.TextIOWrapper) -> Any:
    lines = read_lines(path, text)
    first = next(lines, "")
    delimiter = max(",;\t|", key=first.count)
    return csv.reader(chain([first], lines), delimiter=delimiter)


def _read_header(path: Path, reader: Any) -> list[str]:
    header = [name.strip() for name in next((row for _, row in _csv_rows(path, reader)), [])]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise TraceError(f"{path}: row 1: column {twice!r} stands twice; rename one")
    return header


def _csv_rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, fields) of each row that is not blank."""
    for lines, rows in _csv_batches(path, reader, 1):
        yield from zip(lines, rows, strict=True)


def _csv_batches(
    path: Path, reader: Any, size: int
) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """(lines, rows) of `size` rows at a time, without blank ones."""
    before = reader.line_num
    try:
        while rows := list(islice(reader, size)):
            lines: Sequence[int] = range(before + 1, before + len(rows) + 1)
            if reader.line_num - before != len(rows):  # some go over several lines
                lines = [
                    before + 1 + more
                    for more in accumulate(
                        (1 + sum(map(_line_breaks, row)) for row in rows[:-1]), initial=0
                    )
                ]
            if not all(rows):
                lines, rows = (
                    [line for line, row in zip(lines, rows, strict=True) if row],
                    [row for row in rows if row],
                )
            yield lines, rows
            before = reader.line_num
    except csv.Error as error:
        remedy = (
            "; export without prompt text, or as JSON lines" if "field limit" in str(error) else ""
        )
        raise TraceError(
            f"{path}: row {reader.line_num}: not a readable CSV file ({error}){remedy}"
        ) from None


def _line_breaks(field: str) -> int:
    return field.count("\n") + field.count("\r") - field.count("\r\n")


def _csv_chunks(path: Path, fields: tuple[str, ...]) -> Iterator[Chunk]:
    with open_text(path) as text:
        reader = _csv_reader(path, text)
        header = _read_header(path, reader)
        width = len(header)
        indices = {name: header.index(name) for name in fields if name in header}
        for lines, rows in _csv_batches(path, reader, CHUNK):
            broken = []
            if set(map(len, rows)) != {width}:
                broken = [line for line, row in zip(lines, rows, strict=True) if len(row) != width]
                lines = [line for line, row in zip(lines, rows, strict=True) if len(row) == width]
                rows = [row for row in rows if len(row) == width]
            yield Chunk(
                lines,
                {name: list(map(itemgetter(index), rows)) for name, index in indices.items()},
                broken,
                False,
            )


def _unfolded_csv(path: Path, unfold: Unfold) -> Iterator[tuple[int, Record | None]]:
    """The rows of a CSV file as a format unfolds them; None for a row of another width."""
    with open_text(path) as text:
        reader = _csv_reader(path, text)
        header = _read_header(path, reader)
        for line, row in _csv_rows(path, reader):
            if len(row) != len(header):
                yield line, None
            else:
                yield from (
                    (line, record) for record in unfold(dict(zip(header, row, strict=True)))
                )


# -- JSON ------------------------------------------------------------------------------------------


def _record_chunks(
    records: Iterator[tuple[int, Record | None]], fields: tuple[str, ...]
) -> Iterator[Chunk]:
    while batch := list(islice(records, CHUNK)):
        present = [(line, record) for line, record in batch if record is not None]
        columns = {name: [_as_text(record.get(name)) for _, record in present] for name in fields}
        yield Chunk(
            [line for line, _ in present],
            columns,
            [line for line, record in batch if record is None],
        )


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        # half a pair of surrogates is no letter
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None:
        return None
    return _encode(value) if isinstance(value, dict | list | bool) else repr(value)
