"""What is wrong with the reading of a log as a whole, seen when all of its rows are there."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from simroute.traces.detection import sample_file
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.raw_text import TraceError
from simroute.traces.table import RequestTable

RAW_NAMES = {"time": "t", "end": "ends", "first_token": "firsts", "delay": "after_s"}
"""Keys of a mapping -> their column in `raw`, where it has another name."""

CONSEQUENCES = {"where": "all meet that condition", "error": "no error has a name"}
"""Key -> what follows where no row has its column."""

MISSPELT = 0.75
"""Likeness (difflib's ratio) from which on a key that a log may well lack is taken for a misspelt
one."""


def check_mapped_columns(
    run: Callable[..., Any], form: MappedFormat, path: Path, rows: int
) -> list[str]:
    """Check that each column that a mapping names has a usable value in some row; for errors, that
    some row has the column. Returns notes on columns that a log may well lack, and does.

    rows: read so far. Raises TraceError.
    """
    notes = _check_compared_columns(run, form, path, rows)
    paths = {key: place for key, place in form.column_paths().items() if key != "error"}
    counts = ", ".join(f'count("{RAW_NAMES.get(key, key)}")' for key in paths)
    total, *values = run(f"SELECT count(*), {counts} FROM raw WHERE skip IS NULL").fetchone()
    if total == 0 and rows and form.conditions:
        raise TraceError(
            f"{path}: `where` leaves none of {rows:,} rows; are its names and values those of "
            f"the log?"
        )
    for (key, place), count in zip(paths.items(), values, strict=True):
        if total and not count:
            missing = place.find_missing(sample_file(path, form.unfold).records)
            near = missing and missing.nearest()
            raise TraceError(
                f"{path}: {place.text!r}, which the mapping names for {key}, holds no value that "
                f"can be used in any of {total:,} rows;"
                f" {f'did you mean {near}?' if near else 'name another, or leave the line out'}"
            )
    return notes


def _check_compared_columns(
    run: Callable[..., Any], form: MappedFormat, path: Path, rows: int
) -> list[str]:
    """Columns that are compared or tell an error, and that no row has, are mistakes; those that
    only failed rows may have are noted, if no other is spelt alike."""
    checked, notes = form.checked_paths(), list[str]()
    bits = run("SELECT bit_or(looked) FROM raw").fetchone()[0] if checked else None
    if bits is None:
        return notes
    records = sample_file(path, form.unfold).records
    for bit, (key, place, is_rare) in enumerate(checked):
        if bits >> bit & 1 or (missing := place.find_missing(records)) is None:
            continue
        text = f"{place.text!r}, which the mapping names for {key}, is in none of {rows:,} rows"
        near = missing.nearest(MISSPELT if is_rare else 0.6)
        if near or not is_rare:
            remedy = f"did you mean {near}? If not, leave" if near else "name another, or leave"
            raise TraceError(f"{path}: {text}; {remedy} the line out")
        notes.append(f"{text}: {CONSEQUENCES.get(key, f'none counts as {key}')}")
    return notes


def note_rows_left_out(table: RequestTable, rows: int, expected: Container[str]) -> None:
    """Set `table.lost` where most rows are no requests and should be.

    expected: reasons of rows that should be requests.
    """
    reasons = {reason: count for reason, count in table.skipped.items() if reason in expected}
    total = rows - sum(count for reason, count in table.skipped.items() if reason not in expected)
    if sum(reasons.values()) > total / 2:
        most = max(reasons, key=lambda reason: reasons[reason])
        table.lost = (
            f"{sum(reasons.values()):,} of {total:,} rows are left out, mostly for: "
            f"{most} ({table.examples[most][0]}); is this how they are meant to be read?"
        )


def doubtful_times(run: Callable[..., Any], zone: str) -> list[str]:
    """Notes on local times in `raw` that no clock of this zone showed, or that it showed twice, as
    clocks were changed."""
    local, utc = "make_timestamp_ns(t)::TIMESTAMP", "timezone($tz, {})"
    instant = utc.format(local)
    again = " OR ".join(
        f"{utc.format(f'{instant} {sign} INTERVAL {minutes} MINUTE')} = {local}"
        for sign in "-+"
        for minutes in (30, 60, 120)
    )
    never, twice = run(
        f"""
        SELECT count(*) FILTER ({utc.format(instant)} <> {local}), count(*) FILTER ({again})
        FROM raw WHERE clock = 'none' AND t IS NOT NULL""",
        {"tz": zone},
    ).fetchone()
    notes = []
    if never:
        notes.append(
            f"local times that do not exist in {zone}, as clocks were put forward: {never:,}, "
            f"taken as an hour later"
        )
    if twice:
        notes.append(
            f"local times that exist twice in {zone}, as clocks were put back: {twice:,}, taken as "
            f"the later of both"
        )
    return notes
