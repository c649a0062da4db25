"""What a replay plays: the log's own routing, and policies beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simroute.config.configuration import Configuration
from simroute.config.documents import RECORDED, Policy
from simroute.config.from_trace import TraceSource, load_replay

QUICK = 400_000
"""Requests of all policies and replications together that are played unless more are asked for."""
MOST, LEAST = 20, 3
"""Replications of a plan that does not say how many."""


def trace_source(
    files: Iterable[str], outages: Sequence[str], workload: Mapping[str, Any]
) -> TraceSource:
    """The log in these files, with what lies over it and how it is played."""
    path = os.pathsep.join(str(Path(file).resolve()) for file in files)
    return TraceSource(path, outages, workload)


def plan_replay(
    source: TraceSource,
    scenario: str | None,
    policies: Sequence[Policy],
    overrides: list[str],
    seed: int = 1,
    replications: int | None = None,
) -> Configuration:
    """The configuration of a replay. `replications` None: as many as are quick. Else as
    `from_trace.load_replay`. Raises InputError."""
    names = [RECORDED, *(name for name in policies if name != RECORDED)]
    configuration = load_replay(source, scenario, names, overrides, seed, replications or 1)
    if replications is not None:
        return configuration
    requests = max(1.0, configuration.expected_requests * len(names))
    return replace(configuration, replications=int(min(MOST, max(LEAST, QUICK // requests))))
