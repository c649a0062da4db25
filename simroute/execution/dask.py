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
from collections.abc import Generator, Iterator
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
from simroute.execution.pool import answer
from simroute.experiment.job import Job, Progress, Replicated, WorkerLostError
from simroute.experiment.run import ReplicationError
from simroute.metrics import Evidence
from simroute.models.random import fingerprint
from simroute.storage.journal import decode_figures, encode_figures

if TYPE_CHECKING:
    from distributed import Client

BATCH = 25_000
"""Requests of a task, about: half a second of work, beside which the few milliseconds that Dask
needs for a task do not count."""
PATIENCE = 10.0
"""Seconds for a scheduler to answer."""
Traits = tuple[tuple[str, str], ...]
Packed = tuple[str, int, str, bytes | None]


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
        found = re.fullmatch(r"dask://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", text)
        if found is None or not 0 < int(found[2]) < 65_536:
            raise InputError(
                f"--executor {text}: expected local or dask://HOST:PORT, such as "
                f"dask://127.0.0.1:8786"
            )
        return cls(f"{found[1]}:{found[2]}", any_worker)

    def work(
        self,
        configuration: Configuration,
        jobs: list[Job],
        workers: int,
        parts: Path | None,
        reached: Progress,
    ) -> Generator[Replicated, None, None]:
        """As `executors.work`; how many workers there are is the cluster's affair. Raises
        InputError if it cannot be used."""
        if parts is not None:
            raise InputError(
                f"dask://{self.address}: row files are written where replications run; leave out "
                f"--rows, or use --executor local"
            )
        with self._connect() as client:
            self._check_workers(client)
            shared = _send_payload(
                client, make_payload(configuration, None if self.any_worker else traits())
            )
            executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
            for future in as_completed(
                {
                    executor.submit(play_batch, shared, batch)
                    for batch in batches(configuration, jobs)
                }
            ):
                yield from _unpack(self._result(future))

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
        found = client.run(traits, on_error="return")
        if not found:
            raise InputError(
                f"--executor dask://{self.address}: no worker has joined it; start one with: "
                f"dask worker tcp://{self.address}"
            )
        for worker, its in sorted(found.items()):
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
    said = ", ".join(
        f"{name} {there.get(name, 'none')} (here {here.get(name, 'none')})" for name in names
    )
    return (
        f"worker {worker}: has {said}, so its results may differ in their last bits; give it "
        f"the same, or allow that with --any-worker"
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


def batches(configuration: Configuration, jobs: list[Job]) -> list[list[Job]]:
    """Jobs in their order, so many at once that a task is worth its journey."""
    size = max(1, round(BATCH / max(configuration.expected_requests, 1)))
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


def _unpack(results: list[Packed | ReplicationError]) -> Iterator[Replicated]:
    for result in results:
        if isinstance(result, Exception):
            raise result
        policy, replication, text, evidence = result
        yield Replicated(
            (policy, replication),
            replace(
                decode_figures(text),
                evidence=None if evidence is None else Evidence.unpack(evidence),
            ),
        )


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


def play_batch(parcel: Payload, jobs: list[Job]) -> list[Packed | ReplicationError]:
    """A batch, up to the first that fails. Raises InputError if this worker must not."""
    with _ALONE:
        if parcel.traits is not None and parcel.traits != traits():
            raise InputError(describe_difference(platform.node(), traits(), parcel.traits))
        configuration = _open_payload(parcel)[0]
        results: list[Packed | ReplicationError] = []
        for job in jobs:
            done = answer(configuration, (job[0], job[1]), None, lambda seconds: None)
            if not isinstance(done, Replicated):
                return [*results, done]
            evidence = done.figures.evidence
            results.append(
                (
                    *done.job,
                    encode_figures(done.figures),
                    None if evidence is None else evidence.pack(),
                )
            )
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
