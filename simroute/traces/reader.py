"""A trace file to arrays, and what was skipped on the way."""

from __future__ import annotations

import array
import csv
import gzip
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from simroute.models.workload import Outcomes
from simroute.traces import azure, canonical

MOST_TOKENS = 10_000_000


class Format(Protocol):
    """A module for one format: the columns it needs, its clock's ticks to the second, and a row's (time in ticks, input, output tokens)."""

    @property
    def COLUMNS(self) -> tuple[str, ...]: ...  # noqa: N802 - a constant of the module
    @property
    def TICKS(self) -> int: ...  # noqa: N802
    def row(self, fields: list[str], /) -> tuple[float, int, int]: ...


class TraceError(ValueError):
    """A file that cannot be used, in one line: file, row, and what would be right."""


@dataclass
class Trace:
    """arrival: seconds from the first one, sorted; tokens of each request; notes: what was skipped and why."""

    arrival: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    notes: list[str] = field(default_factory=list)


FORMATS: dict[str, Format] = {"azure": azure, "canonical": canonical}


def read_trace(path: str | Path) -> Trace:
    """Read a CSV trace, plain or gzipped (told by its first bytes). Raises TraceError."""
    rows = _rows(Path(path))
    header = [name.strip() for name in next(rows, (0, []))[1]]
    form, places = _format(path, header)
    when: array.array = array.array("q" if form.TICKS > 1 else "d")
    asked, given, skipped = array.array("q"), array.array("q"), 0
    for number, fields in rows:
        if not fields:
            continue
        time, inputs, outputs = _value(path, number, fields, places, form)
        if inputs == 0:
            skipped += 1
            continue
        when.append(time)
        asked.append(inputs)
        given.append(outputs)
    if not when:
        raise TraceError(f"{path}: no rows; a trace needs at least one request under the header {','.join(header)}")
    return _trace(np.array(when), form.TICKS, np.array(asked), np.array(given), skipped)


def read_outcomes(path: str | Path) -> Outcomes:
    """Read a prompt × model table: prompt_id, task, then one 0/1 (or 0 … 1) column for each model. Raises TraceError."""
    rows = _rows(Path(path))
    header = next(rows, (0, []))[1]
    if header[:2] != ["prompt_id", "task"] or len(header) < 3:
        raise TraceError(f"{path}: row 1: expected columns prompt_id,task,MODEL…, found {','.join(header)[:80]}")
    _once(path, header)
    body = [(number, fields) for number, fields in rows if fields]
    if not body:
        raise TraceError(f"{path}: no rows")
    try:
        scores = np.array([[float(value) for value in fields[2:]] for _, fields in body])
    except ValueError:
        raise TraceError(f"{path}: every model column must hold a number from 0 to 1 in every row") from None
    if scores.ndim != 2 or scores.shape[1] != len(header) - 2 or not ((scores >= 0) & (scores <= 1)).all():
        raise TraceError(f"{path}: every row needs one number from 0 to 1 for each of the {len(header) - 2} models")
    tasks = sorted({fields[1] for _, fields in body})
    codes = {task: code for code, task in enumerate(tasks)}
    return Outcomes(tasks, np.array([codes[fields[1]] for _, fields in body]), {m: scores[:, i] for i, m in enumerate(header[2:])})


def _trace(when: np.ndarray, ticks: int, asked: np.ndarray, given: np.ndarray, skipped: int) -> Trace:
    notes = [f"{skipped} rows without input tokens skipped: nothing was asked"] if skipped else []
    if (np.diff(when) < 0).any():
        notes.append("rows were not in order of time: sorted")
    order = np.argsort(when, kind="stable")
    return Trace((when[order] - when.min()) / ticks, asked[order], given[order], notes)


def _format(path: str | Path, header: list[str]) -> tuple[Format, list[int]]:
    _once(path, header)
    for known in FORMATS.values():
        if set(known.COLUMNS) <= set(header):
            return known, [header.index(name) for name in known.COLUMNS]
    wanted = " or ".join(",".join(known.COLUMNS) for known in FORMATS.values())
    raise TraceError(f"{path}: row 1: unknown columns {','.join(header)[:80]!r}; expected {wanted}")


def _once(path: str | Path, header: list[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise TraceError(f"{path}: row 1: column {twice[0]!r} stands twice; rename one")


def _value(path: str | Path, number: int, fields: list[str], places: list[int], form: Format) -> tuple[float, int, int]:
    try:
        value = form.row([fields[place] for place in places])
    except (ValueError, IndexError, TypeError):  # TypeError: a time with a zone of its own
        raise TraceError(f"{path}: row {number}: cannot read {','.join(fields)[:60]!r} as time, input tokens, output tokens") from None
    if not math.isfinite(value[0]) or min(value[1:]) < 0 or max(value[1:]) > MOST_TOKENS:
        raise TraceError(f"{path}: row {number}: times must be finite and token counts from 0 to {MOST_TOKENS:,}")
    return value


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            source = gzip.GzipFile(fileobj=raw) if zipped else raw
            text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")  # type: ignore[type-var]
            for number, fields in enumerate(csv.reader(text), 1):
                if any("\0" in value for value in fields):
                    raise TraceError(f"{path}: row {number}: holds a NUL byte; is it a text file?")
                yield number, fields
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: row {number + 1} or soon after: not valid UTF-8 ({error.reason}); save it as UTF-8") from None
    except (csv.Error, EOFError) as error:
        raise TraceError(f"{path}: row {number + 1}: not a readable CSV file ({error})") from None
