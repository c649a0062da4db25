"""Coroutines on SimPy's clock: a task is resumed straight from event callbacks, without a SimPy
process of its own.

SimPy stays the engine: everything happens at an entry of its queue, and ordinary SimPy processes
may share the environment.
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
from simpy.events import NORMAL, Event

from simroute.core import Cancelled, Outcome

LATE = NORMAL + 1  # deadlines: after every reply of the same instant


class Wake(Event):  # type: ignore[misc]
    """An event on its way: put into the queue when made, it resumes whoever yielded it, with
    `_value`."""

    _ok = True
    _value: Any = None

    def __init__(self, callbacks: list[Callable[[Any], None]]) -> None:
        self.callbacks = callbacks


class Deadline:
    """One open `within`: who waits behind it, whether it still counts, whether its scope got the
    word."""

    __slots__ = ("caught", "live", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.live = True
        self.caught = False


class Task:
    """A coroutine between two of its awaits. `done(outcome)` is called when it returns."""

    __slots__ = ("_kernel", "_work", "waits")

    def __init__(self, kernel: Kernel, work: Any) -> None:
        self._kernel = kernel
        self.waits: Any = None
        self.take(work)

    def done(self, outcome: Any) -> None:
        """It has returned."""

    def take(self, work: Any) -> None:
        """Have an awaitable to drive."""
        self._work: Any = work if hasattr(work, "throw") else work.__await__()

    def start(self) -> None:
        """Run to the first await, inside whoever calls."""
        self._advance(self._work.send, None)

    def resume(self, event: Any) -> None:
        """The callback of the event that the task waits for; of no effect if it has meanwhile been
        sent elsewhere."""
        if self.waits is event:
            if event._ok:
                self._advance(self._work.send, event._value)
            else:
                event.defused = True
                self._advance(self._work.throw, event._value)

    def _advance(self, move: Callable[[Any], Any], value: Any) -> None:
        kernel = self._kernel
        outer, kernel.current = kernel.current, self
        try:
            event = move(value)
            while event.callbacks is None:  # it has happened already
                event = self._work.send(event._value)
        except StopIteration as stop:
            self.waits = self._work = None
            kernel.current = outer
            self.done(stop.value)
            return
        kernel.current = outer
        self.waits = event
        event.callbacks.append(self.resume)

    def interrupt(self, deadline: Deadline) -> None:
        """Time is up for a scope inside this task: unwind to it, and go on from there."""
        self.waits = None
        self._advance(self._work.throw, Cancelled(deadline))
        if not deadline.caught:
            raise RuntimeError(UNKIND)

    def cancel(self) -> None:
        """Unwind all of it, for good."""
        if self._work is None:
            return
        work, self._work, self.waits = self._work, None, None
        outer, self._kernel.current = self._kernel.current, self
        try:
            work.throw(Cancelled())
        except Cancelled:
            return
        except StopIteration:
            pass
        finally:
            self._kernel.current = outer
        raise RuntimeError(UNKIND)


UNKIND = (
    "a layer awaited or swallowed its own cancellation: `finally` blocks may only release, "
    "and nobody may catch it"
)


class Work(Task):
    """A task that tells somebody of its end."""

    __slots__ = ("_told",)

    def __init__(self, kernel: Kernel, work: Any, told: Callable[[Any], None]) -> None:
        super().__init__(kernel, work)
        self._told = told

    def done(self, outcome: Any) -> None:
        self._told(outcome)


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
        wake = Wake([])
        self._waiters.append(wake)
        return (yield wake)


class Kernel:
    """Time, waiting and racing for coroutines on one SimPy environment."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.queue: list[Any] = env._queue
        self.current: Task | None = None
        self._number = env._eid
        self._order = count()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._roomy = 1024
        self._armed = math.inf
        self._timer: Wake | None = None

    def now(self) -> float:
        return self.env._now  # type: ignore[no-any-return]

    def schedule(self, event: Event, when: float, priority: int = NORMAL) -> None:
        heappush(self.queue, (when, priority, next(self._number), event))

    @coroutine
    def sleep(self, seconds: float) -> Generator[Any, Any, None]:
        if not seconds >= 0:
            raise ValueError(f"cannot sleep for {seconds} s")
        wake = Wake([])
        self.schedule(wake, self.env._now + seconds)
        yield wake

    async def within(self, seconds: float, work: Awaitable[Outcome]) -> Outcome:
        deadline = self._deadline(seconds)
        try:
            return await work
        except Cancelled as cut:
            if cut.args != (deadline,):
                raise
            deadline.caught = True
            return Outcome(408, error="timeout")
        finally:
            deadline.live = False

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

        tasks = [Work(self, work, done) for work in works]
        try:
            for task in tasks:
                task.start()
            return await gate  # type: ignore[no-any-return]
        finally:
            for task in tasks:
                task.cancel()

    def gate(self) -> SimGate:
        return SimGate(self)

    def _deadline(self, seconds: float) -> Deadline:
        if not seconds >= 0:
            raise ValueError(f"cannot wait for {seconds} s")
        assert self.current is not None
        deadline = Deadline(self.current)
        if seconds != math.inf:
            when = self.env._now + seconds
            heap = self._deadlines
            if len(heap) > self._roomy:
                self._compact()
            heappush(heap, (when, next(self._order), deadline))
            if when < self._armed:
                self._arm(when)
        return deadline

    def _compact(self) -> None:
        self._deadlines[:] = [entry for entry in self._deadlines if entry[2].live]
        heapify(self._deadlines)
        self._roomy = max(1024, 2 * len(self._deadlines))

    def _arm(self, when: float) -> None:
        self._armed, self._timer = when, Wake([self._expire])
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

    def advance_to(self, when: float) -> None:
        """Let everything happen that is scheduled before `when`; arrivals of one instant come ahead
        of its other events."""
        queue, step = self.queue, self.env.step
        while queue and queue[0][0] < when:
            step()
        self.env._now = when

    def drain(self, finished: Callable[[], bool]) -> None:
        """Go on until `finished()`, or until nothing is scheduled."""
        queue, step = self.queue, self.env.step
        while queue and not finished():
            step()


def _is_ok(outcome: Outcome) -> bool:
    return outcome.status == 200


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the collector, for requests leave no cycles. What policies leave is collected now and
    then: only what is new is looked at."""
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
