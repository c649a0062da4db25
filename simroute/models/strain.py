"""What a deployment's times owe to the calls that it has: load, and the lack of any.

It depends on what is sent, so it is state of a deployment while a run lasts, like its slots.
"""

from __future__ import annotations

import math

from simroute.models import spec


class Strain:
    """Load and cold starts of one deployment."""

    def __init__(self, latency: spec.Latency) -> None:
        self._per_call = latency.load.per_call
        self._full_speed = latency.load.full_speed or math.inf
        self._after = latency.cold.after if latency.cold.after is not None else math.inf
        self._start = latency.cold.seconds
        self._idle_since, self._warm_at = -math.inf, -math.inf

    def begin(self, now: float, busy: int) -> tuple[float, float]:
        """A call begins, one of `busy` under way: seconds until its first token that are added, and
        by what its times are multiplied."""
        if busy == 1 and now - self._idle_since > self._after:
            self._warm_at = now + self._start
        added = max(0.0, self._warm_at - now) + self._per_call * (busy - 1)
        return added, max(1.0, busy / self._full_speed)

    def rest(self, now: float) -> None:
        """No call is under way any more."""
        self._idle_since = now


def is_strained(latency: spec.Latency) -> bool:
    """Whether its times depend on what is sent."""
    load, cold = latency.load, latency.cold
    return load.per_call > 0 or load.full_speed is not None or cold.after is not None
