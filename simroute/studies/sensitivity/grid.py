"""Many configurations, all policies, all replications: each run made once, here or elsewhere, the
same bits either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simroute.config.configuration import Configuration
from simroute.execution.pool import ProcessPool
from simroute.execution.progress import delay_interrupts
from simroute.execution.runs import Store, digest
from simroute.experiment.job import Job, Numbered, Replicated, Work, strip_evidence
from simroute.metrics import Figures
from simroute.studies.comparison.study import Study


def play_grid(
    made: list[Configuration],
    workers: int,
    told: Callable[[int, int], None],
    stores: Sequence[Store] = (),
    perform: Work | None = None,
) -> tuple[list[Study | None], bool]:
    """A study for each configuration, None for those that were not finished before Ctrl-C; and
    whether it was pressed.

    A policy that two configurations have in the same weather is run once. `told(done, total)` hears
    of the beginning, and of each run. `stores`: what they have is not run again, and all get what
    is run. `perform`: plays elsewhere than in `workers` processes here. Raises WorkerLostError,
    RuntimeError that names the failed replication.
    """
    names = {
        (number, policy): digest(each, policy)
        for number, each in enumerate(made)
        for policy in each.policies
    }
    first: dict[Job, Numbered] = {}
    for number, each in enumerate(made):
        for policy in each.policies:
            for replication in each.replication_numbers:
                first.setdefault(
                    (names[number, policy], replication), (number, (policy, replication))
                )
    found: dict[Job, Figures] = {}
    interrupted = False
    told(0, len(first))
    try:
        for done in _kept(list(first), stores):
            found[done.job] = done.figures
            told(len(found), len(first))
        left = [numbered for job, numbered in first.items() if job not in found]
        for number, done in _played(made, left, workers, perform):
            run = Replicated(
                (names[number, done.job[0]], done.job[1]), strip_evidence(done.figures)
            )
            with delay_interrupts():
                for store in stores:
                    store.add(run)
                found[run.job] = run.figures
            told(len(found), len(first))
    except KeyboardInterrupt:
        interrupted = True
    return [
        _study(each, {policy: names[number, policy] for policy in each.policies}, found)
        for number, each in enumerate(made)
    ], interrupted


def _kept(jobs: list[Job], stores: Sequence[Store]) -> Iterator[Replicated]:
    """What the stores have; those that have not get it."""
    known = [store.keys() for store in stores]
    for job in jobs:
        for place, store in enumerate(stores):
            done = store.read(job) if job in known[place] else None
            if done is not None:
                for other, keys in zip(stores, known, strict=True):
                    if job not in keys:
                        other.add(done)
                yield done
                break


def _played(
    made: list[Configuration], jobs: list[Numbered], workers: int, perform: Work | None
) -> Iterator[tuple[int, Replicated]]:
    if perform is None:
        with ProcessPool(workers, metrics_only=True) as crew:
            yield from crew.play(made, jobs)
        return
    for number, each in enumerate(made):
        own = [job for place, job in jobs if place == number]
        for done in perform(each, own, workers, None, lambda job, seconds: None) if own else ():
            yield number, done


def _study(made: Configuration, names: dict[str, str], found: dict[Job, Figures]) -> Study | None:
    if not all(
        (name, replication) in found
        for name in names.values()
        for replication in made.replication_numbers
    ):
        return None
    return Study(
        made,
        {
            policy: [found[name, replication] for replication in made.replication_numbers]
            for policy, name in names.items()
        },
    )
