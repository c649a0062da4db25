"""Runs that are kept as they are finished, and read back instead of made again: in the search's own
folder, and in `reports/.cache/`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from simroute.execution.runs import Store
from simroute.experiment.job import Job, Replicated
from simroute.metrics import Figures
from simroute.studies.tuning.problem.space import Space, Values
from simroute.studies.tuning.search.evaluations import (
    POLICY,
    CandidateValues,
    Evaluate,
    Run,
    RunTask,
)


class Recall:
    """Stands before `evaluate`. A job is (stage, scenario and setting as text, replication).

    Runs are known by their setting's values, not by its number: what is read back belongs to them,
    whoever proposed it.
    """

    def __init__(self, evaluate: Evaluate, store: Store, space: Space) -> None:
        self._evaluate, self._store, self._space = evaluate, store, space
        self._kept = store.keys()
        self.count = 0

    def __call__(
        self, tasks: list[RunTask], settings: CandidateValues
    ) -> Iterator[tuple[RunTask, Run]]:
        """Those that are kept first. `count` tells how many were."""
        whole = {
            number: values if POLICY in values else self._space.effective(values)
            for number, values in settings.items()
        }
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
            self._store.add(Replicated(jobs[task], Figures(run.metrics, run.pooled, {}, [], {})))
            yield task, run


def job(task: RunTask, values: Values) -> Job:
    """What a journal calls a run."""
    return json.dumps(
        [task.stage, task.scenario, values], sort_keys=True, ensure_ascii=False
    ), task.replication
