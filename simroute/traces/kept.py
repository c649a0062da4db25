"""Traces that have been read, kept on disk while the program and its workers run."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from simroute.traces.reading import Wish, read
from simroute.traces.recording import Recording, record

FOLDER = "SIMROUTE_TRACES"
"""Environment variable that tells worker processes where the traces of their parent are."""


@lru_cache(maxsize=16)
def recording(path: str) -> Recording:
    """A trace's columns: read once, for this process and those that it starts. Raises TraceError."""
    folder = _folder() / digest(path)
    if not (folder / "trace.json").exists():
        half = Path(tempfile.mkdtemp(prefix="half-", dir=_folder()))
        try:
            record(read([Path(path)], Wish()), half)
            half.rename(folder)
        except OSError:  # another process was faster
            if not (folder / "trace.json").exists():
                raise
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return Recording(folder)


@lru_cache(maxsize=64)
def _stamped(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: str) -> str:
    """SHA-256 of a file, read again only when it has changed. Raises TraceError."""
    from simroute.traces.files import TraceError

    try:
        state = os.stat(path)
        return _stamped(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror or error})") from None


def _folder() -> Path:
    if FOLDER not in os.environ or not Path(os.environ[FOLDER]).is_dir():
        folder = tempfile.mkdtemp(prefix="simroute-traces-")
        os.environ[FOLDER] = folder
        atexit.register(_tidied, folder, os.getpid())
    return Path(os.environ[FOLDER])


def _tidied(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
