"""Event loops with real sockets on which time passes faster, or not at all while anything goes
on."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
GRACE_S = 0.001
"""How long a socket may be silent before nothing is taken to be on its way. Between sockets of one
process bytes are there as soon as they are sent."""


class _Selector(selectors.DefaultSelector):
    """Waits a fraction of the time that it is asked to."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> list[Any]:
        return super().select(None if timeout is None else timeout / self.speed)


class FastLoop(asyncio.SelectorEventLoop):
    """`speed` of its seconds pass in a second; sockets are real."""

    def __init__(self, speed: float) -> None:
        selector = _Selector()
        selector.speed = self._speed = speed
        super().__init__(selector)

    def time(self) -> float:
        return super().time() * self._speed


class _StillSelector(selectors.DefaultSelector):
    """Looks what has come; where nothing has, it skips the time that it is asked to wait."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(GRACE_S)
        if not events:
            self.skipped += timeout
        return events


class StillLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything goes on, and jumps to the next timer when nothing does: work
    takes none, however busy the machine. For clients and servers that all live in this loop; what
    comes from elsewhere would find that time has passed."""

    def __init__(self) -> None:
        self._still = _StillSelector()
        super().__init__(self._still)

    def time(self) -> float:
        return self._still.skipped


def run_fast(work: Coroutine[Any, Any, T], speed: float) -> T:
    """Runs a coroutine on a loop that is `speed` times as fast."""
    with asyncio.Runner(loop_factory=lambda: FastLoop(speed)) as runner:
        return runner.run(work)


def run_still(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop on which work takes no time."""
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(work)
