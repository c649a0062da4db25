"""Many configurations, all policies, all replications: each run made once, here or elsewhere, the
same bits either way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from simroute.config.configuration import Configuration
from simroute.execution.cached import run_keys
from simroute.experiment.job import Executor, Job
from simroute.metrics import Figures
from simroute.storage.replication_journal import RunKey
from simroute.studies.comparison.study import Study


def play_grid(
    configurations: list[Configuration],
    executor: Executor,
    report: Callable[[int, int], None],
) -> tuple[list[Study | None], bool]:
    """A study for each configuration, None for those that were not finished before Ctrl-C; and
    whether it was pressed.

    A policy that two configurations have in the same weather is played once. `report(done, total)`
    hears of the beginning, and of each run. Raises WorkerLostError, ReplicationError.
    """
    keys = run_keys(
        Job(configuration, policy, replication, metrics_only=True)
        for configuration in configurations
        for policy in configuration.policies
        for replication in configuration.replication_numbers
    )
    jobs = {key: job for job, key in reversed(keys.items())}  # of equal ones, the first
    figures: dict[RunKey, Figures] = {}
    interrupted = False
    report(0, len(jobs))
    try:
        waiting = [job for job, key in keys.items() if jobs[key] is job]
        with closing(executor.run(waiting)) as results:
            for result in results:
                figures[keys[result.job]] = result.figures
                report(len(figures), len(jobs))
    except KeyboardInterrupt:
        interrupted = True
    runs: dict[int, dict[str, list[Figures]]] = {
        id(each): {policy: [] for policy in each.policies} for each in configurations
    }
    for job, key in keys.items():
        if key in figures:
            runs[id(job.configuration)][job.policy].append(figures[key])
    return [_study(each, runs[id(each)]) for each in configurations], interrupted


def _study(configuration: Configuration, runs: dict[str, list[Figures]]) -> Study | None:
    needed = len(configuration.replication_numbers)
    is_whole = all(len(own) == needed for own in runs.values())
    return Study(configuration, runs) if is_whole else None
