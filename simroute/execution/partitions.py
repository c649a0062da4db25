"""A long trace in parts: each begins with fresh policies, is kept as soon as it is played, and adds
to the figures of the whole."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from simroute.config.configuration import Configuration
from simroute.experiment.job import Executor, Job, Progress, Replicated, silent
from simroute.experiment.run import build_context, build_world
from simroute.metrics import Evidence, Figures
from simroute.metrics.partials import merge_partials
from simroute.models.playback import Partition
from simroute.storage.atomic import written

FOLDER = ".windows"
Partial = tuple[dict[str, np.ndarray], Evidence]


class Partitions:
    """An executor before another: a job is played as one job for each part of its trace. `folder`:
    where finished parts are kept until the whole is; None: nowhere."""

    def __init__(self, executor: Executor, folder: Path | None) -> None:
        self._executor = executor
        self._folder = None if folder is None else folder / FOLDER

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """As `Executor.run`, one job after another."""
        for job in jobs:
            files = self._files(job)
            partials = {n: partial for n, file in enumerate(files) if (partial := _read(file))}
            waiting = [
                replace(job, configuration=part)
                for n, part in enumerate(_split(job.configuration, len(files)))
                if n not in partials
            ]
            heard = _whole_progress(job, len(partials), progress)
            with closing(self._executor.run(waiting, heard)) as results:
                for result in results:
                    part = result.job.configuration.part
                    assert part is not None
                    partials[part.number] = _write(files[part.number], result.figures)
            yield Replicated(job, _merge(job, [partials[n] for n in range(len(files))]))
            for file in files:
                if file is not None:
                    file.unlink(missing_ok=True)  # the whole has been kept elsewhere

    def _files(self, job: Job) -> list[Path | None]:
        """Where each part is kept."""
        parts = job.configuration.study.windows
        assert parts is not None
        if self._folder is None:
            return [None] * parts
        policy = list(job.configuration.policies).index(job.policy)
        return [
            self._folder / f"{policy}-{job.replication}-{n}-of-{parts}.npz" for n in range(parts)
        ]

    def discard(self) -> None:
        """Delete what is kept of parts."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _split(configuration: Configuration, parts: int) -> list[Configuration]:
    study = replace(configuration.study, windows=None)
    return [replace(configuration, study=study, part=Partition(n, parts)) for n in range(parts)]


def _read(file: Path | None) -> Partial | None:
    """What an earlier run has played of it; a file that is not whole is as good as none."""
    if file is None or not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as archive:
            state = {
                name.removeprefix("s_"): archive[name]
                for name in archive.files
                if name.startswith("s_")
            }
            return state, Evidence.unpack(archive["evidence"].tobytes())
    except Exception:  # a broken archive has many names
        return None


def _write(file: Path | None, figures: Figures) -> Partial:
    assert figures.state is not None
    assert figures.evidence is not None
    if file is not None:
        arrays = {f"s_{name}": array for name, array in figures.state.items()}
        packed = np.frombuffer(figures.evidence.pack(), np.uint8)
        file.parent.mkdir(exist_ok=True)
        with written(file) as draft, draft.open("wb") as target:
            np.savez_compressed(target, allow_pickle=False, evidence=packed, **arrays)
    return figures.state, figures.evidence


def _whole_progress(job: Job, before: int, progress: Progress) -> Progress:
    """Simulated seconds of parts that run at the same time, as those of the whole: the sum of what
    each has come to. `before`: parts that were played earlier."""
    horizon, parts = job.configuration.scenario.horizon, job.configuration.study.windows or 1
    latest: dict[int, float] = {}

    def hear(_: Job, seconds: float) -> None:
        latest[min(parts - 1, int(seconds / horizon * parts))] = seconds / horizon * parts % 1.0
        progress(job, min(horizon, (before + sum(latest.values())) / parts * horizon))

    return hear


def _merge(job: Job, partials: list[Partial]) -> Figures:
    configuration = job.configuration
    known = build_context(configuration, build_world(configuration, job.policy, 0, []))
    figures = merge_partials(known, [state for state, _ in partials])
    figures.state, figures.evidence = None, Evidence(story=partials[0][1].story)
    for _, evidence in partials:
        figures.evidence.merge(evidence)
    return figures
