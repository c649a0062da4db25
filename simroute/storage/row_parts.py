"""Row files of one replication, until those of all replications are joined."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simroute.storage.rows import TABLES, Frames


class PartFiles:
    """Row files of one replication. A disk that is full ends them, not the replication."""

    def __init__(self, policy: str, replication: int, folder: Path) -> None:
        self._policy, self._replication, self._folder = policy, replication, folder
        self._frames: Any = None
        self._problem: str | None = None

    def __call__(self, world: Any) -> Callable[..., None]:
        with self._stop_when_full():
            # half of it, from a run that was cut short
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            self._frames = Frames(world, self._policy, self._replication, self._folder)
        return self._add

    def _add(self, table: str, chunk: Any) -> None:
        if self._frames is not None:
            with self._stop_when_full():
                self._frames(table, chunk)

    def close(self) -> str | None:
        """Write the remaining rows; why there are no files, None if there are."""
        for table in TABLES:
            if self._frames is not None:
                with self._stop_when_full():
                    self._frames.write(table)
        return self._problem

    @contextmanager
    def _stop_when_full(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._frames, self._problem = (
                None,
                f"{error.filename or self._folder}: {error.strerror or error}",
            )
            shutil.rmtree(self._folder, ignore_errors=True)


def part_folder(parts: Path, policy: int, replication: int) -> Path:
    """Where one replication's part files lie; in order of name they are in order of policy and
    replication."""
    return parts / f"{policy:04d}-{replication:06d}"
