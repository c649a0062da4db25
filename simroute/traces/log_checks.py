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
"""Keys of a mapping whose column in `raw` has another name."""


CONSEQUENCES = {"where": "all meet that condition", "error": "no error has a name"}
"""What follows where no row has the column of a key."""

MISSPELT = 0.75
"""From this likeness on (difflib's ratio) a key that a log may well lack is taken for a misspelt
one."""


def check_mapped_columns(
    run: Callable[..., Any], form: MappedFormat, path: Path, seen: int
) -> list[str]:
    """What a mapping names holds a value that can be used in some row; of errors it is only asked
    that some row has the column.

    Returns notes on columns that a log may well lack, and does. Raises TraceError.
    """
    notes = _check_compared_columns(run, form, path, seen)
    places = {key: place for key, place in form.column_paths().items() if key != "error"}
    held = ", ".join(f'count("{RAW_NAMES.get(key, key)}")' for key in places)
    total, *counts = run(f"SELECT count(*), {held} FROM raw WHERE skip IS NULL").fetchone()
    if total == 0 and seen and form.conditions:
        raise TraceError(
            f"{path}: `where` leaves none of {seen:,} rows; are its names and values those of "
            f"the log?"
        )
    for (key, place), count in zip(places.items(), counts, strict=True):
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
    run: Callable[..., Any], form: MappedFormat, path: Path, seen: int
) -> list[str]:
    """Columns that are compared or tell an error, and that no row has: mistakes; those that only
    failed rows may have are noted, if none is alike."""
    looked, notes = form.checked_paths(), list[str]()
    bits = run("SELECT bit_or(looked) FROM raw").fetchone()[0] if looked else None
    if bits is None:
        return notes
    records = sample_file(path, form.unfold).records
    for bit, (key, place, rare) in enumerate(looked):
        if bits >> bit & 1 or (missing := place.find_missing(records)) is None:
            continue
        said = f"{place.text!r}, which the mapping names for {key}, is in none of {seen:,} rows"
        near = missing.nearest(MISSPELT if rare else 0.6)
        if near or not rare:
            raise TraceError(
                f"{path}: {said}; "
                f"{f'did you mean {near}? If not, leave' if near else 'name another, or leave'} "
                f"the line out"
            )
        notes.append(f"{said}: {CONSEQUENCES.get(key, f'none counts as {key}')}")
    return notes


def note_rows_left_out(table: RequestTable, seen: int, expected: Container[str]) -> None:
    """Where most rows are no requests and should be (`expected`: such reasons), that is said before
    all else."""
    reasons = {reason: count for reason, count in table.skipped.items() if reason in expected}
    total = seen - sum(count for reason, count in table.skipped.items() if reason not in expected)
    if sum(reasons.values()) > total / 2:
        most = max(reasons, key=lambda reason: reasons[reason])
        where = table.examples[most][0]
        table.lost = (
            f"{sum(reasons.values()):,} of {total:,} rows are left out, mostly for: "
            f"{most} ({where}); is this how they are meant to be read?"
        )


def doubtful_times(run: Callable[..., Any], tz: str) -> list[str]:
    """Local times in `raw` that no clock of this zone showed, or that it showed twice, as clocks
    were changed; each told once."""
    local, shown = "make_timestamp_ns(t)::TIMESTAMP", "timezone($tz, {})"
    taken = shown.format(local)
    again = " OR ".join(
        f"{shown.format(f'{taken} {way} INTERVAL {size} MINUTE')} = {local}"
        for way in "-+"
        for size in (30, 60, 120)
    )
    never, twice = run(
        f"SELECT count(*) FILTER ({shown.format(taken)} <> {local}), count(*) FILTER ({again}) "
        f"FROM raw WHERE clock = 'none' AND t IS NOT NULL",
        {"tz": tz},
    ).fetchone()
    told = (
        (
            never,
            f"local times that do not exist in {tz}, as clocks were put forward: {never:,}, "
            f"taken as an hour later",
        ),
        (
            twice,
            f"local times that exist twice in {tz}, as clocks were put back: {twice:,}, taken as "
            f"the later of both",
        ),
    )
    return [text for count, text in told if count]
