"""The pauses of one call between its tries: what was asked for, and what the back-off makes of
it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simroute.gauges.backoff import Backoff
from simroute.gauges.retry_after import RetryAfterRule


@dataclass(frozen=True)
class PauseRules:
    """throttled: the back-off after 429. most: the longest Retry-After that is obeyed, in seconds;
    None where it is not read at all."""

    backoff: Backoff
    throttled: Backoff
    rule: RetryAfterRule
    most: float | None

    def of(self, status: int) -> Backoff:
        """The back-off after a failure of this status."""
        return self.throttled if status == 429 else self.backoff


class Pauses:
    """Of one call."""

    __slots__ = ("_asked_for", "_draw", "_latest", "_rules", "asked")

    def __init__(self, rules: PauseRules, draw: Callable[[str], float]) -> None:
        """draw: gives numbers in [0, 1) by name, and is asked only where there is chance."""
        self._rules, self._draw = rules, draw
        self._latest = self._asked_for = 0.0
        self.asked = 0.0  # seconds, of the latest pause, what a provider asked for

    def next(self, attempt: int, status: int, asked: float | None) -> float:
        """Seconds before retry number `attempt` (from 1), after a failure of this status that asked
        for so many; infinite where no retry is to be made."""
        rules, rule = self._rules, self._rules.rule
        told = 0.0 if rules.most is None else rule.asked(status, asked, rules.most)
        self.asked = told
        self._asked_for += told
        if rule.total is not None and self._asked_for > rule.total:
            return math.inf
        backoff = rules.of(status)
        u = 0.0 if backoff.jitter == "none" else self._draw("jitter")
        self._latest = backoff.delay(attempt, u, self._latest)
        if rule.ends_backoff and self._asked_for > 0:
            self._latest = 0.0
        wait = rule.pause(self._latest, told)
        return wait + backoff.added * self._draw("added") if backoff.added else wait
