"""Files that a scenario names: read once, hashed, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from simroute.experiment import yaml_reader
from simroute.experiment.errors import InputError
from simroute.models import spec
from simroute.models.replayed import clock
from simroute.traces import TraceError, read_outcomes
from simroute.traces.kept import digest, recording

__all__ = ["FILES", "contents", "digest", "fitted"]

FILES = ("trace", "lengths", "outcomes")


def fitted(scenario: spec.Scenario, document: yaml_reader.Document, overrides: list[str], notes: list[str]) -> spec.Scenario:
    """Files read once, to see that they can be; a trace sets the horizon unless the command line does."""
    load = scenario.workload
    problems = []
    for kind in FILES:
        path = getattr(load, kind)
        if path is None:
            continue
        try:
            content = contents(kind, path)
        except TraceError as error:
            problems.append(f"{document.where(('workload', kind))}: workload.{kind}: {error}")
            continue
        if kind == "trace":
            notes += [f"{Path(path).name}: {len(content.arrival):,} requests", *(f"{Path(path).name}: {note}" for note in content.notes)]
            last = float(content.arrival[-1])
            stop = last if load.trace_to is None else min(load.trace_to, last)
            if stop <= load.trace_from:
                problems.append(
                    f"{document.where(('workload', 'trace_from'))}: workload.trace_from: the trace ends at {stop:.0f} s, before the window"
                )
            elif not any(text.startswith("scenario.horizon=") for text in overrides):
                time = clock(load, content)
                length = stop - load.trace_from + (load.trace_loop - 1) * time.length
                scenario = replace(scenario, horizon=length / load.rate_scale)
    if problems:
        raise InputError(*problems)
    return scenario


def contents(kind: str, path: str) -> Any:
    """A trace's columns on disk, or a table of outcomes. Raises TraceError."""
    return _outcomes(path) if kind == "outcomes" else recording(path)


@lru_cache(maxsize=16)
def _outcomes(path: str) -> Any:
    return read_outcomes(path)
