"""How much is under way, and how much of it fails."""

from __future__ import annotations

from simroute.gauges.results import Window


class Load:
    """Calls under way, and the share of those that failed among the ones that ended within the last
    `window` seconds; fewer than `min_calls` say nothing."""

    def __init__(self, window: float, min_calls: int) -> None:
        self.under_way, self.min_calls = 0, min_calls
        self._ended = Window(window)

    def begin(self) -> None:
        """A call begins."""
        self.under_way += 1

    def end(self, now: float, failed: bool | None) -> None:
        """It has ended; None: so that nothing follows from it."""
        self.under_way -= 1
        if failed is not None:
            self._ended.add(now, failed)

    def failing(self, now: float) -> float:
        """The share that failed lately; 0 while too few ended."""
        calls, failed = self._ended.seen(now)
        return failed / calls if calls >= max(self.min_calls, 1) else 0.0
