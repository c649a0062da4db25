"""How far long work is: the time left, and lines for a log where no terminal shows them."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from simroute.text import clean
from simroute.units import duration

BETWEEN = 5.0
"""Seconds that are at least between two lines."""
TENTHS = 10
HEARD, SHARE = 2.0, 0.01
"""Seconds and part of the work after which a pace says something."""

Clock = Callable[[], float]


class Remaining:
    """The time left, by the pace since the first news of the work: what came before them was its
    preparation."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def restart(self) -> None:
        """Another stage begins."""
        self._first = None

    def seconds(self, share: float) -> float | None:
        """What is left when so much of the work is done; None before it can be known."""
        now = self._clock()
        if self._first is None:
            self._first = now, share
        began, before = self._first
        passed, done = now - began, share - before
        if passed < HEARD or done < SHARE:
            return None
        return passed * (1 - share) / done


def time_left(seconds: float | None) -> str:
    """As a line has it, two digits at most; nothing while it is not known."""
    if seconds is None:
        return ""
    step = 1 if seconds < 60 else 10 if seconds < 600 else 60
    return f"about {duration(round(seconds / step) * step)} left"


class WorkLog:
    """Lines on stderr: after each tenth of the work, at most one in five seconds. Where the whole
    is not known, after 5, 10, 20 … seconds."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._remaining = clock, Remaining(clock)
        self._last, self._tenth, self._pause = clock(), 0, BETWEEN

    def restart(self) -> None:
        """Another stage begins."""
        self._remaining.restart()
        self._tenth = 0

    def update(self, share: float, text: str) -> None:
        """So much of the work is done; `text`: in words."""
        left, share = self._remaining.seconds(share), round(share, 3)
        tenth = int(share * TENTHS + 1e-9)
        if tenth > self._tenth and share < 1 and self._clock() - self._last >= BETWEEN:
            self._tenth = tenth
            self._print([f"{100 * share:.0f} % done", text, time_left(left)])

    def tell(self, text: str) -> None:
        """Where the work is, if nobody knows how much there is."""
        if self._clock() - self._last >= self._pause:
            self._pause *= 2
            self._print([text])

    def _print(self, parts: list[str]) -> None:
        self._last = self._clock()
        click.echo(clean(", ".join(filter(None, parts)), 200), err=True)
