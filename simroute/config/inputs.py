"""Files that a scenario names: read once, hashed, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from simroute.config import yaml_reader
from simroute.config.yaml_reader import Document
from simroute.errors import InputError
from simroute.models import spec
from simroute.models.blocks import Inputs, OutcomeTable
from simroute.models.calendar import Calendar, workload_calendar
from simroute.models.clients import ClientWindows
from simroute.models.playback import Playback
from simroute.models.prices import catalogue_release
from simroute.traces import ReadOptions, TraceError, read_outcomes
from simroute.traces.client_windows import read_clients
from simroute.traces.formats.mapped_format import MappedFormat
from simroute.traces.formats.mapping import MappingError, parse_mapping
from simroute.traces.playback.cache import digest, open_columns
from simroute.traces.playback.columns import PlaybackColumns

__all__ = [
    "FILES",
    "digest",
    "open_inputs",
    "open_outcomes",
    "open_trace",
    "pin_prices",
    "read_inputs",
    "read_mapping",
    "read_options",
    "run_calendar",
]


def open_trace(load: spec.Workload) -> PlaybackColumns | None:
    """The columns of `workload.trace`, None without one. Raises TraceError, InputError."""
    return None if load.trace is None else open_columns(load.trace, read_options(load.reading))


def open_lengths(load: spec.Workload) -> PlaybackColumns | None:
    """The columns of `workload.lengths`, None without one. Raises TraceError."""
    return None if load.lengths is None else open_columns(load.lengths)


def open_outcomes(load: spec.Workload) -> OutcomeTable | None:
    """The table of `workload.outcomes`, None without one. Raises TraceError."""
    return None if load.outcomes is None else _read_outcomes(load.outcomes)


@lru_cache(maxsize=16)
def _read_outcomes(path: str) -> OutcomeTable:
    return read_outcomes(path)


def open_clients(load: spec.Workload) -> ClientWindows | None:
    """The clients of `workload.clients`, None without such a file. Raises TraceError."""
    if load.clients is None:
        return None
    return _read_clients(load.clients, load.client_options.model)


@lru_cache(maxsize=16)
def _read_clients(path: str, model: str | None) -> ClientWindows:
    return read_clients(Path(path), model)


def open_inputs(load: spec.Workload) -> Inputs:
    """The contents of all files that a workload names. Raises TraceError, InputError."""
    return Inputs(open_trace(load), open_lengths(load), open_outcomes(load), open_clients(load))


Content = PlaybackColumns | OutcomeTable | ClientWindows
FILES: dict[str, Callable[[spec.Workload], Content | None]] = {
    "trace": open_trace,
    "lengths": open_lengths,
    "outcomes": open_outcomes,
    "clients": open_clients,
}
"""Keys of a workload that name files -> what opens them."""


def read_inputs(
    scenario: spec.Scenario, document: Document, overrides: list[str], notes: list[str]
) -> spec.Scenario:
    """The scenario with the horizon of its trace, unless the command line sets one. Reads its files
    once, and adds to the notes what they hold.

    Raises InputError with what is wrong with each of them.
    """
    load = scenario.workload
    has_horizon = any(text.startswith("scenario.horizon=") for text in overrides)
    problems: list[str] = []
    for kind, open_file in FILES.items():
        try:
            content = open_file(load)
        except InputError as error:
            problems += error.lines
            continue
        except (TraceError, OSError) as error:
            told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
            problems.append(f"{document.where(('workload', kind))}: workload.{kind}: {told}")
            continue
        if kind == "trace" and isinstance(content, PlaybackColumns):
            name = Path(load.trace or "").name
            notes.append(f"{name}: {content.requests:,} requests")
            notes += [f"{name}: {note}" for note in content.notes]
            problem = _trace_problem(load, content, document, has_horizon)
            if problem is not None:
                problems.append(problem)
            elif not has_horizon:
                scenario = replace(scenario, horizon=_trace_horizon(load, content))
    if problems:
        raise InputError(*problems)
    return scenario


def _trace_problem(
    load: spec.Workload, trace: PlaybackColumns, document: Document, has_horizon: bool
) -> str | None:
    """Why a trace cannot be played from `trace_from` to `trace_to`, None if it can."""
    path, last, stop = load.trace, float(trace.arrival[-1]), _last_second(load, trace)
    if last <= 0 and not has_horizon:
        return (
            f"{path}: all requests came at one moment, so nothing says how long to play "
            f"it; give scenario.horizon=60s, say"
        )
    if last <= 0 and load.trace_loop > 1:
        return (
            f"{path}: all requests came at one moment: it cannot be played over and over "
            f"(--loop, workload.trace_loop)"
        )
    if stop <= load.trace_from and not (last <= 0 and load.trace_from == 0):
        ends = (
            f"the trace ends at {last:.0f} s"
            if stop == last
            else f"trace_to (--to) ends it at {stop:.0f} s"
        )
        where = document.where(("workload", "trace_from"))
        return (
            f"{where}: workload.trace_from (--from): begins at {load.trace_from:.0f} s, and "
            f"{ends}; both count from the first request"
        )
    playback = Playback(load, trace)
    if playback.start >= playback.stop:
        return (
            f"{path}: no request came from {load.trace_from:.0f} s to {stop:.0f} s "
            f"(--from, --to; from the first request)"
        )
    return None


def _last_second(load: spec.Workload, trace: PlaybackColumns) -> float:
    last = float(trace.arrival[-1])
    return last if load.trace_to is None else min(load.trace_to, last)


def _trace_horizon(load: spec.Workload, trace: PlaybackColumns) -> float:
    """Seconds that the chosen part of a trace takes, all its repetitions included."""
    loops = (load.trace_loop - 1) * Playback(load, trace).clock.length
    return (_last_second(load, trace) - load.trace_from + loops) / load.rate_scale


def run_calendar(scenario: spec.Scenario) -> Calendar:
    """The date and hour of a run's seconds: its trace's, or from `workload.profile.starts` on."""
    load = scenario.workload
    return workload_calendar(load, open_trace(load))


def pin_prices(scenario: spec.Scenario, notes: list[str]) -> spec.Scenario:
    """The same scenario; in a run without dates, deployments at catalogue prices get the day of the
    catalogue's release as their price_date, so that a later release changes nothing."""
    if run_calendar(scenario).dated:
        return scenario
    undated = {
        name: deployment
        for name, deployment in scenario.deployments.items()
        if deployment.price is None and deployment.price_date is None
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
        | {name: replace(each, price_date=catalogue_release()) for name, each in undated.items()},
    )


def read_options(reading: spec.ReadOptions) -> ReadOptions:
    """The same as the readers of traces take it. Raises InputError."""
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
