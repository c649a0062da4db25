"""One replication of one policy as a job: what it is called, what comes of it, and who plays it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from simroute.config.configuration import Configuration
from simroute.metrics import Figures

Job = tuple[str, int]
"""(policy, replication)."""
Numbered = tuple[int, Job]
"""A job, and the number of the configuration that it belongs to."""
Progress = Callable[[Job, float], None]
"""Told the simulated seconds of a replication that is under way, after every block of requests."""


class Replicated(NamedTuple):
    """A finished replication. `unwritten`: why its row files are missing, None where they were
    written or not asked for."""

    job: Job
    figures: Figures
    unwritten: str | None = None


class WorkerLostError(Exception):
    """A worker process ended without a result."""


Work = Callable[
    [Configuration, list[Job], int, Path | None, Progress], Generator[Replicated, None, None]
]
"""Where replications are played: `execution.pool.work` here, others elsewhere."""


def strip_evidence(figures: Figures) -> Figures:
    """Without what pictures are drawn from: half a megabyte that need not travel, nor stay. Which
    targets were asked is kept: bounds go by it."""
    return replace(
        figures,
        evidence=None,
        by={kind: table for kind, table in figures.by.items() if kind == "target"},
        minutes=[],
    )
