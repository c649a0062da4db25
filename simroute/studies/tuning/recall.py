"""Runs that are kept as they are finished, and read back instead of made again: in the search's own folder, and in `reports/.cache/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol

from simroute.metrics import Figures
from simroute.results import Journal
from simroute.studies.executors import Done, Job, work
from simroute.studies.folder import REPORTS
from simroute.studies.shelf import Shelf, digest, taken
from simroute.studies.tuning.archive import POLICY, Evaluate, Run, Settings, Task
from simroute.studies.tuning.plan import Plan
from simroute.studies.tuning.sheet import ground
from simroute.studies.tuning.space import Space, Values


class Store(Protocol):
    """Where runs are kept. A job is (stage, scenario and setting as text, replication)."""

    def keys(self) -> set[Job]:
        """Of what is kept."""

    def read(self, job: Job) -> Done | None:
        """What is kept of one, None if it cannot be read."""

    def add(self, done: Done) -> None:
        """Keep one, at once. Never fails."""


class Recall:
    """Stands before `evaluate`.

    Runs are known by their setting's values, not by its number: what is read back belongs to them, whoever proposed it.
    """

    def __init__(self, evaluate: Evaluate, store: Store, space: Space) -> None:
        self._evaluate, self._store, self._space = evaluate, store, space
        self._kept = store.keys()
        self.count = 0

    def __call__(self, tasks: list[Task], settings: Settings) -> Iterator[tuple[Task, Run]]:
        """Those that are kept first. `count` tells how many were."""
        whole = {number: values if POLICY in values else self._space.effective(values) for number, values in settings.items()}
        jobs = {task: job(task, whole[task.candidate]) for task in tasks}
        left = []
        for task in tasks:
            found = self._store.read(jobs[task]) if jobs[task] in self._kept else None
            if found is None:
                left.append(task)
            else:
                self.count += 1
                yield task, Run(found.figures.metrics, found.figures.pooled)
        for task, run in self._evaluate(left, settings) if left else ():
            self._store.add(Done(jobs[task], Figures(run.metrics, run.pooled, {}, [], {})))
            yield task, run


def job(task: Task, values: Values) -> Job:
    """What a journal calls a run."""
    return json.dumps([task.stage, task.scenario, values], sort_keys=True, ensure_ascii=False), task.replication


class Cache:
    """Those of all searches with these scenarios, this policy and seed, while nothing has changed that figures depend on."""

    def __init__(self, plan: Plan, told: Callable[[str], None]) -> None:
        made = ground(plan)
        self.place = REPORTS / ".cache" / digest(made)
        self._shelf = Shelf(work, told)
        self._journal: Journal | None = self._shelf.opened(self.place, made)

    def keys(self) -> set[Job]:
        """Of what is kept."""
        return set() if self._journal is None else self._journal.keys()

    def read(self, job: Job) -> Done | None:
        """What is kept of one."""
        return None if self._journal is None else taken(self._journal, job)

    def add(self, done: Done) -> None:
        """Keep one, at once."""
        self._journal = self._shelf.added(self._journal, done)

    def close(self) -> None:
        """Let go of the file."""
        if self._journal is not None:
            self._journal.close()
