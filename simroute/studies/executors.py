"""Many replications, here or in worker processes: the same bits either way."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

from simroute.experiment.configuration import Configuration
from simroute.experiment.plugins import load_plugins
from simroute.experiment.run import ReplicationError, replicate
from simroute.metrics import Figures

Job = tuple[str, int]
"""(policy, replication)."""
Reached = Callable[[Job, float], None]
"""Told the simulated seconds of a replication that is under way, after every block of requests."""


class Done(NamedTuple):
    """A finished replication. `unwritten`: why its row files are missing, None where they were written or not asked for."""

    job: Job
    figures: Figures
    unwritten: str | None = None


class WorkerLostError(Exception):
    """A worker process ended without a result."""


Work = Callable[[Configuration, list[Job], int, Path | None, Reached], Generator[Done, None, None]]
"""Where replications are played: `work` here, others elsewhere."""


def work(configuration: Configuration, jobs: list[Job], workers: int, parts: Path | None, reached: Reached) -> Generator[Done, None, None]:
    """Results as they are finished. Raises WorkerLostError when a worker is killed, ReplicationError when a replication fails."""
    if min(workers, len(jobs)) <= 1:
        for job in jobs:
            yield _done(configuration, job, parts, lambda seconds, job=job: reached(job, seconds))  # type: ignore[misc]
        return
    crew = _Crew(configuration, parts, min(workers, len(jobs)))
    try:
        yield from crew.work(jobs, reached)
    finally:
        crew.dismiss()


class _Crew:
    """Worker processes, each with one job at a time, so that it is known which one was lost with its worker."""

    def __init__(self, configuration: Configuration, parts: Path | None, count: int) -> None:
        self._configuration, self._parts = configuration, parts
        self._processes: dict[Any, Any] = {}
        self._jobs: dict[Any, Job] = {}
        context = multiprocessing.get_context("spawn")
        with _ctrl_c_kept_from_children():
            for _ in range(count):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, configuration.plugins), daemon=True)
                process.start()
                there.close()  # a worker that dies now ends the pipe
                self._processes[here] = process

    def work(self, jobs: list[Job], reached: Reached) -> Iterator[Done]:
        waiting = iter(jobs)
        for line in self._processes:
            self._next(line, waiting, (self._configuration, self._parts))
        while self._jobs:
            for line in wait(list(self._jobs)):
                answer = self._heard(line)
                if isinstance(answer, float):
                    reached(self._jobs[line], answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    self._next(line, waiting)
                    yield answer

    def _next(self, line: Any, waiting: Iterator[Job], *before: Any) -> None:
        job = next(waiting, None)
        if job is None:
            self._jobs.pop(line, None)
            return
        self._jobs[line] = job
        try:
            for message in (*before, job):
                line.send(message)
        except OSError:
            self._lost(line)

    def _heard(self, line: Any) -> Any:
        try:
            return line.recv()
        except (EOFError, OSError):
            self._lost(line)

    def _lost(self, line: Any) -> None:
        policy, replication = self._jobs[line]
        where = f"policy {policy}, replication {replication}, seed {self._configuration.seed}"
        raise WorkerLostError(f"a worker process was lost (killed, or out of memory) during {where}") from None

    def dismiss(self) -> None:
        """End them, at once: what they are at is not finished, and is done again when the study goes on."""
        for line, process in self._processes.items():
            process.terminate()
            line.close()
        for process in self._processes.values():
            process.join()


@contextmanager
def _ctrl_c_kept_from_children() -> Iterator[None]:
    """Children start with Ctrl-C blocked: it is the parent's, which keeps what is finished; they would print tracebacks while they import."""
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
    """A worker: knows the user's layers, leaves Ctrl-C to the parent, and ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        load_plugins(plugins)
        configuration, parts = line.recv()
        while True:
            line.send(answer(configuration, line.recv(), parts, line.send))
    except (EOFError, OSError):
        return  # nobody listens any more


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def answer(configuration: Configuration, job: Job, parts: Path | None, reached: Callable[[float], None]) -> Done | ReplicationError:
    """Play it; a failure is a value."""
    try:
        return _done(configuration, job, parts, reached)
    except ReplicationError as error:
        return error
    except Exception as error:
        return ReplicationError(*job, f"policy {job[0]}, replication {job[1]}, seed {configuration.seed}: {type(error).__name__}: {error}")


def _done(configuration: Configuration, job: Job, parts: Path | None, reached: Callable[[float], None]) -> Done:
    policy, replication = job
    if parts is None:
        return Done(job, replicate(configuration, policy, replication, progress=reached))
    rows = _Rows(policy, replication, part_folder(parts, list(configuration.policies).index(policy), replication))
    figures = replicate(configuration, policy, replication, rows, progress=reached)
    return Done(job, figures, rows.close())


class _Rows:
    """Row files of one replication. A disk that is full ends them, not the replication."""

    def __init__(self, policy: str, replication: int, folder: Path) -> None:
        self._policy, self._replication, self._folder = policy, replication, folder
        self._frames: Any = None
        self._why: str | None = None

    def __call__(self, world: Any) -> Callable[..., None]:
        from simroute.results import Frames

        with self._kept():
            shutil.rmtree(self._folder, ignore_errors=True)  # half of it, from a run that was cut short
            self._folder.mkdir(parents=True)
            self._frames = Frames(world, self._policy, self._replication, self._folder)
        return self._add

    def _add(self, table: str, chunk: Any) -> None:
        if self._frames is not None:
            with self._kept():
                self._frames(table, chunk)

    def close(self) -> str | None:
        """Write what is left; why there are no files, if so."""
        from simroute.results import TABLES

        for table in TABLES:
            if self._frames is not None:
                with self._kept():
                    self._frames.write(table)
        return self._why

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._frames, self._why = None, f"{error.filename or self._folder}: {error.strerror or error}"
            shutil.rmtree(self._folder, ignore_errors=True)


def part_folder(parts: Path, policy: int, replication: int) -> Path:
    """Where one replication's part files lie; in order of name they are in order of policy and replication."""
    return parts / f"{policy:04d}-{replication:06d}"
