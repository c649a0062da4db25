"""How much may still be used where it is counted in windows: from one moment to the next, or in any
span of so long.

Both have what `bucket.Bucket` has. Where the three differ: a bucket gives back continuously; a
fixed window all at once, so that twice its limit may pass around its edge; a sliding log gives back
each amount a window after it was taken, and is the strictest.
"""

from __future__ import annotations

import math
from collections import deque

SLACK = 1e-9
"""Seconds, and share of a limit, by which rounding may be off: who waits as long as told is let
in."""


class FixedWindow:
    """At most `capacity` in each window of `seconds`, the first of which begins at t = 0."""

    __slots__ = ("_number", "_used", "capacity", "seconds")

    def __init__(self, capacity: float, seconds: float) -> None:
        self.capacity, self.seconds = capacity, seconds
        self._number, self._used = -math.inf, 0.0

    def level(self, now: float) -> float:
        """What is left of the present window; negative after a debt."""
        self._turn(now)
        return self.capacity - self._used

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until `amount` fits: 0 if it does, infinite if it never can."""
        slack = SLACK * max(1.0, self.capacity)
        if amount <= self.level(now) + slack:
            return 0.0
        return self._rest(now) if amount <= self.capacity + slack else math.inf

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if it fits; a refusal takes nothing."""
        if self.wait(now, amount) > 0:
            return False
        self._used += amount
        return True

    def spend(self, now: float, amount: float) -> None:
        """Use `amount`, whether it is there or not."""
        self._turn(now)
        self._used += amount

    def refund(self, then: float, now: float, amount: float) -> None:
        """Give back what was taken at `then`, unless its window is over."""
        self._turn(now)
        if (then + SLACK) // self.seconds == self._number:
            self._used -= amount

    def refuse(self, now: float, amount: float) -> None:
        """A call that did not fit counts all the same."""
        self.spend(now, amount)

    def reset(self, now: float) -> float:
        """Seconds until all of it is there again."""
        self._turn(now)
        return self._rest(now) if self._used > 0 else 0.0

    def _turn(self, now: float) -> None:
        number = (now + SLACK) // self.seconds
        if number > self._number:  # a clock that steps back stays in its window
            self._number, self._used = number, 0.0

    def _rest(self, now: float) -> float:
        return max(0.0, (self._number + 1) * self.seconds - now)


class SlidingLog:
    """At most `capacity` in any span of `seconds`: what was taken at t is back at t + `seconds`."""

    __slots__ = ("_log", "_used", "capacity", "seconds")

    def __init__(self, capacity: float, seconds: float) -> None:
        self.capacity, self.seconds = capacity, seconds
        self._log: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def level(self, now: float) -> float:
        """What is left; negative after a debt."""
        log = self._log
        while log and log[0][0] + self.seconds <= now + SLACK:
            self._used -= log.popleft()[1]
        if not log:
            self._used = 0.0  # no rounding adds up
        return self.capacity - self._used

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until `amount` fits: 0 if it does, infinite if it never can."""
        slack = SLACK * max(1.0, self.capacity)
        short = amount - self.level(now) - slack
        if short <= 0:
            return 0.0
        if amount > self.capacity + slack:
            return math.inf
        for at, taken in self._log:
            short -= taken
            if short <= 0:
                return max(0.0, at + self.seconds - now)
        return self.reset(now)

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if it fits; a refusal takes nothing."""
        if self.wait(now, amount) > 0:
            return False
        self.spend(now, amount)
        return True

    def spend(self, now: float, amount: float) -> None:
        """Use `amount`, whether it is there or not."""
        if amount:
            self._enter(now, amount)

    def refund(self, then: float, now: float, amount: float) -> None:
        """Give back what was taken at `then`, unless that is back already."""
        if amount and then + self.seconds > now + SLACK:
            self._enter(then, -amount)

    def refuse(self, now: float, amount: float) -> None:
        """A call that did not fit counts all the same."""
        self.spend(now, amount)

    def reset(self, now: float) -> float:
        """Seconds until all of it is there again."""
        self.level(now)
        return self._log[-1][0] + self.seconds - now if self._log else 0.0

    def _enter(self, at: float, amount: float) -> None:
        log = self._log
        self._used += amount
        if not log or at >= log[-1][0]:
            log.append((at, amount))
            return
        later = []
        while log and log[-1][0] > at:
            later.append(log.pop())
        log.append((at, amount))
        log.extend(reversed(later))
