"""What the replicas of a gateway have seen, brought together: gauges that declare how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

Seen = TypeVar("Seen")
Mark = tuple[float, list[Any]]
"""Up to when a log is common to all (seconds), and its entries of that moment: the same objects."""


class Mergeable(ABC):
    """A gauge of which each replica has its own, and that can take over what the others saw."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def merge(cls, states: Sequence[Self], known: Sequence[Any], now: float) -> Any:
        """Lets each of the states know what all of them know, as if each had seen everything.

        known: for each state what this returned when it last took part, None if it never did. All
        that took part before did so together.
        """


def itself(seen: float) -> float:
    """The time of an entry that is a time."""
    return seen


def merge_logs(
    logs: Sequence[deque[Seen]],
    known: Sequence[Mark | None],
    now: float,
    time: Callable[[Seen], float] = itself,  # type: ignore[assignment]
) -> Mark:
    """Puts all that each of the logs does not have into it, in order of time; of one moment those
    of the first log come first."""
    base: list[Seen] = []
    news: list[Seen] = []
    for log, mark in zip(logs, known, strict=True):
        seen = list(log)
        if mark is None:
            news += seen
            continue
        new = bisect_left(seen, mark[0], key=time)
        left = list(mark[1])
        while new < len(seen) and (same := [i for i, e in enumerate(left) if e is seen[new]]):
            del left[same[0]]
            new += 1
        news += seen[new:]
        if new > len(base):
            base = seen[:new]
    if news or None in known:
        base = sorted(base + news, key=time)
        for log in logs:
            log.clear()
            log.extend(base)
    return now, base[bisect_left(base, now, key=time) :]


def merge_log_pairs(
    pairs: Sequence[tuple[deque[float], deque[float]]],
    known: Sequence[tuple[Mark, Mark] | None],
    now: float,
) -> tuple[Mark, Mark]:
    """The same for two logs of each state."""
    firsts, seconds = ([each and each[i] for each in known] for i in range(2))
    return (
        merge_logs([pair[0] for pair in pairs], firsts, now),
        merge_logs([pair[1] for pair in pairs], seconds, now),
    )
