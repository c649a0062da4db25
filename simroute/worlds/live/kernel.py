"""Waiting and racing on asyncio, by the same rules as in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from simroute.core import Call, Outcome, Rest


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


def limit_connection(call: Call, seconds: float) -> None:
    call.request.connect_s = seconds  # type: ignore[attr-defined]


def now() -> float:
    return asyncio.get_running_loop().time()


async def sleep(seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError(f"cannot sleep for {seconds} s")
    await asyncio.sleep(seconds)


class Held:
    """A task that waits, or has waited, for a caller who does not read: no limit of time counts
    that. seconds: until `since`, from when on it waits now; None while it does not. due: what looks
    at the time again when it goes on."""

    __slots__ = ("due", "seconds", "since")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.since: float | None = None
        self.due: list[Callable[[], None]] = []


HELD: dict[asyncio.Task[Any], Held] = {}


async def held(waiting: Awaitable[None]) -> None:
    """Waits for a caller. The limits of time around it stand still meanwhile."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    if task not in HELD:
        HELD[task] = Held()
        task.add_done_callback(HELD.__delitem__)
    mine = HELD[task]
    mine.since = loop.time()
    try:
        await waiting
    finally:
        mine.seconds, mine.since = mine.seconds + loop.time() - mine.since, None
        due, mine.due = mine.due, []
        for look in due:
            look()


class Reached(str):
    """The limit of time for which a task is cancelled."""


def reached_limit(cut: BaseException) -> str | None:
    """The limit of time that made this cancellation; None for another reason."""
    return next((said for said in cut.args if isinstance(said, Reached)), None)


async def within(
    seconds: float,
    work: Awaitable[Outcome],
    limit: str = "",
    heard: Callable[[], float] | None = None,
) -> Outcome:
    """Returns the outcome of `work`, or status 408 with this `limit` after `seconds`; with `heard`,
    so many seconds after the last moment that it tells (infinite: the clock stands). Those while
    its task is `held` do not count.

    Cancels its own task at the deadline and catches that cancellation, as asyncio.timeout does. A
    loop may offer `call_late`, a timer that fires after the replies of the same instant.
    """
    if not seconds >= 0:
        raise ValueError(f"cannot wait for {seconds} s")
    if seconds == math.inf:
        return await work
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    before, expired, over = task.cancelling(), False, False
    end, counted = loop.time() + seconds, HELD[task].seconds if task in HELD else 0.0
    timer: asyncio.TimerHandle

    def due() -> float:
        if heard is not None:
            last = heard()
            return (last if last < math.inf else loop.time()) + seconds
        return end + HELD[task].seconds - counted if task in HELD else end

    def expire() -> None:
        nonlocal expired, timer
        mine = HELD.get(task)
        if over:
            return
        if mine is not None and mine.since is not None:
            mine.due.append(expire)
        elif (heard is not None or mine is not None) and due() > loop.time():
            timer = late(due(), expire)
        else:
            expired = True
            task.cancel(Reached(limit))

    late = getattr(loop, "call_late", loop.call_at)
    timer = late(due(), expire)
    try:
        return await work
    except asyncio.CancelledError:
        if expired and task.uncancel() <= before:
            return Outcome(408, error="timeout", limit=limit)
        raise
    finally:
        over = True
        timer.cancel()


async def flowing(silence: float, rest: Rest, limit: str = "") -> Outcome:
    heard = getattr(rest.source, "heard", None)  # other transports than ours may not tell
    return await (rest if heard is None else within(silence, rest, limit, heard))


LOSING_S = 0.1
"""Seconds for which works that have lost may take to end; nearly all do so at once."""


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
        outcome = await answer
    finally:
        for task in tasks:
            task.cancel()
    losers = [task for task in tasks if not task.done()]
    if losers:  # what they did is told and billed before the winner's caller goes on
        await asyncio.wait(losers, timeout=LOSING_S)
    return outcome


async def _outcome_of(work: Awaitable[Outcome]) -> Outcome:
    return await work
