"""How long to wait before trying again. Formulas: AWS Architecture Blog, Exponential Backoff And Jitter (2015)."""

from __future__ import annotations


def backoff(attempt: int, u: float, initial: float, factor: float, most: float, jitter: str, before: float) -> float:
    """Seconds before the retry number `attempt` (from 1), with `u` uniform in [0, 1) and `before` the wait before this one."""
    if jitter == "decorrelated":
        return min(most, initial + u * (3 * max(before, initial) - initial))
    full = min(most, initial * factor ** (attempt - 1))
    if jitter == "full":
        return u * full
    if jitter == "equal":
        return full / 2 + u * full / 2
    if jitter == "proportional":
        return full * (0.8 + 0.4 * u)
    return full
