"""Many replications, here or in worker processes: the same bits either way."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from simroute.experiment.configuration import Configuration
from simroute.experiment.plugins import load_plugins
from simroute.experiment.run import replicate
from simroute.metrics import Figures

Job = tuple[str, int]
"""(policy, replication)."""


class WorkerLostError(Exception):
    """A worker process ended without a result."""


def work(configuration: Configuration, jobs: list[Job], workers: int, parts: Path | None) -> Iterator[tuple[Job, Figures]]:
    """Results as they are finished. Raises WorkerLostError when a worker is killed."""
    if workers <= 1:
        for job in jobs:
            yield job, _job(configuration, *job, parts)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _ready, (configuration.plugins,))
    futures: dict[Future[Figures], Job] = {pool.submit(_job, configuration, *job, parts): job for job in jobs}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        open_jobs = [job for future, job in futures.items() if not future.done() or future.exception() is not None]
        policy, replication = open_jobs[0]
        raise WorkerLostError(
            f"a worker process was lost (killed, or out of memory) at or after policy {policy}, replication {replication}, seed {configuration.seed}"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # no `with`: leaving it shuts down again, and un-cancels


def _ready(plugins: tuple[Path, ...]) -> None:
    """A worker knows the user's layers, and leaves Ctrl-C to the parent, which keeps what is finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load_plugins(plugins)


def _job(configuration: Configuration, policy: str, replication: int, parts: Path | None) -> Figures:
    if parts is None:
        return replicate(configuration, policy, replication)
    from simroute.results import TABLES, Frames

    folder = part_folder(parts, list(configuration.policies).index(policy), replication)
    folder.mkdir(parents=True)
    made: list[Frames] = []

    def rows(world: object) -> Callable[..., None]:
        made.append(Frames(world, policy, replication, folder))  # type: ignore[arg-type]
        return made[0]

    figures = replicate(configuration, policy, replication, rows)
    for table in TABLES:
        made[0].write(table)
    return figures


def part_folder(parts: Path, policy: int, replication: int) -> Path:
    """Where one replication's part files lie; in order of name they are in order of policy and replication."""
    return parts / f"{policy:04d}-{replication:06d}"
