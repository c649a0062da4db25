"""Candidates in the simulator, here or in worker processes: the same bits either way."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from simroute.experiment.configuration import Configuration
from simroute.experiment.plugins import load_plugins
from simroute.experiment.run import replicate
from simroute.experiment.variation import Variation
from simroute.studies.executors import WorkerLostError
from simroute.studies.tuning.archive import Run, Settings, Task
from simroute.studies.tuning.space import Values


@dataclass
class Simulator:
    """Runs tasks: `stages[stage]` has a configuration for each scenario, all with the one policy that is varied."""

    stages: dict[str, list[Configuration]]
    policy: str
    workers: int = 1
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def __call__(self, tasks: list[Task], settings: Settings) -> Iterator[tuple[Task, Run]]:
        layers = {number: self._layers(values) for number, values in settings.items()}
        if min(self.workers, len(tasks)) <= 1:
            for task in tasks:
                yield task, _run(self._made(task, layers), self.policy, task.replication)
            return
        futures = self._submitted(tasks, layers)
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise WorkerLostError("a worker process was lost (killed, or out of memory); try fewer --workers") from None
        finally:
            for future in futures:
                future.cancel()

    def _layers(self, values: Values) -> list[dict[str, Any]]:
        """For each scenario, since a budget may come from it."""
        first = next(iter(self.stages.values()))
        return [Variation(each, self.policy).layers(values) for each in first]

    def _made(self, task: Task, layers: dict[int, list[dict[str, Any]]]) -> Configuration:
        return replace(self.stages[task.stage][task.scenario], policies={self.policy: layers[task.candidate][task.scenario]})

    def _submitted(self, tasks: list[Task], layers: dict[int, list[dict[str, Any]]]) -> dict[Future[Run], Task]:
        with _ctrl_c_is_ours():
            if self._pool is None:
                plugins = next(iter(self.stages.values()))[0].plugins
                self._pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), _ready, (plugins,))
            return {self._pool.submit(_run, self._made(task, layers), self.policy, task.replication): task for task in tasks}

    def close(self) -> None:
        """End the workers, when they are done with what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


@contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Children, which start when they are first needed, leave Ctrl-C to the parent, also while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started later, it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ready(plugins: tuple[Path, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load_plugins(plugins)


def _run(configuration: Configuration, policy: str, replication: int) -> Run:
    """One run, without what pictures of it would need."""
    figures = replicate(configuration, policy, replication)
    return Run(figures.metrics, figures.pooled)
