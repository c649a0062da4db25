"""Limiters of other libraries that no layer uses, for their recorded vectors."""

from __future__ import annotations


class Throttle:
    """Retries while more than half of `most` tokens are left: a failure takes one, a success gives
    `ratio` of one back.

    Counts thousandths, so decimals of `ratio` beyond three are ignored. Source: gRPC proposal A6,
    retry throttling.
    """

    def __init__(self, most: int = 10, ratio: float = 0.1) -> None:
        self._most = self.thousandths = most * 1000
        self._ratio = int(ratio * 1000 + 1e-9)

    @property
    def allowed(self) -> bool:
        """Whether a failed call may be tried again."""
        return self.thousandths > self._most / 2

    def failure(self) -> bool:
        """A call failed; whether it may be tried again."""
        self.thousandths = max(0, self.thousandths - 1000)
        return self.allowed

    def success(self) -> None:
        """A call succeeded."""
        self.thousandths = min(self._most, self.thousandths + self._ratio)
