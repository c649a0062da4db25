"""What happens when: SimPy's queue, and one of our own beside it for events of ours."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

from simpy import Environment
from simpy.events import NORMAL

from simroute.worlds.sim.events import Callbacks, Wake

LATE = NORMAL + 1  # deadlines: after every reply of the same instant


def happen(event: Any) -> None:
    """Lets an event of ours happen."""
    callbacks = event.callbacks
    event.callbacks = None
    callbacks[0](event)


class Several(Wake):
    """Events of one instant (s), which happen one by one, as if each stood there alone."""

    __slots__ = ("_timetable", "events", "when")

    def __init__(self, timetable: Timetable, when: float, *events: Wake) -> None:
        super().__init__(FIRST)
        self._timetable, self.when, self.events = timetable, when, deque(events)

    def first(self) -> None:
        """The first of them happens; the others are put back."""
        first = self.events.popleft()
        if self.events:
            self.callbacks, self._timetable.events[self.when] = FIRST, self
            heappush(self._timetable.instants, self.when)
        happen(first)


FIRST: Callbacks = (Several.first,)


class Timetable:
    """The queues of one SimPy environment, taken by turns, so that ordinary SimPy processes may
    share it. Of one instant, what stands in SimPy's queue comes first, then our events in the order
    in which they were scheduled, then deadlines.

    instants: a heap of the times of our events, s; events: what happens at each of these. (Numbers
    are compared in a quarter of the time of SimPy's entries, which are tuples.) Infinity stands
    among the instants always, so that there is a first.
    queue: SimPy's own; events of ours that come before or after the others of an instant are in it.
    """

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.queue: list[Any] = env._queue
        self.instants: list[float] = [math.inf]
        self.events: dict[float, Wake] = {}

    def now(self) -> float:
        return self.env._now  # type: ignore[no-any-return]

    def schedule(self, event: Wake, when: float, priority: int = NORMAL) -> None:
        """Has an event happen at `when` (s), after those of its priority that are scheduled for
        that instant."""
        events = self.events
        if priority != NORMAL:
            heappush(self.queue, (when, priority, next(self.env._eid), event))
        elif (other := events.setdefault(when, event)) is event:
            heappush(self.instants, when)
        elif isinstance(other, Several):
            other.events.append(event)
        else:
            events[when] = Several(self, when, other, event)

    def play(self, moments: Iterable[float], act: Callable[[int], None]) -> None:
        """Calls `act(i)` at the i-th moment, ahead of other events of that instant; what is
        scheduled before it happens before."""
        queue, instants, events, env = self.queue, self.instants, self.events, self.env
        for i, moment in enumerate(moments):
            while True:
                when = instants[0]
                if queue and queue[0][0] <= when and queue[0][0] < moment:
                    self.step()
                elif when < moment:  # an event of ours: what `step` does, in place
                    env._now = heappop(instants)
                    event: Any = events.pop(when)
                    callbacks = event.callbacks
                    event.callbacks = None
                    callbacks[0](event)
                else:
                    break
            env._now = moment
            act(i)

    def step(self) -> None:
        """Lets the next event happen, of SimPy's or of ours."""
        when = self.instants[0]
        if self.queue and self.queue[0][:2] < (when, LATE):
            self.env.step()
            return
        self.env._now = heappop(self.instants)
        happen(self.events.pop(when))

    def advance_to(self, when: float) -> None:
        """Lets everything happen that is scheduled before `when`."""
        self.play((when,), lambda i: None)

    def next_at(self) -> float:
        """When something happens next, s; infinite if nothing is scheduled."""
        return min(self.instants[0], self.queue[0][0]) if self.queue else self.instants[0]

    def drain(self, finished: Callable[[], bool]) -> None:
        """Goes on until `finished()`, or until nothing is scheduled."""
        while (self.events or self.queue) and not finished():
            self.step()
