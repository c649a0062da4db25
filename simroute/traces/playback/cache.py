"""Traces that have been read, kept on disk while the program and its workers run."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import lru_cache
from glob import glob, has_magic
from pathlib import Path

from simroute.streams import refusal
from simroute.traces.detection import ReadOptions
from simroute.traces.importer import read
from simroute.traces.playback.columns import PlaybackColumns
from simroute.traces.playback.write_columns import write_columns
from simroute.traces.raw_text import TraceError

FOLDER = "SIMROUTE_TRACES"
"""Environment variable that tells worker processes where the traces of their parent are."""


_OPEN: dict[str, PlaybackColumns] = {}


def open_columns(path: str, wish: ReadOptions | None = None) -> PlaybackColumns:
    """A trace's columns: read once, for this process and those that it starts. Raises
    TraceError."""
    wish = wish or ReadOptions()
    how = hashlib.sha256(repr((digest(path), wish)).encode()).hexdigest()
    if how not in _OPEN:
        folder = _folder() / how
        if not (folder / "trace.json").exists():
            _written(path, wish, folder)
        _OPEN[how] = PlaybackColumns(folder)
    return _OPEN[how]


def _written(path: str, wish: ReadOptions, folder: Path) -> None:
    half = Path(tempfile.mkdtemp(prefix="half-", dir=_folder()))
    try:
        write_columns(read(trace_files(path), wish), half)
        half.rename(folder)
    except OSError:
        if not (folder / "trace.json").exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)


def trace_files(path: str) -> list[Path]:
    """The files of a trace: one, several with the system's separator of paths between them, or a
    pattern. Raises TraceError."""
    if Path(path).exists():  # whose name may have a separator in it
        return [Path(path)]
    found: list[Path] = []
    for part in path.split(os.pathsep):
        found += (
            sorted(Path(name) for name in glob(part))
            if has_magic(part) and not Path(part).exists()
            else [Path(part)]
        )
    if not found:
        raise TraceError(f"{path}: no file is called so")
    return found


@lru_cache(maxsize=64)
def _stamped(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: str) -> str:
    """SHA-256 of a file (of several: of theirs), read again only when it has changed. Raises
    TraceError."""
    found = []
    for file in trace_files(path):
        try:
            if (why := refusal(file)) is not None:
                raise TraceError(f"{file}: {why}")
            state = file.stat()
            found.append(_stamped(str(file), state.st_size, state.st_mtime_ns))
        except OSError as error:
            raise TraceError(f"{file}: cannot be read ({error.strerror or error})") from None
    return found[0] if len(found) == 1 else hashlib.sha256(repr(found).encode()).hexdigest()


def _folder() -> Path:
    if FOLDER not in os.environ or not Path(os.environ[FOLDER]).is_dir():
        folder = tempfile.mkdtemp(prefix="simroute-traces-")
        os.environ[FOLDER] = folder
        atexit.register(_tidied, folder, os.getpid())
    return Path(os.environ[FOLDER])


def _tidied(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
