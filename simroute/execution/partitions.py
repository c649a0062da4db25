"""A long trace in parts: each begins with fresh policies, is kept as soon as it is played, and adds
to the figures of the whole."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from simroute.config.configuration import Configuration
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Job, Numbered, Progress, Replicated
from simroute.experiment.run import build_context, build_world
from simroute.metrics import Evidence, Figures
from simroute.metrics.partials import merge_partials
from simroute.models.playback import Partition

FOLDER = ".windows"
Merge = tuple[dict[str, np.ndarray], Evidence]


class Partitions:
    """Plays replications part by part (a `Work`). `folder`: where parts are kept until the whole is
    finished; None: nowhere."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / FOLDER

    def work(
        self,
        configuration: Configuration,
        jobs: list[Job],
        workers: int,
        parts: Path | None,
        reached: Progress,
    ) -> Generator[Replicated, None, None]:
        """Results as they are finished. Raises as `executors.work`."""
        assert configuration.study.windows is not None
        among = configuration.study.windows
        made = [
            replace(
                configuration,
                study=replace(configuration.study, windows=None),
                part=Partition(number, among),
            )
            for number in range(among)
        ]
        for job in jobs:
            kept = {
                number: found
                for number in range(among)
                if (found := self._kept(configuration, job, number)) is not None
            }
            left: list[Numbered] = [(number, job) for number in range(among) if number not in kept]
            with (
                ProcessPool(workers) as crew,
                closing(
                    crew.play(made, left, None, _scaled(reached, len(kept), configuration))
                ) as results,
            ):
                for number, done in results:
                    kept[number] = self._keep(configuration, job, number, done.figures)
            yield Replicated(
                job, _whole(configuration, job[0], [kept[number] for number in range(among)])
            )
            self._forget(configuration, job)

    def _file(self, configuration: Configuration, job: Job, number: int) -> Path | None:
        if self._folder is None:
            return None
        place = list(configuration.policies).index(job[0])
        return self._folder / f"{place}-{job[1]}-{number}-of-{configuration.study.windows}.npz"

    def _kept(self, configuration: Configuration, job: Job, number: int) -> Merge | None:
        """What an earlier run has played of it; a file that is not whole is as good as none."""
        file = self._file(configuration, job, number)
        if file is None or not file.is_file():
            return None
        try:
            with np.load(file, allow_pickle=False) as held:
                state = {
                    name.removeprefix("s_"): held[name]
                    for name in held.files
                    if name.startswith("s_")
                }
                return state, Evidence.unpack(held["evidence"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None

    def _keep(self, configuration: Configuration, job: Job, number: int, figures: Figures) -> Merge:
        assert figures.state is not None
        assert figures.evidence is not None
        file = self._file(configuration, job, number)
        if file is not None:
            buffer = io.BytesIO()
            packed = np.frombuffer(figures.evidence.pack(), np.uint8)
            np.savez_compressed(
                buffer,
                allow_pickle=False,
                evidence=packed,
                **{f"s_{name}": array for name, array in figures.state.items()},
            )
            file.parent.mkdir(exist_ok=True)
            half = file.with_suffix(".half")
            half.write_bytes(buffer.getvalue())
            half.rename(file)
        return figures.state, figures.evidence

    def _forget(self, configuration: Configuration, job: Job) -> None:
        """Called once the whole has been kept elsewhere."""
        for number in range(configuration.study.windows or 0):
            file = self._file(configuration, job, number)
            if file is not None:
                file.unlink(missing_ok=True)

    def done(self) -> None:
        """Nothing is needed any more."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _scaled(
    reached: Progress, before: int, configuration: Configuration
) -> Callable[[Job, float], None]:
    """Simulated seconds of parts that run at the same time, as those of the whole: the sum of what
    each has come to."""
    horizon, among = configuration.scenario.horizon, configuration.study.windows or 1
    latest: dict[int, float] = {}

    def told(job: Job, seconds: float) -> None:
        latest[min(among - 1, int(seconds / horizon * among))] = seconds / horizon * among % 1.0
        reached(job, min(horizon, (before + sum(latest.values())) / among * horizon))

    return told


def _whole(configuration: Configuration, policy: str, kept: list[Merge]) -> Figures:
    known = build_context(configuration, build_world(configuration, policy, 0, []))
    figures = merge_partials(known, [state for state, _ in kept])
    figures.state, figures.evidence = None, Evidence(story=kept[0][1].story)
    for _, evidence in kept:
        figures.evidence.merge(evidence)
    return figures
