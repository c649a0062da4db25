"""Replications in this process or in worker processes of our own: the same bits either way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from simroute.config.configuration import Configuration
from simroute.config.plugins import load_plugins
from simroute.experiment.job import (
    Job,
    Progress,
    Replicated,
    WorkerLostError,
    silent,
    strip_evidence,
)
from simroute.experiment.run import ReplicationError, replicate
from simroute.metrics import Figures
from simroute.storage.row_parts import PartFiles

Played = tuple[Figures, str | None]
"""Figures, and why row files are missing."""


class ProcessPool:
    """An executor of worker processes, which stay from one `run` to the next; a context manager.
    With one worker everything is played in this process.

    >>> with ProcessPool(4) as pool:
    ...     results = list(pool.run([Job(configuration, "failover", 0)]))

    Each worker has one job at a time, so that it is known which one was lost with it, and gets
    each configuration of a `run` once.
    """

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._processes: dict[Any, Any] = {}
        self._jobs: dict[Any, Job] = {}

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """As `Executor.run`."""
        if min(self._workers, len(jobs)) <= 1:
            for job in jobs:
                yield Replicated(job, *play(job, partial(progress, job)))
            return
        try:
            self._start(min(self._workers, len(jobs)), jobs[0].configuration.plugins)
            yield from self._distribute(jobs, progress)
        except BaseException:
            self.close()  # workers that are busy would answer into the next run
            raise

    def _start(self, count: int, plugins: tuple[Path, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        with _ctrl_c_kept_from_children():
            while len(self._processes) < count:
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, plugins), daemon=True)
                process.start()
                there.close()  # a worker that dies now ends the pipe
                self._processes[here] = process

    def _distribute(self, jobs: Sequence[Job], progress: Progress) -> Iterator[Replicated]:
        waiting, numbers = iter(jobs), dict[int, int]()
        sent = {line: set[int]() for line in self._processes}

        def send_next(line: Any) -> None:
            """The next job, with its configuration if this worker has not got it yet."""
            job = next(waiting, None)
            if job is None:
                self._jobs.pop(line, None)
                return
            self._jobs[line] = job
            number = numbers.setdefault(id(job.configuration), len(numbers))
            configuration = None if number in sent[line] else job.configuration
            words = job.policy, job.replication, job.rows, job.metrics_only
            try:
                line.send((number, configuration, words))
            except OSError:
                self._raise_lost(line)
            sent[line].add(number)

        for line in self._processes:
            send_next(line)
        while self._jobs:
            for line in wait(list(self._jobs)):
                answer, job = self._receive(line), self._jobs[line]
                if isinstance(answer, float):
                    progress(job, answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    send_next(line)
                    yield Replicated(job, *answer)

    def _receive(self, line: Any) -> Any:
        try:
            return line.recv()
        except (EOFError, OSError):
            self._raise_lost(line)

    def _raise_lost(self, line: Any) -> None:
        job = self._jobs[line]
        where = f"policy {job.policy}, replication {job.replication}, seed {job.configuration.seed}"
        raise WorkerLostError(
            f"a worker process was lost (killed, or out of memory) during {where}"
        ) from None

    def close(self) -> None:
        """End the workers, at once: what they play is not finished, and is played again when the
        study goes on."""
        for line, process in self._processes.items():
            process.terminate()
            line.close()
        for process in self._processes.values():
            process.join()
        self._processes, self._jobs = {}, {}

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def _ctrl_c_kept_from_children() -> Iterator[None]:
    """Children start with Ctrl-C blocked: it is the parent's, which keeps what is finished; they
    would print tracebacks while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started later, it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Any, plugins: tuple[Path, ...]) -> None:
    """A worker: loads the user's layers, leaves Ctrl-C to the parent, and ends when the parent
    does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        load_plugins(plugins)
        configurations: dict[int, Configuration] = {}
        while True:
            number, configuration, words = line.recv()
            configurations[number] = configuration or configurations[number]
            line.send(try_to_play(Job(configurations[number], *words), line.send))
    except (EOFError, OSError):
        return  # nobody listens any more


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def try_to_play(job: Job, progress: Callable[[float], None]) -> Played | ReplicationError:
    """As `play`; a failure is a value."""
    try:
        return play(job, progress)
    except ReplicationError as error:
        return error
    except Exception as error:
        return ReplicationError(
            job.policy,
            job.replication,
            f"policy {job.policy}, replication {job.replication}, seed {job.configuration.seed}: "
            f"{type(error).__name__}: {error}",
        )


def play(job: Job, progress: Callable[[float], None]) -> Played:
    """Play a job in this process. Raises ReplicationError."""
    if job.rows is None:
        figures = replicate(job.configuration, job.policy, job.replication, progress=progress)
        return strip_evidence(figures) if job.metrics_only else figures, None
    rows = PartFiles(job.policy, job.replication, job.rows)
    return replicate(job.configuration, job.policy, job.replication, rows, progress), rows.close()
