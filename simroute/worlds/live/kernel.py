"""Waiting and racing on asyncio, by the same rules as in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from simroute.core import Outcome, Rest


class LiveGate:
    """A promise on asyncio."""

    def __init__(self) -> None:
        self._open = False
        self._value: Any = None
        self._waiters: list[asyncio.Future[Any]] = []

    def open(self, value: Any = None) -> None:
        if not self._open:
            self._open, self._value = True, value
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(value)

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._open:
            return self._value
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return (yield from waiter)


def now() -> float:
    return asyncio.get_running_loop().time()


async def sleep(seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError(f"cannot sleep for {seconds} s")
    await asyncio.sleep(seconds)


async def within(
    seconds: float,
    work: Awaitable[Outcome],
    limit: str = "",
    heard: Callable[[], float] | None = None,
) -> Outcome:
    """Returns the outcome of `work`, or status 408 with this `limit` after `seconds`; with `heard`,
    so many seconds after the last moment that it tells (infinite: the clock stands).

    Cancels its own task at the deadline and catches that cancellation, as asyncio.timeout does. A
    loop may offer `call_late`, a timer that fires after the replies of the same instant.
    """
    if not seconds >= 0:
        raise ValueError(f"cannot wait for {seconds} s")
    if seconds == math.inf:
        return await work
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    before, expired = task.cancelling(), False

    def due() -> float:
        last = math.inf if heard is None else heard()
        return (last if last < math.inf else loop.time()) + seconds

    def expire() -> None:
        nonlocal expired
        if heard is not None and due() > loop.time():
            timers[:] = [at(due(), expire)]
            return
        expired = True
        task.cancel()

    at = getattr(loop, "call_late", loop.call_at)
    timers = [at(due(), expire)]
    try:
        return await work
    except asyncio.CancelledError:
        if expired and task.uncancel() <= before:
            return Outcome(408, error="timeout", limit=limit)
        raise
    finally:
        timers[0].cancel()


async def flowing(silence: float, rest: Rest, limit: str = "") -> Outcome:
    heard = getattr(rest.source, "heard", None)  # other transports than ours may not tell
    return await (rest if heard is None else within(silence, rest, limit, heard))


async def first(
    *works: Awaitable[Outcome], until: Callable[[Outcome], bool] | None = None
) -> Outcome:
    if not works:
        raise ValueError("first() needs at least one work")
    satisfied = until if until is not None else (lambda outcome: outcome.ok)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Outcome] = loop.create_future()
    left = len(works)

    def done(task: asyncio.Task[Outcome]) -> None:
        nonlocal left
        left -= 1
        if answer.done() or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            answer.set_exception(error)
        elif left == 0 or satisfied(task.result()):
            answer.set_result(task.result())

    tasks = [loop.create_task(_outcome_of(work)) for work in works]
    for task in tasks:
        task.add_done_callback(done)
    try:
        return await answer
    finally:
        for task in tasks:
            task.cancel()


async def _outcome_of(work: Awaitable[Outcome]) -> Outcome:
    return await work
