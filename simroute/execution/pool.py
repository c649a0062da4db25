"""Many replications, here or in worker processes: the same bits either way."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from simroute.config.configuration import Configuration
from simroute.config.plugins import load_plugins
from simroute.experiment.job import (
    Job,
    Numbered,
    Progress,
    Replicated,
    WorkerLostError,
    strip_evidence,
)
from simroute.experiment.run import ReplicationError, replicate
from simroute.storage.part_files import PartFiles, part_folder


def work(
    configuration: Configuration,
    jobs: list[Job],
    workers: int,
    parts: Path | None,
    reached: Progress,
) -> Generator[Replicated, None, None]:
    """Results as they are finished. Raises WorkerLostError when a worker is killed,
    ReplicationError when a replication fails."""
    with ProcessPool(workers) as crew:
        for _, done in crew.play([configuration], [(0, job) for job in jobs], parts, reached):
            yield done


class ProcessPool:
    """Worker processes, which stay from one call of `play` to the next; a context manager. With one
    worker everything is played in this process.

    Each has one job at a time, so that it is known which one was lost with its worker. `bare`:
    figures without what pictures are drawn from.
    """

    def __init__(self, count: int, metrics_only: bool = False) -> None:
        self._count, self._bare = count, metrics_only
        self._processes: dict[Any, Any] = {}
        self._jobs: dict[Any, Numbered] = {}
        self._seeds: list[int] = []

    def play(
        self,
        made: Sequence[Configuration],
        jobs: Sequence[Numbered],
        parts: Path | None = None,
        reached: Progress = lambda job, seconds: None,
    ) -> Generator[tuple[int, Replicated], None, None]:
        """Results of jobs in any of the configurations, each with that one's number, as they are
        finished. Raises as `work`."""
        if min(self._count, len(jobs)) <= 1:
            for number, job in jobs:
                yield number, _done(made[number], job, parts, partial(reached, job), self._bare)
            return
        try:
            self._start(min(self._count, len(jobs)), made[0].plugins)
            yield from self._played(made, iter(jobs), parts, reached)
        except BaseException:
            self.close()  # those that are at something would answer into the next call
            raise

    def _start(self, count: int, plugins: tuple[Path, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        with _ctrl_c_kept_from_children():
            while len(self._processes) < count:
                here, there = context.Pipe()
                process = context.Process(
                    target=_serve, args=(there, plugins, self._bare), daemon=True
                )
                process.start()
                there.close()  # a worker that dies now ends the pipe
                self._processes[here] = process

    def _played(
        self,
        made: Sequence[Configuration],
        waiting: Iterator[Numbered],
        parts: Path | None,
        reached: Progress,
    ) -> Iterator[tuple[int, Replicated]]:
        self._seeds, known = (
            [each.seed for each in made],
            {line: set[int]() for line in self._processes},
        )

        def following(line: Any) -> None:
            """The next job, with its configuration if this worker has not got it yet."""
            found = next(waiting, None)
            if found is None:
                self._jobs.pop(line, None)
                return
            number, job = self._jobs[line] = found
            try:
                line.send((number, None if number in known[line] else (made[number], parts), job))
            except OSError:
                self._lost(line)
            known[line].add(number)

        for line in self._processes:
            following(line)
        while self._jobs:
            for line in wait(list(self._jobs)):
                answer, (number, job) = self._heard(line), self._jobs[line]
                if isinstance(answer, float):
                    reached(job, answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    following(line)
                    yield number, answer

    def _heard(self, line: Any) -> Any:
        try:
            return line.recv()
        except (EOFError, OSError):
            self._lost(line)

    def _lost(self, line: Any) -> None:
        number, (policy, replication) = self._jobs[line]
        where = f"policy {policy}, replication {replication}, seed {self._seeds[number]}"
        raise WorkerLostError(
            f"a worker process was lost (killed, or out of memory) during {where}"
        ) from None

    def close(self) -> None:
        """End them, at once: what they are at is not finished, and is done again when the study
        goes on."""
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


def _serve(line: Any, plugins: tuple[Path, ...], metrics_only: bool) -> None:
    """A worker: knows the user's layers, leaves Ctrl-C to the parent, and ends when the parent
    does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        load_plugins(plugins)
        known: dict[int, tuple[Configuration, Path | None]] = {}
        while True:
            number, given, job = line.recv()
            configuration, parts = known[number] = given or known[number]
            line.send(answer(configuration, job, parts, line.send, metrics_only))
    except (EOFError, OSError):
        return  # nobody listens any more


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def answer(
    configuration: Configuration,
    job: Job,
    parts: Path | None,
    reached: Callable[[float], None],
    metrics_only: bool = False,
) -> Replicated | ReplicationError:
    """Play it; a failure is a value."""
    try:
        return _done(configuration, job, parts, reached, metrics_only)
    except ReplicationError as error:
        return error
    except Exception as error:
        return ReplicationError(
            *job,
            f"policy {job[0]}, replication {job[1]}, seed {configuration.seed}: "
            f"{type(error).__name__}: {error}",
        )


EVERY = 16
"""Replications after which what they have left behind is cleared away."""
_PLAYED = count(1)


def _done(
    configuration: Configuration,
    job: Job,
    parts: Path | None,
    reached: Callable[[float], None],
    metrics_only: bool,
) -> Replicated:
    """A world is a ring of objects that hold megabytes of arrays; Python counts objects alone, and
    would let hundreds of worlds pile up."""
    if next(_PLAYED) % EVERY == 0:
        gc.collect()
    policy, replication = job
    if parts is None:
        figures = replicate(configuration, policy, replication, progress=reached)
        return Replicated(job, strip_evidence(figures) if metrics_only else figures)
    rows = PartFiles(
        policy,
        replication,
        part_folder(parts, list(configuration.policies).index(policy), replication),
    )
    figures = replicate(configuration, policy, replication, rows, progress=reached)
    return Replicated(job, figures, rows.close())
