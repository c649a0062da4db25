"""Replications of earlier runs, read back instead of played again while nothing has changed that
their figures may depend on.

A folder under `reports/.cache/` for each digest of all of that holds a run's config.yaml and a
journal of its replications.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from simroute.config.configuration import Configuration
from simroute.execution.pool import work
from simroute.experiment.job import Job, Progress, Replicated, Work
from simroute.storage import Journal, JournalError
from simroute.storage.folder import REPORTS
from simroute.storage.journal import JOURNAL
from simroute.storage.resume import make_header

PACKAGES = ("numpy", "scipy", "simpy", "genai-prices")
"""Others whose code or data makes figures."""


@dataclass(frozen=True)
class Shelf:
    """Wraps what plays replications. `told`: hears in one line what was read back, or why nothing
    can be kept."""

    perform: Work
    told: Callable[[str], None]

    def work(
        self,
        configuration: Configuration,
        jobs: list[Job],
        workers: int,
        parts: Path | None,
        reached: Progress,
    ) -> Generator[Replicated, None, None]:
        """As `executors.work`. Row files are not kept, so with them everything is played."""
        place = REPORTS / ".cache" / digest(configuration)
        journal = None if parts is not None else self.opened(place, configuration)
        try:
            known = set() if journal is None else journal.keys()
            kept = [job for job in jobs if job in known]
            found: list[Job] = []
            for job in kept:
                if journal is not None and (done := taken(journal, job)) is not None:
                    found.append(job)
                    yield done
            if found:
                self.told(
                    f"{len(found)} of {len(jobs)} runs are read back from {place}/: nothing that "
                    f"they depend on has changed"
                )
            left = [job for job in jobs if job not in set(found)]
            for done in self.perform(configuration, left, workers, parts, reached) if left else ():
                journal = self.added(journal, done)
                yield done
        finally:
            if journal is not None:
                journal.close()

    def opened(self, place: Path, configuration: Configuration) -> Journal | None:
        """The journal of that place, None if it cannot be used."""
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / "config.yaml").write_text(configuration.to_yaml(), encoding="utf-8")
            mine = make_header(configuration, False)
            journal = (
                Journal.open(place) if (place / JOURNAL).is_file() else Journal.create(place, mine)
            )
            if journal.header == mine:
                return journal
            journal.close()
            return Journal.create(place, mine)
        except (OSError, JournalError) as error:
            self.told(f"--cache: {place} cannot be used ({error}); everything is played")
            return None

    def added(self, journal: Journal | None, done: Replicated) -> Journal | None:
        """The journal with one more, None from when it cannot be added to."""
        if journal is not None:
            try:
                journal.add(*done.job, done.figures)
            except OSError as error:
                self.told(f"--cache: nothing is kept from here on ({error.strerror or error})")
                journal.close()
                return None
        return journal


class Cache:
    """A store of runs by whatever name a study gives them: those of all studies of `made`, while
    nothing has changed that figures depend on."""

    def __init__(self, made: Configuration, told: Callable[[str], None]) -> None:
        self.place = REPORTS / ".cache" / digest(made)
        self._shelf = Shelf(work, told)
        self._journal: Journal | None = self._shelf.opened(self.place, made)

    def keys(self) -> set[Job]:
        """Of what is kept."""
        return set() if self._journal is None else self._journal.keys()

    def read(self, job: Job) -> Replicated | None:
        """What is kept of one."""
        return None if self._journal is None else taken(self._journal, job)

    def add(self, done: Replicated) -> None:
        """Keep one, at once."""
        self._journal = self._shelf.added(self._journal, done)

    def close(self) -> None:
        """Let go of the file."""
        if self._journal is not None:
            self._journal.close()


def taken(journal: Journal, job: Job) -> Replicated | None:
    """What is kept of a job, None if it cannot be read."""
    try:
        return Replicated(job, journal.figures(*job))
    except (OSError, JournalError):
        return None


def digest(configuration: Configuration) -> str:
    """Of all that figures may depend on: configuration, seed, data, layers, versions, code,
    arithmetic."""
    known = {
        **asdict(make_header(configuration, False)),
        "code": code(),
        "python": platform.python_version(),
        "packages": _versions(),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


@cache
def code(root: Path = Path(__file__).parent.parent) -> str:
    """Of the package's source files."""
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(
            f"{path.relative_to(root).as_posix()}\0".encode()
            + hashlib.sha256(path.read_bytes()).digest()
        )
    return found.hexdigest()


def _versions() -> dict[str, str]:
    made = {}
    for name in PACKAGES:
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            made[name] = "unknown"
    return made
