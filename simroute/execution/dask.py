"""Replications on the workers of a Dask cluster that is there already: the same bits as here,
whichever of them is lost.

A task carries what it needs: the configuration, the contents of the files that it names, and of the
user's own layers. Figures come back in the form in which a journal keeps them. Whoever may talk to
a Dask scheduler may run anything on its workers: it belongs into a network that is trusted.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import re
import tempfile
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simroute import version
from simroute.config import yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.inputs import FILES
from simroute.config.loading import restore
from simroute.config.plugins import load_plugins, plugin_versions
from simroute.core import registry
from simroute.errors import InputError
from simroute.execution.pool import try_to_play
from simroute.experiment.job import Job, Progress, Replicated, WorkerLostError, silent
from simroute.experiment.run import ReplicationError
from simroute.metrics import Evidence
from simroute.models.random import fingerprint
from simroute.storage.replication_journal import decode_figures, encode_figures

if TYPE_CHECKING:
    from distributed import Client

BATCH = 25_000
"""Requests of a task, about: half a second of work, beside which the few milliseconds that Dask
needs for a task do not count."""
PATIENCE = 10.0
"""Seconds for a scheduler to answer."""
Traits = tuple[tuple[str, str], ...]
Words = tuple[str, int, bool]
"""Policy, replication, and whether only metrics are wanted."""
Packed = tuple[str, bytes | None]
"""Figures as a journal keeps them, and their evidence."""


@dataclass(frozen=True)
class Payload:
    """What a worker must have. `files`: kind, name and contents of each; `traits`: what the worker
    must be like, None if that does not matter."""

    configuration: str
    files: tuple[tuple[str, str, bytes], ...]
    plugins: tuple[tuple[str, bytes], ...]
    traits: Traits | None


@dataclass(frozen=True)
class DaskExecutor:
    """The cluster whose scheduler is at `address` (host:port)."""

    address: str
    any_worker: bool = False

    @classmethod
    def from_address(cls, text: str, any_worker: bool = False) -> DaskExecutor:
        """From `dask://host:port`. Raises InputError."""
        match = re.fullmatch(r"dask://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", text)
        if match is None or not 0 < int(match[2]) < 65_536:
            raise InputError(
                f"--executor {text}: expected local or dask://HOST:PORT, such as "
                f"dask://127.0.0.1:8786"
            )
        return cls(f"{match[1]}:{match[2]}", any_worker)

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """As `Executor.run`, without progress. Raises InputError if the cluster cannot be used."""
        if any(job.rows is not None for job in jobs):
            raise InputError(
                f"dask://{self.address}: row files are written where replications run; leave out "
                f"--rows, or use --executor local"
            )
        with self._connect() as client:
            self._check_workers(client)
            executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
            needed = None if self.any_worker else traits()
            submitted = {}
            for own in _by_configuration(jobs):
                shared = _send_payload(client, make_payload(own[0].configuration, needed))
                for batch in batches(own):
                    words = [(job.policy, job.replication, job.metrics_only) for job in batch]
                    submitted[executor.submit(play_batch, shared, words)] = batch
            for future in as_completed(submitted):
                yield from _unpack(submitted[future], self._result(future))

    def _result(self, future: Any) -> list[Packed | ReplicationError]:
        from distributed import KilledWorker

        try:
            return future.result()  # type: ignore[no-any-return]
        except CancelledError:
            raise WorkerLostError(f"the scheduler at dask://{self.address} was lost") from None
        except KilledWorker as error:
            raise WorkerLostError(
                f"dask://{self.address}: a batch of replications has cost several workers their "
                f"lives ({error.task})"
            ) from None

    @contextmanager
    def _connect(self) -> Iterator[Client]:
        try:
            from distributed import Client
        except ImportError:
            raise InputError(
                f"--executor dask://{self.address}: needs Dask; pip install 'simroute[dist]', or "
                f"use --executor local"
            ) from None
        _silence_loggers()
        try:
            where = f"tcp://{self.address}"
            connect: Any = Client
            client = connect(where, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise InputError(
                f"--executor dask://{self.address}: no Dask scheduler answers there "
                f"({why[0][:120]})"
            ) from None
        try:
            yield client
        finally:
            client.close(timeout=PATIENCE)  # type: ignore[no-untyped-call]

    def _check_workers(self, client: Client) -> None:
        """Raises InputError if a worker is not like this process."""
        answers = client.run(traits, on_error="return")
        if not answers:
            raise InputError(
                f"--executor dask://{self.address}: no worker has joined it; start one with: "
                f"dask worker tcp://{self.address}"
            )
        for worker, its in sorted(answers.items()):
            if isinstance(its, BaseException):
                raise InputError(
                    f"worker {worker}: has no simroute like this one ({type(its).__name__}: "
                    f"{its}); install {version.__version__} there"
                )
            if not self.any_worker and its != traits():
                raise InputError(describe_difference(worker, its, traits()))


def describe_difference(worker: str, its: Traits, ours: Traits) -> str:
    """In what a worker is not as it must be."""
    here, there = dict(ours), dict(its)
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    differences = ", ".join(
        f"{name} {there.get(name, 'none')} (here {here.get(name, 'none')})" for name in names
    )
    return (
        f"worker {worker}: has {differences}, so its results may differ in their last bits; "
        f"give it the same, or allow that with --any-worker"
    )


def traits() -> Traits:
    """What must be equal for equal bits: here, or where Dask runs this."""
    python = ".".join(platform.python_version_tuple()[:2])
    return (
        ("simroute", version.__version__),
        ("Python", python),
        ("numeric fingerprint", fingerprint()),
        *plugin_versions(()),
    )


def _by_configuration(jobs: Sequence[Job]) -> list[list[Job]]:
    own: dict[int, list[Job]] = {}
    for job in jobs:
        own.setdefault(id(job.configuration), []).append(job)
    return list(own.values())


def batches(jobs: list[Job]) -> list[list[Job]]:
    """The jobs of a configuration in their order, so many at once that a task is worth its
    journey."""
    size = max(1, round(BATCH / max(jobs[0].configuration.expected_requests, 1)))
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def make_payload(configuration: Configuration, needed: Traits | None) -> Payload:
    """A configuration without paths, and what they led to."""
    plain = configuration.plain()
    load, files = plain["scenario"]["workload"], []
    for kind in FILES:
        if load.get(kind) is not None:
            path = Path(load[kind])
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != configuration.files[load[kind]]:
                raise InputError(f"{path}: has changed since it was read; give the command again")
            files.append((kind, path.name, content))
            load[kind] = path.name
    plain["files"] = {}
    plugins = tuple((file.name, file.read_bytes()) for file in configuration.plugins)
    return Payload(yaml_reader.dump(plain), tuple(files), plugins, needed)


def _send_payload(client: Client, parcel: Payload) -> Any:
    """A future of it: it travels once, and again to whoever needs it when its worker is lost."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        return client.submit(store_payload, parcel, pure=False)


