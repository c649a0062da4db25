"""Events of our own in SimPy's queue: lighter than SimPy's, and refused outside our coroutines."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Generator
from typing import Any

from simroute.core import Outcome

Callbacks = tuple[Callable[[Any], None]]


class Wake:
    """An event of our own in SimPy's queue: it resumes `task`, the one that waits for it.

    `callbacks` is a tuple of one function that all events of a kind share, so that waiting makes
    no object; None once it has happened. SimPy can step over such an event, but nobody can append
    to its callbacks: a SimPy process that yields one raises AttributeError.
    """

    __slots__ = ("_value", "callbacks", "task")
    _ok = True  # SimPy asks for it

    _value: Any
    callbacks: Callbacks | None
    task: Any  # a `Task`, or None

    def __init__(self, callbacks: Callbacks | None = None) -> None:
        self.callbacks = RESUME if callbacks is None else callbacks
        self._value = self.task = None

    def resume(self) -> None:
        """Gives `_value` to the task that waits, unless that has been sent elsewhere meanwhile."""
        task = self.task
        if task is not None and task.waits is self:
            task.proceed(self._value)


RESUME: Callbacks = (Wake.resume,)


RESTING = Wake()
RESTING.callbacks = None
"""What a generator waits for that has served a task to its end, and is free for another: nothing
happens then, and the task waits for nothing any more."""


def _ignore(event: Wake) -> None:
    """Does nothing, at the time of an event that was called off."""


CALLED_OFF: Callbacks = (_ignore,)


class Scheduled:
    """What can be awaited and stands in SimPy's queue already: whoever awaits it goes on at `due`
    seconds."""

    __slots__ = ()

    due: float

    def silent_at(self, silence: float) -> float:
        """When for the first time nothing of it will have come for so many seconds; infinite if
        that never happens."""
        return math.inf


class Service(Wake):
    """Work that begins when it is awaited, and is the event of its own end.

    Once begun, it is known when whoever awaits it goes on: at its end, or at an event before that,
    `awaited`. That stands in SimPy's queue at `due` seconds; infinite as long as it is not known.
    Not an ABC: each send asks what is one, which would take 3 % of a request.
    """

    __slots__ = ("awaited", "due")

    awaited: Wake | None
    due: float

    @abstractmethod
    def start(self) -> None:
        """Begins. Raises RuntimeError when it has begun before."""

    @abstractmethod
    def abandon(self, limit: str | None = None) -> None:
        """Nobody waits for it any more, because this limit of time was reached; None: for another
        reason."""

    @abstractmethod
    def wait(self) -> Generator[Any, Any, Outcome]:
        """Waits for it, once it has begun, whenever it is due."""

    def __await__(self) -> Generator[Any, Any, Outcome]:
        self.start()
        return self.wait()
