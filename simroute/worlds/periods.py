"""Where days, weeks and months of budgets begin and end on the clock of a zone, daylight saving
included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONDAY, DAYS_30 = 345_600.0, 2_592_000.0
"""The start of a world without dates, a Monday, 00:00 UTC, in seconds since 1970; and the length of
its months."""
FIRST: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
"""Kind -> the first day of the period that a day belongs to."""
LONGEST = {"day": 1, "week": 7, "month": 31}


class Periods:
    """Calendar periods in seconds of a world.

    start: the calendar's time (s since 1970) at second 0. scale: calendar seconds in one second of
    the world. dated: False where only hours and weekdays are known.
    """

    def __init__(self, start: float = MONDAY, scale: float = 1.0, dated: bool = False) -> None:
        self._start, self._scale, self._dated = start, scale, dated

    def __call__(self, now: float, kind: str, zone: str, reset: str) -> tuple[float, float]:
        """Returns begin and end (s of the world) of the day, week (from Monday) or month that
        contains `now` and begins at `reset` in `zone`.

        Without dates months have 30 days from second 0, and the world's clock is the zone's.
        """
        if kind == "month" and not self._dated:
            length = DAYS_30 / self._scale
            return now // length * length, (now // length + 1) * length
        begin, end = bounds(
            self._start + now * self._scale, kind, zone if self._dated else "UTC", reset
        )
        return (begin - self._start) / self._scale, (end - self._start) / self._scale


def bounds(moment: float, kind: str, zone: str, reset: str) -> tuple[float, float]:
    """Returns the same in seconds since 1970. A `reset` that a change of clocks skips comes an hour
    later; one that it repeats counts once."""
    timezone, clock = ZoneInfo(zone), time.fromisoformat(reset)

    def begin_of(day: date) -> float:
        return datetime.combine(day, clock, timezone).timestamp()

    first = FIRST[kind](datetime.fromtimestamp(moment, UTC).astimezone(timezone).date())
    if begin_of(first) > moment:
        first = FIRST[kind](first - timedelta(days=1))
    following = FIRST[kind](first + timedelta(days=LONGEST[kind]))
    return begin_of(first), begin_of(following)