def _unpack(jobs: list[Job], results: list[Packed | ReplicationError]) -> Iterator[Replicated]:
    """Results of a batch; it ends with the first that failed."""
    for job, result in zip(jobs, results, strict=False):
        if isinstance(result, Exception):
            raise result
        text, packed = result
        evidence = None if packed is None else Evidence.unpack(packed)
        yield Replicated(job, replace(decode_figures(text), evidence=evidence))


def _silence_loggers() -> None:
    """What goes wrong is told in one line by us."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


# -- on a worker -----------------------------------------------------------------------------------


_ALONE = threading.Lock()
"""A worker may have several threads; a process plays one replication at a time."""


def store_payload(parcel: Payload) -> Payload:
    """What Dask keeps on a worker."""
    return parcel


def play_batch(parcel: Payload, jobs: list[Words]) -> list[Packed | ReplicationError]:
    """A batch, up to the first that fails. Raises InputError if this worker must not."""
    with _ALONE:
        if parcel.traits is not None and parcel.traits != traits():
            raise InputError(describe_difference(platform.node(), traits(), parcel.traits))
        configuration = _open_payload(parcel)[0]
        results: list[Packed | ReplicationError] = []
        for policy, replication, metrics_only in jobs:
            job = Job(configuration, policy, replication, metrics_only=metrics_only)
            answer = try_to_play(job, lambda seconds: None)
            if isinstance(answer, ReplicationError):
                return [*results, answer]
            figures, _ = answer
            evidence = figures.evidence
            packed = None if evidence is None else evidence.pack()
            results.append((encode_figures(figures), packed))
        return results


@lru_cache(maxsize=2)
def _open_payload(parcel: Payload) -> tuple[Configuration, Any]:
    """The configuration, and the folder that lasts as long as it does."""
    folder = tempfile.TemporaryDirectory(prefix="simroute-")
    data = yaml_reader.parse(parcel.configuration.encode(), "config.yaml").data
    for kind, name, content in parcel.files:
        data["scenario"]["workload"][kind] = str(
            _write_file(Path(folder.name) / kind, name, content)
        )
    for kind in [
        kind for kind, layer in registry.items() if layer.__module__.startswith("simroute_plugin_")
    ]:
        del registry[kind]  # another study's
    load_plugins(
        [
            _write_file(Path(folder.name) / f"plugin-{number}", name, content)
            for number, (name, content) in enumerate(parcel.plugins)
        ]
    )
    return restore(
        _write_file(Path(folder.name), "config.yaml", yaml_reader.dump(data).encode())
    ), folder


def _write_file(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name
