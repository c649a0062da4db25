"""How long a breaker stays open, which may grow from opening to opening."""

from __future__ import annotations

import math

from simroute.gauges.breaker_rules import BreakerRules

MOST_STEPS = 1000
"""Openings in a row by which it may grow."""


class Cooldown:
    """openings: how many there were in a row, less what was forgiven.

    Each multiplies the time by `cooldown_factor` and adds `cooldown_step`, up to `max_cooldown`;
    listed: the times of the first ones, before `max_cooldown`.
    """

    __slots__ = ("_grows", "_listed", "_longest", "_rules", "openings")

    def __init__(self, rules: BreakerRules, listed: tuple[float, ...] = ()) -> None:
        self._rules, self._listed = rules, listed
        self._grows = rules.cooldown_factor != 1.0 or rules.cooldown_step > 0.0
        self._longest = math.inf if rules.max_cooldown is None else rules.max_cooldown
        self.openings = 0

    def begin(self, wait: float | None) -> float:
        """It opens: for how long (s); `wait`: for so long, whatever it was before."""
        length = self.after(self.openings) if wait is None else wait
        before = self._grown(self.openings - 1) if self.openings else 0.0
        if self._listed or before < self._longest + self._rules.cooldown:
            self.openings += 1
        return length

    def after(self, openings: int) -> float:
        """Its time after so many openings in a row before this one."""
        if self._listed:
            return [*self._listed, self._longest][min(openings, len(self._listed))]
        return min(self._longest, self._grown(openings))

    def forgive(self, closed_for: float) -> None:
        """It has been closed for so long (s)."""
        after = self._rules.forgiven_after
        if after is not None and math.isfinite(closed_for):
            self.openings -= int(min(self.openings, max(0.0, closed_for) // after))

    def close(self) -> None:
        """It has closed, which forgives all at once unless that takes time."""
        if self._rules.forgiven_after is None:
            self.openings = 0

    def _grown(self, openings: int) -> float:
        length = self._rules.cooldown
        for _ in range(min(openings, MOST_STEPS) if self._grows else 0):
            if length > 1e9:
                break
            length = length * self._rules.cooldown_factor + self._rules.cooldown_step
        return length
