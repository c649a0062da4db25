"""Coroutines on SimPy's clock: a task is resumed straight from an event of the timetable, without a
SimPy process of its own.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from types import coroutine
from typing import Any

from simpy import Environment

from simroute.core import Cancelled, Outcome, Rest
from simroute.worlds.sim.events import RESTING, Callbacks, Scheduled, Service, Wake
from simroute.worlds.sim.timetable import LATE, Timetable


class Deadline:
    """One open `within`: the task behind it, what its limit is called, whether it still counts,
    whether its scope caught the cancellation."""

    __slots__ = ("caught", "limit", "live", "task")

    def __init__(self, task: Task, limit: str) -> None:
        self.task = task
        self.limit = limit
        self.live = True
        self.caught = False


class Task:
    """A coroutine between two of its awaits. `done(outcome)` is called when it returns."""

    __slots__ = ("_kernel", "_work", "waits")

    def __init__(self, kernel: Kernel, work: Any) -> None:
        self._kernel = kernel
        self._work = iterate(work)
        self.waits: Any = None

    def done(self, outcome: Any) -> None:
        """Called with what the coroutine has returned."""

    def start(self) -> None:
        """Runs to the first await, inside the caller."""
        outer = self._kernel.current
        self.proceed(None)
        self._kernel.current = outer

    def proceed(self, value: Any) -> None:
        """Sends `value` to where the coroutine waits, and runs to the next await."""
        self._kernel.current = self
        work = self._work
        try:
            event = work.send(value)
            while event.callbacks is None:  # it has happened already
                if event is RESTING:
                    self.waits = None
                    return
                event = work.send(event._value)
        except StopIteration as stop:
            self.waits = self._work = None
            self.done(stop.value)
            return
        self.waits = event
        if event.callbacks.__class__ is tuple:
            event.task = self
        else:  # an event of SimPy's
            event.callbacks.append(self.resume)

    def _throw(self, error: BaseException) -> None:
        """The same with an exception."""
        self._kernel.current = self
        try:
            event = self._work.throw(error)
        except StopIteration as stop:
            self.waits = self._work = None
            self.done(stop.value)
            return
        if event is RESTING:
            self.waits = None
            return
        if event.callbacks is None:
            self.proceed(event._value)
            return
        self.waits = event
        if event.callbacks.__class__ is tuple:
            event.task = self
        else:
            event.callbacks.append(self.resume)

    def resume(self, event: Any) -> None:
        """Goes on after an event of SimPy's own; of no effect if the task was sent elsewhere."""
        if self.waits is event:
            if event._ok:
                self.proceed(event._value)
            else:
                event.defused = True
                self._throw(event._value)

    def interrupt(self, deadline: Deadline) -> None:
        """Time is up for a scope inside this task: unwinds to it, and goes on from there."""
        self.waits = None
        self._throw(Cancelled(deadline))
        if not deadline.caught:
            raise RuntimeError(CANCELLATION_SWALLOWED)

    def cancel(self, *deadline: Deadline) -> None:
        """Unwinds all of it, for good; because of a deadline of another task, if one is given."""
        if self._work is None:
            return
        work, self._work, self.waits = self._work, None, None
        if getattr(work, "cr_frame", work) is None:  # it has failed, which is on its way already
            return
        outer, self._kernel.current = self._kernel.current, self
        try:
            work.throw(Cancelled(*deadline))
        except Cancelled:
            return
        except StopIteration:
            pass
        finally:
            self._kernel.current = outer
        raise RuntimeError(CANCELLATION_SWALLOWED)


CANCELLATION_SWALLOWED = (
    "a layer awaited or swallowed its own cancellation: `finally` blocks may only release, "
    "and nobody may catch it"
)


def iterate(work: Any) -> Any:
    """What drives an awaitable: itself if it is a coroutine."""
    return work if hasattr(work, "throw") else work.__await__()


class CallingTask(Task):
    """A task that calls `callback` with what it has returned."""

    __slots__ = ("_callback",)

    def __init__(self, kernel: Kernel, work: Any, callback: Callable[[Any], None]) -> None:
        super().__init__(kernel, work)
        self._callback = callback

    def done(self, outcome: Any) -> None:
        self._callback(outcome)


class SimGate:
    """A promise on SimPy's clock."""

    __slots__ = ("_kernel", "_open", "_value", "_waiters")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._open = False
        self._value: Any = None
        self._waiters: list[Wake] = []

    def open(self, value: Any = None) -> None:
        if not self._open:
            self._open, self._value = True, value
            for waiter in self._waiters:
                waiter._value = value
                self._kernel.schedule(waiter, self._kernel.now())

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._open:
            return self._value
        wake = Wake()
        self._waiters.append(wake)
        return (yield wake)


