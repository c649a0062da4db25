"""A token bucket with continuous refill."""

from __future__ import annotations


class Bucket:
    """Holds up to `capacity`, refilled at `refill` a second; starts full unless told otherwise.

    Time is a high-water mark: a clock that steps back neither gives nor takes. Levels are computed from the last change, so that
    arrivals at exactly the refill rate are all admitted.
    """

    __slots__ = ("_at", "_level", "capacity", "refill")

    def __init__(self, capacity: float, refill: float, initial: float | None = None) -> None:
        self.capacity, self.refill = capacity, refill
        self._level = capacity if initial is None else initial
        self._at = 0.0

    def level(self, now: float) -> float:
        """What is in it; negative after a debt."""
        return min(self.capacity, self._level + max(0.0, now - self._at) * self.refill)

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` would be there; 0 if it is (to within rounding: a billionth)."""
        short = amount - self.level(now)
        return 0.0 if short <= 1e-9 * max(1.0, self.capacity) else short / self.refill

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if it is there; a refusal takes nothing."""
        if self.wait(now, amount) > 0:
            return False
        self._set(now, self.level(now) - amount)
        return True

    def settle(self, now: float, reserved: float, used: float) -> None:
        """Give back what was reserved and not used, or owe what was used beyond it."""
        self._set(now, min(self.capacity, self.level(now) + reserved - used))

    def _set(self, now: float, level: float) -> None:
        self._level = level
        self._at = max(self._at, now)
