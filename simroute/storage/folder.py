"""The folder of a run: what it must know of a study, its default name, and the lock that lets only
one run write there."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

try:
    import fcntl
except ImportError:  # no POSIX: the journal's own lock has to do
    fcntl = None  # type: ignore[assignment]

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.storage.replication_journal import JOURNAL

REPORTS = Path("reports")
SLUG_LENGTH = 80
FIRST_WORDS = "command: "
"""How the `config.yaml` of a run begins."""
REMEDY = "give another folder with --out"


@dataclass(frozen=True)
class RunDescription:
    """What a folder, a journal and a resumption must know of a study.

    command, name: of the default folder; `name` is the scenario's. make_text: makes `text`.
    """

    command: str
    name: str
    policies: tuple[str, ...]
    plugins: tuple[Path, ...]
    make_text: Callable[[], str]

    @classmethod
    def of(
        cls, configuration: Configuration, make_text: Callable[[], str] | None = None
    ) -> RunDescription:
        """Of a study of this configuration. `make_text`: where its config.yaml says more."""
        return cls(
            configuration.command,
            configuration.scenario_name,
            tuple(configuration.policies),
            configuration.plugins,
            make_text or configuration.to_yaml,
        )

    @cached_property
    def text(self) -> str:
        """The config.yaml of the study."""
        return self.make_text()


def slug(name: str) -> str:
    """A file name of [a-z0-9._-] that leads nowhere else."""
    return (
        re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip(".-")[:SLUG_LENGTH].rstrip(".-")
        or "scenario"
    )


def default_folder(description: RunDescription) -> Path:
    """The first default folder of a scenario and command; the next are -2, -3 …"""
    return REPORTS / f"{slug(description.name)}-{slug(description.command)}"


def prepare_folder(out: Path) -> Path:
    """A folder for a run, made unless it is there. Raises InputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        _check_ownership(out)
        return out
    except (OSError, ValueError) as error:
        raise InputError(describe_unwritable(out, error)) from None


def make_default_folder(description: RunDescription) -> Path:
    """A new default folder, whoever else makes one at the same time. Raises InputError."""
    try:
        return _make_default(default_folder(description))
    except (OSError, ValueError) as error:
        raise InputError(describe_unwritable(REPORTS, error)) from None


def _check_ownership(out: Path) -> None:
    """The folder is empty, or a run's. Raises InputError."""
    names = sorted(
        path.name
        for path in out.iterdir()
        if not path.name.startswith(".") and path.name != "lost+found"
    )
    if not names or (out / JOURNAL).exists():
        return
    try:
        with (out / "config.yaml").open(encoding="utf-8") as file:
            if file.read(len(FIRST_WORDS)) == FIRST_WORDS:
                return
    except (OSError, UnicodeError):
        pass  # then it is none that a run wrote
    some = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    raise InputError(
        f"{out}: holds {some}, and no run of simroute: its files stay as they are; give a new or "
        f"an empty folder with --out"
    )


def _make_default(first: Path) -> Path:
    REPORTS.mkdir(parents=True, exist_ok=True)
    number, folder = 1, first
    while True:
        if os.path.commonpath(
            [os.path.abspath(REPORTS), os.path.abspath(folder)]
        ) != os.path.abspath(REPORTS):
            raise ValueError(f"{folder} lies outside {REPORTS}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1
            folder = first.with_name(f"{first.name}-{number}")


def describe_unwritable(path: Path, error: Exception) -> str:
    """What to say of a place where nothing can be written."""
    why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return f"{path}: cannot be written ({why}); {REMEDY}"


class FolderLock:
    """A lock on a folder until it is released; the system releases it when the process ends in any
    way. Raises InputError if another process holds it."""

    def __init__(self, path: Path) -> None:
        self._held: int | None = None
        if fcntl is None:
            return
        try:
            self._held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, ValueError) as error:
            taken = isinstance(error, OSError) and error.errno in (errno.EWOULDBLOCK, errno.EAGAIN)
            opened = self._held is not None
            if taken or not opened:
                self.release()
                raise InputError(
                    describe_busy(path) if taken else describe_unwritable(path, error)
                ) from None
            # a file system without locks: the journal's own has to do

    def release(self) -> None:
        """Let others write there."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def describe_busy(path: Path) -> str:
    """What to say of a folder that is in use."""
    return f"{path}: another run is writing there; wait until it has ended, or {REMEDY}"
