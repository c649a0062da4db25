"""Columns of traces that have been read, kept on disk while the program and its workers run."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from simroute.streams import refusal
from simroute.traces.detection import ReadOptions
from simroute.traces.importer import read
from simroute.traces.playback.columns import PlaybackColumns
from simroute.traces.playback.write_columns import write_columns
from simroute.traces.raw_text import TraceError
from simroute.traces.records import find_files

FOLDER = "SIMROUTE_TRACES"
"""Environment variable that tells worker processes where their parent keeps traces."""

_open_columns: dict[str, PlaybackColumns] = {}


def open_columns(path: str, options: ReadOptions | None = None) -> PlaybackColumns:
    """The columns of a trace, read once for this process and those that it starts. Raises
    TraceError."""
    options = options or ReadOptions()
    key = hashlib.sha256(repr((digest(path), options)).encode()).hexdigest()
    if key not in _open_columns:
        folder = _cache_folder() / key
        if not (folder / "trace.json").exists():
            _write_folder(path, options, folder)
        _open_columns[key] = PlaybackColumns(folder)
    return _open_columns[key]


def _write_folder(path: str, options: ReadOptions, folder: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix="half-", dir=_cache_folder()))
    try:
        write_columns(read(trace_files(path), options), partial)
        partial.rename(folder)
    except OSError:
        if not (folder / "trace.json").exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def trace_files(path: str) -> list[Path]:
    """The files of a trace: one, several joined by the system's path separator, a pattern, or those
    of a folder. Raises TraceError."""
    # a name may have a separator in it
    return find_files([path] if Path(path).exists() else path.split(os.pathsep))


@lru_cache(maxsize=64)
def _cached_digest(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: str) -> str:
    """SHA-256 of a file, or of the digests of several; read again only when it has changed. Raises
    TraceError."""
    digests = []
    for file in trace_files(path):
        try:
            if (reason := refusal(file)) is not None:
                raise TraceError(f"{file}: {reason}")
            state = file.stat()
            digests.append(_cached_digest(str(file), state.st_size, state.st_mtime_ns))
        except OSError as error:
            raise TraceError(f"{file}: cannot be read ({error.strerror or error})") from None
    return digests[0] if len(digests) == 1 else hashlib.sha256(repr(digests).encode()).hexdigest()


def _cache_folder() -> Path:
    if FOLDER not in os.environ or not Path(os.environ[FOLDER]).is_dir():
        folder = tempfile.mkdtemp(prefix="simroute-traces-")
        os.environ[FOLDER] = folder
        atexit.register(_remove_folder, folder, os.getpid())
    return Path(os.environ[FOLDER])


def _remove_folder(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
