"""Whether a path can be read to its end: devices, endless streams and pipes without a writer
cannot."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

WAIT_S = 5.0
"""Seconds for which a pipe may be silent."""


def refusal(path: Path, pipes: bool = False) -> str | None:
    """Why this is no file of data, in words; None if it is one, or a pipe where these will do.
    Raises OSError."""
    mode = path.stat().st_mode
    # a folder is told by those who open it
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (pipes and stat.S_ISFIFO(mode)):
        return None
    if stat.S_ISFIFO(mode):
        return "is a pipe, which can be read only once; write it to a file first"
    return "is no regular file (a device or a socket)"


def content(path: Path, most: int) -> bytes:
    """All of a small file, or of a pipe that somebody writes to; at most so many bytes and one
    more. Raises OSError."""
    why = refusal(path, pipes=True)
    if why is not None:
        raise OSError(0, why)
    if not stat.S_ISFIFO(path.stat().st_mode):
        with path.open("rb") as file:
            return file.read(most + 1)
    held, until = b"", time.monotonic() + WAIT_S
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while len(held) <= most and time.monotonic() < until:
            if not select.select([pipe], [], [], WAIT_S)[0]:
                break
            part = os.read(pipe, 1 << 16)
            if part:
                held, until = held + part, time.monotonic() + WAIT_S
            elif held:
                return held
            else:
                time.sleep(0.01)  # nobody writes yet
    finally:
        os.close(pipe)
    if len(held) <= most:
        raise OSError(
            0,
            f"is a pipe to which nobody wrote {'all of it ' if held else ''}within {WAIT_S:.0f} s",
        )
    return held
