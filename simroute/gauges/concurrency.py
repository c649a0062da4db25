"""How many calls at a time a target bears, learnt from how long they take and which are dropped.

Three rules of Netflix's concurrency-limits (78a74b9), each told of every call that ends: how long
it took (s), how many were under way when it began, and whether it was dropped (refused or timed
out). None grows while less than half of the limit is in use, since then nothing is learnt.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol


class ConcurrencyLimit(Protocol):
    """limit: calls that may be under way, in whole ones."""

    @property
    def limit(self) -> int: ...

    def sample(self, seconds: float, in_flight: int, dropped: bool) -> int:
        """A call ended; returns the limit that holds from now on."""


class AimdLimit:
    """One more while calls get through, a share less for each that is dropped or takes longer than
    `slow` (s). Source: AIMDLimit."""

    def __init__(
        self,
        initial: int = 20,
        least: int = 20,
        most: int = 200,
        decrease: float = 0.9,
        slow: float = 5.0,
    ) -> None:
        self.limit, self.least, self.most = initial, least, most
        self.decrease, self.slow = decrease, slow

    def sample(self, seconds: float, in_flight: int, dropped: bool) -> int:
        limit = self.limit
        if dropped or seconds > self.slow:
            limit = int(limit * self.decrease)
        elif in_flight * 2 >= limit:
            limit += 1
        self.limit = min(self.most, max(self.least, limit))
        return self.limit


class EstimatedLimit(ABC):
    """The whole part of an estimate, which follows the times of calls."""

    estimate: float

    @property
    def limit(self) -> int:
        return int(self.estimate)

    def sample(self, seconds: float, in_flight: int, dropped: bool) -> int:
        """Raises ValueError for a time that no call takes."""
        if seconds <= 0:
            raise ValueError(f"a call that took {seconds} s")
        self._learn(seconds, in_flight, dropped)
        return self.limit

    @abstractmethod
    def _learn(self, seconds: float, in_flight: int, dropped: bool) -> None: ...


@dataclass(eq=False)
class VegasLimit(EstimatedLimit):
    """Estimates from the shortest time seen how many calls wait in the target's line, limit x (1 -
    shortest / this one), and holds that between `alpha` and `beta`. Source: VegasLimit, after TCP
    Vegas (Brakmo and Peterson 1995).

    The steps are log10(limit), at least 1: up by one of them while the line is below alpha (3 of
    them), by beta (6) while it is at most one, down by one above beta; or down by the factor
    `decrease`. Every `probe` x limit calls the shortest time is measured anew, so that a target
    that has become slower is not taken for a full one (there x [.5, 1) by chance, here x .75).
    """

    initial: int = 20
    least: int = 1
    most: int = 1000
    smoothing: float = 1.0
    alpha: int | None = None
    beta: int | None = None
    decrease: float | None = None
    probe: float = 30.0

    def __post_init__(self) -> None:
        self.estimate, self.shortest = float(self.initial), 0.0
        self._seen = 0

    def _learn(self, seconds: float, in_flight: int, dropped: bool) -> None:
        self._seen += 1
        if 0.75 * self.probe * self.estimate <= self._seen:
            self._seen, self.shortest = 0, seconds
        elif self.shortest == 0 or seconds < self.shortest:
            self.shortest = seconds
        elif dropped:
            self._move(self._less())
        elif in_flight * 2 >= self.estimate:
            self._follow(math.ceil(self.estimate * (1 - self.shortest / seconds)))

    def _follow(self, line: int) -> None:
        """So many calls wait in the target's line."""
        step = self._step()
        alpha = 3 * step if self.alpha is None else self.alpha
        beta = 6 * step if self.beta is None else self.beta
        if line <= step:
            self._move(self.estimate + beta)
        elif line < alpha:
            self._move(self.estimate + step)
        elif line > beta:
            self._move(self._less())

    def _step(self) -> int:
        return max(1, int(math.log10(max(1, int(self.estimate)))))

    def _less(self) -> float:
        if self.decrease is not None:
            return self.estimate * self.decrease
        return self.estimate - self._step()

    def _move(self, aim: float) -> None:
        aim = max(self.least, min(self.most, aim))
        self.estimate = (1 - self.smoothing) * self.estimate + self.smoothing * aim


@dataclass(eq=False)
class GradientLimit(EstimatedLimit):
    """Compares the time of a call with the mean of the last `memory` or so: limit x gradient +
    `room`, smoothed, where the gradient is tolerance x mean / time, from .5 to 1. Source:
    Gradient2Limit.

    The mean suits calls of differing length better than the shortest time. A drop counts by its
    time alone. A mean above twice the time is brought down by 5 %, so that it forgets an overload.
    """

    WARM_UP = 10
    """Calls whose plain mean the mean begins with."""

    initial: int = 20
    least: int = 20
    most: int = 200
    smoothing: float = 0.2
    room: float = 4.0
    tolerance: float = 1.5
    memory: int = 600

    def __post_init__(self) -> None:
        self.estimate, self.mean = float(self.initial), 0.0
        self._seen, self._sum = 0, 0.0

    def _learn(self, seconds: float, in_flight: int, dropped: bool) -> None:
        mean = self._add(seconds)
        if mean / seconds > 2:
            self.mean *= 0.95
        if in_flight >= self.estimate / 2:
            gradient = max(0.5, min(1.0, self.tolerance * mean / seconds))
            aim = self.estimate * gradient + self.room
            aim = self.estimate * (1 - self.smoothing) + aim * self.smoothing
            self.estimate = max(self.least, min(self.most, aim))

    def _add(self, seconds: float) -> float:
        if self._seen < self.WARM_UP:
            self._seen += 1
            self._sum += seconds
            self.mean = self._sum / self._seen
        else:
            weight = 2.0 / (self.memory + 1)
            self.mean = self.mean * (1 - weight) + seconds * weight
        return self.mean
