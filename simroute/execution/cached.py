"""One cache before all executors: what a store has of a job is read back, what is played is put
there.

Jobs are known by a digest of their weather and layers, in the folder of a run and in
`reports/.cache/`, which outlives it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from simroute import version
from simroute.config.plugins import plugin_versions
from simroute.execution.progress import delay_interrupts
from simroute.experiment.job import Executor, Job, Progress, Replicated, silent, strip_evidence
from simroute.metrics import Figures
from simroute.models.random import fingerprint
from simroute.storage import Journal, JournalError
from simroute.storage.folder import REPORTS, RunDescription
from simroute.storage.replication_journal import JOURNAL, RunKey
from simroute.storage.resume import make_header

PACKAGES = ("numpy", "scipy", "simpy", "genai-prices")
"""Others whose code or data makes figures."""


class RunStore(Protocol):
    """Where figures of replications are kept, each under a name and its replication."""

    def keys(self) -> set[RunKey]:
        """Of what is kept."""

    def read(self, key: RunKey) -> Figures | None:
        """The figures of one, None if they cannot be read."""

    def add(self, key: RunKey, figures: Figures) -> None:
        """Keep one, at once. Never fails."""


class Cached:
    """An executor before another: what one of the stores has is not played, and all stores get it.

    `report(read, total)` hears of a `run` that read results back. Jobs with row files are always
    played.
    """

    def __init__(
        self,
        executor: Executor,
        stores: Sequence[RunStore],
        report: Callable[[int, int], None] = lambda read, total: None,
    ) -> None:
        self._executor, self._stores, self._report = executor, stores, report

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """As `Executor.run`; what is read back comes first."""
        keys = run_keys([job for job in jobs if job.rows is None]) if self._stores else {}
        known = [store.keys() for store in self._stores]
        waiting = []
        for job in jobs:
            figures = self._read(job, keys[job], known) if job in keys else None
            if figures is None:
                waiting.append(job)
            else:
                yield Replicated(job, figures)
        if len(waiting) < len(jobs):
            self._report(len(jobs) - len(waiting), len(jobs))
        for result in self._executor.run(waiting, progress) if waiting else ():
            if result.job in keys:
                with delay_interrupts():
                    for store in self._stores:
                        store.add(keys[result.job], result.figures)
            yield result

    def _read(self, job: Job, key: RunKey, known: list[set[RunKey]]) -> Figures | None:
        for store, names in zip(self._stores, known, strict=True):
            figures = store.read(key) if key in names else None
            if figures is None or (figures.evidence is None and not job.metrics_only):
                continue
            for other, its in zip(self._stores, known, strict=True):
                if key not in its:
                    other.add(key, figures)
            return strip_evidence(figures) if job.metrics_only else figures
        return None


def run_keys(jobs: Iterable[Job]) -> dict[Job, RunKey]:
    """What each job is called in a store: jobs of the same weather and layers have the same
    figures, and the same key."""
    plain: dict[int, dict[str, Any]] = {}
    digests: dict[tuple[int, str], str] = {}
    keys = {}
    for job in jobs:
        place = id(job.configuration)
        if place not in plain:
            plain[place] = job.configuration.plain()
        if (place, job.policy) not in digests:
            digests[place, job.policy] = _digest(plain[place], job.policy)
        keys[job] = digests[place, job.policy], job.replication
    return keys


def _digest(plain: dict[str, Any], policy: str) -> str:
    parts = [plain["seed"], plain["files"], plain["scenario"], plain["policies"][policy]]
    return hashlib.sha256(json.dumps(_as_floats(parts)).encode()).hexdigest()[:32]


def _as_floats(value: Any) -> Any:
    """1 is 1.0, as it is once it has been written and read again."""
    if isinstance(value, dict):
        return {str(key): _as_floats(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_floats(one) for one in value]
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 2**53 else value


class ReplicationCache:
    """A store under `reports/.cache/`, one for each study and `Environment`; a context manager.

    It never fails: a full disk or a broken file costs time, and is told to `warn`.
    """

    def __init__(self, description: RunDescription, warn: Callable[[str], None]) -> None:
        self.path = REPORTS / ".cache" / cache_digest(description, current_environment())
        self.reads = 0
        self._warn = warn
        self._journal = self._open(description)

    def _open(self, description: RunDescription) -> Journal | None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "config.yaml").write_text(description.text, encoding="utf-8")
            header = make_header(description, False)
            if not (self.path / JOURNAL).is_file():
                return Journal.create(self.path, header)
            journal = Journal.open(self.path)
            if journal.header == header:
                return journal
            journal.close()
            return Journal.create(self.path, header)
        except (OSError, JournalError) as error:
            self._warn(f"--cache: {self.path} cannot be used ({error}); everything is played")
            return None

    def keys(self) -> set[RunKey]:
        """Of what is kept."""
        return set() if self._journal is None else self._journal.keys()

    def read(self, key: RunKey) -> Figures | None:
        """The figures of one, None if they cannot be read."""
        try:
            figures = None if self._journal is None else self._journal.figures(*key)
        except (OSError, JournalError):
            return None
        self.reads += figures is not None
        return figures

    def add(self, key: RunKey, figures: Figures) -> None:
        """Keep one, at once."""
        if self._journal is not None:
            try:
                self._journal.add(*key, figures)
            except OSError as error:
                self._warn(f"--cache: nothing is kept from here on ({error.strerror or error})")
                self._journal.close()
                self._journal = None

    def __enter__(self) -> ReplicationCache:
        return self

    def __exit__(self, *error: object) -> None:
        if self._journal is not None:
            self._journal.close()


class Environment(NamedTuple):
    """What figures depend on beside a configuration and its plug-ins."""

    simroute: str
    code: str
    fingerprint: str
    python: str
    packages: tuple[tuple[str, str], ...]


@cache
def current_environment() -> Environment:
    """That of this process."""
    return Environment(
        version.__version__,
        source_digest(Path(version.__file__).parent),
        fingerprint(),
        platform.python_version(),
        tuple((name, _package_version(name)) for name in PACKAGES),
    )


def cache_digest(description: RunDescription, environment: Environment) -> str:
    """Of all that figures may depend on: configuration, seed, data, layers, environment."""
    parts = [description.text, plugin_versions(description.plugins), environment]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def source_digest(root: Path) -> str:
    """Of all source files under a folder, their names included."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
