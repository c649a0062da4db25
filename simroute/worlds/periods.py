"""Where the days, weeks and months of budgets begin and end: on a clock in a zone, changes of
clocks included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONDAY, DAYS_30 = 345_600.0, 2_592_000.0
"""Seconds since 1970 of a Monday, 00:00 UTC: where a world begins that knows no date; and a month
without a date."""
FIRST: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
"""The first day of the period that a day belongs to."""
LONGEST = {"day": 1, "week": 7, "month": 31}


class Periods:
    """Of a world whose second 0 is `start` (s since 1970), with `scale` seconds of the calendar a
    second; only hours and weekdays unless `dated`."""

    def __init__(self, start: float = MONDAY, scale: float = 1.0, dated: bool = False) -> None:
        self._start, self._scale, self._dated = start, scale, dated

    def __call__(self, now: float, kind: str, zone: str, reset: str) -> tuple[float, float]:
        """Begin and end, in seconds of the world, of the day, week (from Monday on) or month that
        `now` is in; it begins at `reset` in `zone`.

        A world without dates has months of 30 days from its start, and its clock is that of the
        zone.
        """
        if kind == "month" and not self._dated:
            long = DAYS_30 / self._scale
            return now // long * long, (now // long + 1) * long
        begin, end = bounds(
            self._start + now * self._scale, kind, zone if self._dated else "UTC", reset
        )
        return (begin - self._start) / self._scale, (end - self._start) / self._scale


def bounds(moment: float, kind: str, zone: str, reset: str) -> tuple[float, float]:
    """The same in seconds since 1970. A `reset` that a change of clocks skips comes an hour later,
    one that it repeats counts once."""
    here, clock = ZoneInfo(zone), time.fromisoformat(reset)

    def begins(day: date) -> float:
        return datetime.combine(day, clock, here).timestamp()

    first = FIRST[kind](datetime.fromtimestamp(moment, UTC).astimezone(here).date())
    if begins(first) > moment:
        first = FIRST[kind](first - timedelta(days=1))
    following = FIRST[kind](first + timedelta(days=LONGEST[kind]))
    return begins(first), begins(following)
