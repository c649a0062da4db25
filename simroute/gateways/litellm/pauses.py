"""How long is waited for what, as plain functions."""

from __future__ import annotations

from simroute.core import Outcome

FIRST_DELAY, MOST_DELAY, MOST_ASKED = 0.5, 8.0, 60.0
"""Seconds: the first back-off, the longest, and the longest Retry-After that is obeyed."""


async def done(outcome: Outcome) -> Outcome:
    """Nobody needs to be asked."""
    return outcome


def client_pause(asked: float | None, tries: int) -> float:
    """Seconds until the HTTP client's next send."""
    return asked if asked and asked <= MOST_ASKED else min(FIRST_DELAY * 2.0**tries, MOST_DELAY)


def whole(seconds: float | None) -> float | None:
    """Retry-After, of which only whole seconds are read."""
    return seconds if seconds is not None and seconds == int(seconds) else None
