"""Commands in a terminal of their own, and what they show there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple, TextIO

import pytest

from commands import ran


class Shown(NamedTuple):
    """`screen`: every byte that went to the terminal (stderr), `out`: stdout, `left`: the lines
    that a reader still sees at the end, `waited`: seconds from the last key to the end."""

    status: int
    screen: str
    out: str
    left: list[str]
    waited: float = 0.0


def simroute(
    *words: str,
    keys: dict[str, bytes] | None = None,
    columns: int = 100,
    env: dict[str, str] | None = None,
    wait: float = 300.0,
) -> Shown:
    """A command with stdin and stderr on a terminal. `keys`: what is typed once a text (a regular
    expression) has been shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**surroundings, "TERM": "xterm", **(env or {})},
    )
    os.close(theirs)
    try:
        screen, typed = _read(process, ours, dict(keys or {}), time.monotonic() + wait)
        out, _ = process.communicate(timeout=wait)
        waited = time.monotonic() - typed
    finally:
        process.kill()
        os.close(ours)
    return Shown(process.returncode, screen, out.decode(), visible(screen), waited)


def here(*words: str, columns: int = 100, env: dict[str, str] | None = None) -> Shown:
    """A command in this process, with stderr on a terminal."""
    with terminal(columns) as (stream, screen), pytest.MonkeyPatch.context() as patched:
        patched.delenv("NO_COLOR", raising=False)
        for name, value in {"TERM": "xterm", "COLUMNS": str(columns), **(env or {})}.items():
            patched.setenv(name, value)
        with redirect_stderr(stream):
            done = ran(*words, errors=False)
    text = b"".join(screen).decode()
    return Shown(done.returncode, text, done.stdout, visible(text))


def printed(work: Callable[[], object], columns: int) -> list[str]:
    """The lines that work in this process prints on a terminal of so many columns, without
    colours."""
    with terminal(columns) as (stream, screen), pytest.MonkeyPatch.context() as patched:
        patched.delenv("COLUMNS", raising=False)
        patched.setenv("TERM", "xterm")
        with redirect_stdout(stream):
            work()
    text = re.sub(r"\x1b\[[0-9;]*m", "", b"".join(screen).decode())
    return [line.rstrip("\r") for line in text.split("\n")]


@contextmanager
def terminal(columns: int) -> Iterator[tuple[TextIO, list[bytes]]]:
    """A stream to a terminal of so many columns, and what has been shown there, complete once it is
    left."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    screen: list[bytes] = []

    def watch() -> None:
        while True:
            try:
                screen.append(os.read(ours, 65536))
            except OSError:  # the other side is closed
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream, screen
    watcher.join()
    os.close(ours)


def _read(
    process: subprocess.Popen[bytes], ours: int, keys: dict[str, bytes], until: float
) -> tuple[str, float]:
    """What was shown, and when the last key was typed."""
    screen, typed = b"", time.monotonic()
    while time.monotonic() < until:
        ready, _, _ = select.select([ours], [], [], 0.1)
        if ready:
            try:
                screen += os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
        elif process.poll() is not None:
            break
        for text in [text for text in keys if re.search(text, screen.decode(errors="replace"))]:
            os.write(ours, keys.pop(text))
            typed = time.monotonic()
    return screen.decode(errors="replace"), typed


def visible(screen: str) -> list[str]:
    """The lines that are left, when carriage returns, line erasures and cursor-ups have done their
    work; colours are left out."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", screen):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]
