"""Many configurations, all policies, all replications: each run made once, here or in worker processes, the same bits either way."""

from __future__ import annotations

from collections.abc import Callable

from simroute.experiment.configuration import Configuration
from simroute.metrics import Figures
from simroute.studies.compare import Study
from simroute.studies.executors import Crew, Numbered


def studies(made: list[Configuration], workers: int, told: Callable[[int, int], None]) -> tuple[list[Study | None], bool]:
    """A study for each configuration, None for those that were not finished before Ctrl-C; and whether it was pressed.

    A policy that two configurations have in the same weather is run once. `told(done, total)` hears of the beginning, and of each run.
    Raises WorkerLostError, RuntimeError that names the failed replication.
    """
    same: dict[tuple[str, str, int], list[Numbered]] = {}
    for number, each in enumerate(made):
        weather = repr((each.scenario, each.seed))
        for policy, layers in each.policies.items():
            for replication in range(each.replications):
                same.setdefault((weather, repr(layers), replication), []).append((number, (policy, replication)))
    found: dict[Numbered, Figures] = {}
    interrupted = False
    twins = {jobs[0]: jobs for jobs in same.values()}
    told(0, len(same))
    try:
        with Crew(workers, bare=True) as crew:
            for done, (number, run) in enumerate(crew.play(made, list(twins)), 1):
                found |= dict.fromkeys(twins[number, run.job], run.figures)
                told(done, len(same))
    except KeyboardInterrupt:
        interrupted = True
    return [_study(number, each, found) for number, each in enumerate(made)], interrupted


def _study(number: int, made: Configuration, found: dict[Numbered, Figures]) -> Study | None:
    jobs = [(number, (policy, replication)) for policy in made.policies for replication in range(made.replications)]
    if not all(job in found for job in jobs):
        return None
    return Study(made, {policy: [found[number, (policy, replication)] for replication in range(made.replications)] for policy in made.policies})
