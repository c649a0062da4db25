"""An asyncio event loop in virtual time, for tests: it jumps to the next timer when nothing is
ready.

Timers are ordered by time, then replies before deadlines, then as they were set, one at a time;
asyncio's own heap promises none of that. With `together` they are due as asyncio has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything is ready.

    together: seconds within which timers are due at once, as asyncio's own loop has it: whoever
    waits for one of them goes on when all have been handed out, and those of one moment are in the
    order of a heap that knows times alone.
    """

    def __init__(self, start: float = 0.0, together: float = 0.0) -> None:
        super().__init__()
        self._virtual, self._together = start, together
        self._timers: list[tuple[float, tuple[int, ...], asyncio.TimerHandle]] = []
        self._set = count()

    def time(self) -> float:
        return self._virtual

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self._timer(when, 0, callback, args, context)

    def call_late(
        self, when: float, callback: Callable[..., Any], *args: Any
    ) -> asyncio.TimerHandle:
        """A deadline: after all replies of the same instant."""
        return self._timer(when, 1, callback, args, None)

    def _timer(
        self, when: float, priority: int, callback: Callable[..., Any], args: Any, context: Any
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        rank = () if self._together else (priority, next(self._set))
        heappush(self._timers, (when, rank, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are skipped when their time comes."""

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        while not ready and self._timers:
            when, _, handle = heappop(self._timers)
            if not handle.cancelled():
                self._virtual = max(self._virtual, when)
                ready.append(handle)
        while self._together and self._timers:
            if self._timers[0][0] > self._virtual + self._together:
                break
            ready.append(heappop(self._timers)[2])
        if not ready:
            raise RuntimeError("nothing will ever happen: every task waits, and no timer is set")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()


def run(main: Coroutine[Any, Any, T], start: float = 0.0, together: float = 0.0) -> T:
    """Run a coroutine in virtual time. Where it fails, what it has begun is given up as well."""
    loop = VirtualLoop(start, together)
    try:
        return loop.run_until_complete(main)
    except BaseException:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        raise
    finally:
        loop.close()