class Kernel(Timetable):
    """Time, waiting and racing for coroutines on one SimPy environment."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        self.current: Task | None = None  # the task that runs now, or ran last
        self._order = count()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._compact_at = 1024
        self._armed = math.inf
        self._timer: Wake | None = None
        self._expiry: Callbacks = (self._expire,)

    @coroutine
    def sleep(self, seconds: float) -> Generator[Any, Any, None]:
        if not seconds >= 0:
            raise ValueError(f"cannot sleep for {seconds} s")
        wake = Wake()
        self.schedule(wake, self.env._now + seconds)
        yield wake

    @coroutine
    def within(
        self, seconds: float, work: Awaitable[Outcome], limit: str = ""
    ) -> Generator[Any, Any, Outcome]:
        if not seconds >= 0.0:
            raise ValueError(f"cannot wait for {seconds} s")
        if isinstance(work, Service):
            work.start()
            # No deadline for what stands in the queue at a time that is not after it: of one
            # instant, a reply comes before a deadline. What is not due yet (in a line) needs one.
            if work.due <= self.env._now + seconds:
                try:
                    outcome: Outcome = yield work.awaited or work
                    return outcome
                except BaseException as cut:  # an outer deadline, a lost race
                    work.abandon(reached_limit(cut))
                    raise
            driven: Any = work.wait()
        else:
            driven = iterate(work)
            if isinstance(work, Scheduled) and work.due <= self.env._now + seconds:
                outcome = yield from driven
                return outcome
        deadline = self._deadline(seconds, limit)
        try:
            outcome = yield from driven
            return outcome
        except Cancelled as cut:
            if cut.args != (deadline,):
                raise
            deadline.caught = True
            return Outcome(408, error="timeout", limit=limit)
        finally:
            deadline.live = False

    def flowing(self, silence: float, rest: Rest, limit: str = "") -> Awaitable[Outcome]:
        source: Any = rest.source
        moment = source.silent_at(silence) if isinstance(source, Scheduled) else math.inf
        return self.within(max(0.0, moment - self.env._now), rest, limit)

    async def first(
        self, *works: Awaitable[Outcome], until: Callable[[Outcome], bool] | None = None
    ) -> Outcome:
        if not works:
            raise ValueError("first() needs at least one work")
        satisfied = until if until is not None else _is_ok
        gate = SimGate(self)
        left = len(works)

        def done(outcome: Outcome) -> None:
            nonlocal left
            left -= 1
            if left == 0 or satisfied(outcome):
                gate.open(outcome)

        tasks = [CallingTask(self, work, done) for work in works]
        deadline: tuple[Deadline, ...] = ()
        try:
            for task in tasks:
                task.start()
            return await gate  # type: ignore[no-any-return]
        except Cancelled as cut:
            deadline = cut.args
            raise
        finally:
            for task in tasks:
                task.cancel(*deadline)

    def gate(self) -> SimGate:
        return SimGate(self)

    def _deadline(self, seconds: float, limit: str) -> Deadline:
        assert self.current is not None
        deadline = Deadline(self.current, limit)
        if seconds != math.inf:
            when = self.env._now + seconds
            heap = self._deadlines
            if len(heap) > self._compact_at:
                self._compact()
            heappush(heap, (when, next(self._order), deadline))
            if when < self._armed:
                self._arm(when)
        return deadline

    def _compact(self) -> None:
        self._deadlines[:] = [entry for entry in self._deadlines if entry[2].live]
        heapify(self._deadlines)
        self._compact_at = max(1024, 2 * len(self._deadlines))

    def _arm(self, when: float) -> None:
        self._armed, self._timer = when, Wake(self._expiry)
        self.schedule(self._timer, when, LATE)

    def _expire(self, timer: Wake) -> None:
        """One deadline a firing, so that replies that its unwinding provokes in the same instant
        still come before the next."""
        if timer is not self._timer:
            return
        heap, now = self._deadlines, self.env._now
        due: Deadline | None = None
        while heap and due is None and (heap[0][0] <= now or not heap[0][2].live):
            candidate = heappop(heap)[2]
            due = candidate if candidate.live else None
        self._armed, self._timer = math.inf, None
        if heap:
            self._arm(heap[0][0])
        if due is not None:
            due.task.interrupt(due)

    def forget_tasks(self) -> None:
        """Once nothing runs any more: drops the last task and the deadlines of those that ended."""
        self.current = None
        self._deadlines.clear()


def reached_limit(cut: BaseException) -> str | None:
    """What the limit is called by which a call was given up; None if it was for another reason (a
    lost race, the end of its request)."""
    deadline = cut.args[0] if isinstance(cut, Cancelled) and cut.args else None
    return deadline.limit if isinstance(deadline, Deadline) else None


def _is_ok(outcome: Outcome) -> bool:
    return outcome.status == 200


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pauses the garbage collector, since requests leave no cycles. What policies leave is
    collected now and then: only what is new is looked at."""
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
