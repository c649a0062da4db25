"""Files that a scenario names: read once, hashed, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from simroute.config import yaml_reader
from simroute.errors import InputError
from simroute.models import spec
from simroute.models.calendar import Calendar, workload_calendar
from simroute.models.playback import playback_clock, request_range
from simroute.models.prices import catalogue_release
from simroute.traces import ReadOptions, TraceError, read_outcomes
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.formats.mapping import MappingError, parse_mapping
from simroute.traces.playback.cache import digest, open_columns

__all__ = [
    "FILES",
    "contents",
    "digest",
    "pin_prices",
    "read_inputs",
    "read_mapping",
    "read_options",
    "run_calendar",
]

FILES = ("trace", "lengths", "outcomes")


def read_inputs(
    scenario: spec.Scenario, document: yaml_reader.Document, overrides: list[str], notes: list[str]
) -> spec.Scenario:
    """Files read once, to see that they can be; a trace sets the horizon unless the command line
    does."""
    load = scenario.workload
    problems: list[str] = []
    for kind in FILES:
        path = getattr(load, kind)
        if path is None:
            continue
        try:
            content = contents(kind, load)
        except InputError as error:
            problems += error.lines
            continue
        except TraceError as error:
            problems.append(f"{document.where(('workload', kind))}: workload.{kind}: {error}")
            continue
        if kind == "trace":
            notes += [
                f"{Path(path).name}: {len(content.arrival):,} requests",
                *(f"{Path(path).name}: {note}" for note in content.notes),
            ]
            last = float(content.arrival[-1])
            stop = last if load.trace_to is None else min(load.trace_to, last)
            given = any(text.startswith("scenario.horizon=") for text in overrides)
            if last <= 0 and not given:
                problems.append(
                    f"{path}: all requests came at one moment, so nothing says how long to play "
                    f"it; give scenario.horizon=60s, say"
                )
            elif last <= 0 and load.trace_loop > 1:
                problems.append(
                    f"{path}: all requests came at one moment: it cannot be played over and over "
                    f"(--loop, workload.trace_loop)"
                )
            elif stop <= load.trace_from and not (last <= 0 and load.trace_from == 0):
                ends = (
                    f"the trace ends at {last:.0f} s"
                    if stop == last
                    else f"trace_to (--to) ends it at {stop:.0f} s"
                )
                where = (
                    f"{document.where(('workload', 'trace_from'))}: workload.trace_from (--from)"
                )
                problems.append(
                    f"{where}: begins at {load.trace_from:.0f} s, and {ends}; both count from "
                    f"the first request"
                )
            elif not has_requests_in_window(load, content):
                problems.append(
                    f"{path}: no request came from {load.trace_from:.0f} s to {stop:.0f} s "
                    f"(--from, --to; from the first request)"
                )
            elif not given:
                time = playback_clock(load, content)
                length = stop - load.trace_from + (load.trace_loop - 1) * time.length
                scenario = replace(scenario, horizon=length / load.rate_scale)
    if problems:
        raise InputError(*problems)
    return scenario


def has_requests_in_window(load: spec.Workload, trace: Any) -> bool:
    """Whether a request came within `trace_from` … `trace_to`."""
    start, stop = request_range(load, trace)
    return start < stop


def run_calendar(scenario: spec.Scenario) -> Calendar:
    """Which date and hour the seconds of a run are: its trace's, or from `workload.profile.starts`
    on."""
    load = scenario.workload
    return workload_calendar(load, None if load.trace is None else contents("trace", load))


def pin_prices(scenario: spec.Scenario, notes: list[str]) -> spec.Scenario:
    """In a run without dates the catalogue's prices are of one day, that of its release: it is
    kept, so that another release changes nothing."""
    if run_calendar(scenario).dated:
        return scenario
    undated = {
        name: made
        for name, made in scenario.deployments.items()
        if made.price is None and made.price_date is None
    }
    if undated:
        when = f"{catalogue_release()}, the day of the catalogue's release"
        notes.append(
            f"{', '.join(undated)}: at the prices of {when}; price_date, or a date in "
            f"workload.profile.starts, says otherwise"
        )
    return replace(
        scenario,
        deployments=scenario.deployments
        | {name: replace(made, price_date=catalogue_release()) for name, made in undated.items()},
    )


def contents(kind: str, load: spec.Workload) -> Any:
    """A trace's columns on disk, or a table of outcomes. Raises TraceError, InputError."""
    path = getattr(load, kind)
    if kind == "outcomes":
        return _outcomes(path)
    return open_columns(path, read_options(load.reading) if kind == "trace" else None)


def read_options(reading: spec.ReadOptions) -> ReadOptions:
    """What the readers of traces are told. Raises InputError."""
    return ReadOptions(
        reading.format,
        None if reading.mapping is None else read_mapping(Path(reading.mapping)),
        reading.zone,
        reading.unit,
    )


def read_mapping(path: Path) -> MappedFormat:
    """The format that a mapping file describes. Raises InputError, with all of its mistakes."""
    document = yaml_reader.read(path)
    try:
        return parse_mapping(document.data)
    except MappingError as error:
        raise InputError(
            *(
                f"{document.where(key)}: {'.'.join(key) or 'mapping'}: {text}"
                for key, text in error.problems
            )
        ) from None


@lru_cache(maxsize=16)
def _outcomes(path: str) -> Any:
    return read_outcomes(path)
