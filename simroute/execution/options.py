"""How a study is played, and where its runs are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simroute.experiment.job import Executor


@dataclass(frozen=True)
class ExecutionOptions:
    """How the replications of a study are played and kept. No figure depends on it.

    workers: processes on this machine. executor: plays the replications in their stead. cache: runs
    of earlier studies are read back from reports/.cache/. out: an existing folder that gets every
    run as it is finished, and the study's files; None: nothing is kept. resume: goes on with what
    is in `out`. report: a page is among the files.
    """

    workers: int = 1
    executor: Executor | None = None
    cache: bool = False
    out: Path | None = None
    resume: bool = False
    report: bool = True


LOCAL = ExecutionOptions()
"""One process here; nothing is kept."""
