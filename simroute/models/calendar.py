"""Which date and hour a second of a run is: a replay's are those of its log, a scenario's begin at
`workload.profile.starts`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from simroute.models import spec

if TYPE_CHECKING:  # completing a word needs dates, and no numbers
    from simroute.models.playback import TraceColumns

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
MONDAY = 4 * DAY
"""1970-01-05 00:00 UTC: where a week begins that has no date."""
START = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


class Calendar(NamedTuple):
    """`start`: seconds since 1970 (UTC) at t = 0; `scale`: seconds of the calendar for each second
    of the run.

    `dated`: whether the day is known; else only the hour of the week is, and the week is one of
    January 1970.
    """

    start: float = MONDAY
    scale: float = 1.0
    dated: bool = False

    def timestamp(self, t: float) -> float:
        """Seconds since 1970 at `t` seconds of the run."""
        return self.start + t * self.scale

    def run_time(self, moment: float) -> float:
        """Seconds of the run at so many seconds since 1970."""
        return (moment - self.start) / self.scale


def workload_calendar(load: spec.Workload, trace: TraceColumns | None = None) -> Calendar:
    """The calendar of a workload, with its trace where it has one. Faster replays and parts of a
    log keep its dates; a repeated log goes on with the next."""
    scale = 1.0 if trace is None else load.rate_scale
    if trace is not None and not trace.relative:
        return Calendar(trace.first_ns / 1e9 + load.trace_from, scale, True)
    starts = load.profile.starts
    if isinstance(starts, str):
        return Calendar(parse_start(starts).timestamp(), scale, True)
    return Calendar(MONDAY + starts * HOUR, scale)


def parse_start(starts: str) -> datetime:
    """A date, with a time of day where one is given; in UTC unless it has an offset. Raises
    ValueError."""
    try:
        if not START.fullmatch(starts):
            raise ValueError
        start = datetime.fromisoformat(starts)
    except ValueError:
        raise ValueError(
            f"{starts[:60]!r}: expected an hour of the week from 0 to 168, or a date such as "
            f"2026-08-03T15:00"
        ) from None
    return start if start.tzinfo is not None else start.replace(tzinfo=UTC)


def hour_of_week(starts: float | str) -> float:
    """Hours since Monday 00:00, on the clock in which a date is written."""
    if not isinstance(starts, str):
        return starts
    when = parse_start(starts)
    return when.weekday() * 24 + when.hour + when.minute / 60 + when.second / HOUR


def utc_day(moment: float) -> str:
    """YYYY-MM-DD in UTC of so many seconds since 1970."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
