"""What failoverbench says of a run: its verdicts and the checks of its catalogue (methodology 0.1,
2026-09), in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simroute.testing.conformance.failoverbench.faults import Fault, Kind

PATIENCE: Mapping[Kind, float] = {
    "limited": 20.0,
    "once": 20.0,
    "persistent": 40.0,
    "reset": 20.0,
    "silent": 130.0,
    "slow": 60.0,
    "cut": 40.0,
    "stalled": 70.0,
    "malformed": 30.0,
    "endless": 30.0,
    "too_long": 20.0,
    "filtered": 20.0,
    "outage": 30.0,
}
"""Seconds after which a caller has left, by fault: nothing heard by then is a hang."""
SLACK = 10.0
"""Seconds that a silent provider may cost beside a time limit for each try."""
FIRST_TOKEN, BOUNDED, PROMPT, BACK = 15.0, 45.0, 8.0, 30.0
"""Seconds: of a slow first token, of a stall, of an answer without an end mark, and from the end of
an outage to the first answer of the primary."""
AT_ONCE = {"limited": (1.5, 2), "persistent": (3.0, 4)}
"""Attempts that may be made in so many seconds from the first."""
MOST = 6
"""Attempts at a provider that keeps refusing."""


@dataclass(frozen=True)
class Seen:
    """One run. starts: of attempts at the primary; elsewhere: attempts at the fallback; has_backup:
    whether the system claims to have one. answered: None when the caller had left, and `whole` says
    whether what it got as an answer was one. back, served: of an outage."""

    starts: tuple[float, ...]
    elsewhere: int
    has_backup: bool
    answered: bool | None
    whole: bool
    total: float
    back: float | None = None
    served: tuple[int, int] = (0, 0)


def verdict(fault: Fault, seen: Seen) -> str:
    """pass, partial, safe or fail."""
    if seen.answered is None or not _is_required(fault, seen):
        return "fail"
    if fault.kind == "filtered":
        return "partial" if seen.answered else "pass"
    if seen.answered and not seen.whole:
        return "fail"
    if not seen.answered:
        return "safe"
    return "pass" if _is_advised(fault, seen) else "partial"


def _is_required(fault: Fault, seen: Seen) -> bool:
    count, kind = len(seen.starts), fault.kind
    if kind in AT_ONCE:
        seconds, most = AT_ONCE[kind]
        if (
            fault.spoilt.status == 429
            and sum(start - seen.starts[0] < seconds for start in seen.starts) > most
        ):
            return False
    if kind == "persistent":
        return count <= MOST
    if kind == "silent":
        return seen.total <= (fault.setup.retries + 1) * fault.setup.timeout + SLACK
    if kind == "stalled":
        return seen.total <= BOUNDED
    if kind == "endless":
        return seen.total <= PROMPT
    if kind in ("too_long", "filtered"):
        return count == 1
    if kind == "outage" and seen.has_backup:
        served, asked = seen.served
        return 0 < asked == served and seen.back is not None and seen.back <= BACK
    return True


def _is_advised(fault: Fault, seen: Seen) -> bool:
    count = len(seen.starts)
    if fault.kind == "limited":
        return count > 1 and seen.starts[1] - seen.starts[0] >= 0.9 * fault.setup.retry_after
    if fault.kind == "once":
        return count > 1
    if fault.kind == "silent":
        return count == 1
    if fault.kind == "slow":
        return not seen.has_backup or seen.total <= FIRST_TOKEN
    return True
