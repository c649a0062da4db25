"""One replication of one policy as a job, its result, and the protocol of whoever plays jobs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from simroute.config.configuration import Configuration
from simroute.metrics import Figures


@dataclass(frozen=True, eq=False)
class Job:
    """One replication of one policy of a configuration. A result carries the very job that was
    asked for, so jobs are compared by identity.

    rows: the folder for its row files. metrics_only: its figures are stripped of evidence.
    """

    configuration: Configuration
    policy: str
    replication: int
    rows: Path | None = None
    metrics_only: bool = False


class Replicated(NamedTuple):
    """A finished replication. `unwritten`: why its row files are missing, None where they were
    written or not asked for."""

    job: Job
    figures: Figures
    unwritten: str | None = None


class WorkerLostError(Exception):
    """A worker process ended without a result."""


Progress = Callable[[Job, float], None]
"""Hears the simulated seconds of a replication under way, after every block of requests."""


def silent(job: Job, seconds: float) -> None:
    """Progress that nobody hears."""


class Executor(Protocol):
    """Plays replications, here or elsewhere; figures are the same bits wherever."""

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """Each result as it is finished, in any order; closing the generator gives up the rest.
        Raises WorkerLostError, and ReplicationError when a replication fails."""


def strip_evidence(figures: Figures) -> Figures:
    """The figures without what pictures are drawn from: half a megabyte that need not travel, nor
    stay. Which targets were asked is kept: bounds go by it."""
    return replace(
        figures,
        evidence=None,
        by={kind: table for kind, table in figures.by.items() if kind == "target"},
        minutes=[],
        causes={},
    )
