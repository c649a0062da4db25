"""Disks that are full: a small file system of its own where one may be made, a limit on the size of
files where not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """An empty file system of that size at `place`; the test is skipped where none may be
    mounted."""
    place.mkdir(exist_ok=True)
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no mount command on this system")
    if made.returncode:
        pytest.skip(f"no file system may be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


LIMITED = "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))\n"
"""Begins a program none of whose files may grow beyond that."""
