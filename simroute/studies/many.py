"""Many configurations, all policies, all replications: each run made once, here or in worker processes, the same bits either way."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from simroute.experiment.configuration import Configuration
from simroute.experiment.plugins import load_plugins
from simroute.experiment.run import replicate
from simroute.metrics import Figures
from simroute.studies.compare import Study
from simroute.studies.executors import WorkerLostError, _ctrl_c_kept_from_children

Job = tuple[int, str, int]
"""(number of the configuration, policy, replication)."""


def studies(made: list[Configuration], workers: int, told: Callable[[int, int], None]) -> tuple[list[Study | None], bool]:
    """A study for each configuration, None for those that were not finished before Ctrl-C; and whether it was pressed.

    A policy that two configurations have in the same weather is run once. `told(done, total)` hears of the beginning, and of each run.
    Raises WorkerLostError, RuntimeError that names the failed replication.
    """
    same: dict[tuple[str, str, int], list[Job]] = {}
    for number, each in enumerate(made):
        weather = repr((each.scenario, each.seed))
        for policy, layers in each.policies.items():
            for replication in range(each.replications):
                same.setdefault((weather, repr(layers), replication), []).append((number, policy, replication))
    found: dict[Job, Figures] = {}
    interrupted = False
    runs = _played(made, [jobs[0] for jobs in same.values()], workers)
    twins = {jobs[0]: jobs for jobs in same.values()}
    told(0, len(same))
    try:
        for done, (job, figures) in enumerate(runs, 1):
            found |= dict.fromkeys(twins[job], figures)
            told(done, len(same))
    except KeyboardInterrupt:
        interrupted = True
    return [_study(number, each, found) for number, each in enumerate(made)], interrupted


def _study(number: int, made: Configuration, found: dict[Job, Figures]) -> Study | None:
    jobs = [(number, policy, replication) for policy in made.policies for replication in range(made.replications)]
    if not all(job in found for job in jobs):
        return None
    return Study(made, {policy: [found[number, policy, replication] for replication in range(made.replications)] for policy in made.policies})


def _played(made: list[Configuration], jobs: list[Job], workers: int) -> Iterator[tuple[Job, Figures]]:
    if min(workers, len(jobs)) <= 1:
        for job in jobs:
            yield job, _run(made[job[0]], *job[1:])
        return
    with _ctrl_c_kept_from_children():
        pool = ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn"), _ready, (made[0].plugins,))
        futures = {pool.submit(_run, made[job[0]], *job[1:]): job for job in jobs}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        raise WorkerLostError("a worker process was lost (killed, or out of memory); try fewer --workers") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ready(plugins: tuple[Path, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load_plugins(plugins)


def _run(made: Configuration, policy: str, replication: int) -> Figures:
    """One run, without what pictures of it would need."""
    return replace(replicate(made, policy, replication), evidence=None, by={}, minutes=[])
