"""Figures as people read them: sensible digits, with their units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from simroute.text import clean


def percent(share: float | None) -> str:
    """A share with digits enough to tell it from 0 and 100 %."""
    return "n/a" if share is None else f"{100 * share:.{_percent_digits(share)}f} %"


def _percent_digits(share: float) -> int:
    return 4 if 0 < min(abs(share), abs(1 - share)) <= 0.0005 else 2


def usd(value: float | None) -> str:
    """Dollars and cents; less than ten cents with three digits that matter, however little it
    is."""
    if value is None or 0 < abs(value) < 0.1:
        return money(value)
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def money(value: float | None, signed: bool = False) -> str:
    """Dollars with at least three digits that matter, and cents."""
    if value is None:
        return "n/a"
    digits = _money_digits(value)
    return f"{'-' if value < 0 else '+' if signed else ''}${abs(value):,.{digits}f}"


def _money_digits(value: float) -> int:
    return min(12, max(2, 2 - math.floor(math.log10(abs(value))))) if value else 2


def about_usd(value: float | None) -> str:
    """Dollars with three digits that matter: $164,000."""
    if value is None or abs(value) < 100:
        return usd(value)
    size = 10 ** (math.floor(math.log10(abs(value))) - 2)
    return f"{'-' if value < 0 else ''}${round(abs(value) / size) * size:,.0f}"


def large(count: float) -> str:
    """A count with three digits that matter: 31.1 million."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(count) >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,.0f}" if abs(count) >= 100 else f"{count:.3g}"


def seconds(value: float | None) -> str:
    """Seconds with three digits that matter; from two minutes on as `duration` tells them."""
    if value is None:
        return "n/a"
    if abs(value) >= CLOCK:
        return duration(value)
    return f"{value:.{_second_digits(value)}f} s"


def _second_digits(value: float) -> int:
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2


def quantity(value: float, unit: str) -> str:
    """A value of a parameter in its unit: a share or "%" in per cent, "s" as a duration."""
    if unit == "share":
        return f"{100 * value:.4g} %"
    return duration(value) if unit == "s" else f"{value:.4g}{' %' if unit == '%' else ''}"


def short_key(key: str) -> str:
    """A key without the prefix that all of its kind share."""
    return key.removeprefix("scenario.").removeprefix("policy.")


QUANTITIES = ("s", "1/s", "1/min", "USD")
"""Units that stand beside a setting; shares and counts stand as they are written."""


def setting_text(value: Any, unit: str = "") -> str:
    """A value as it stands in a policy file, a number with its unit."""
    if isinstance(value, list):
        return f"[{', '.join(setting_text(each, unit) for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    text = f"{value:g}" if isinstance(value, float) else clean(str(value), 60)
    return f"{text} {unit}" if unit in QUANTITIES and isinstance(value, (int, float)) else text


def parameter_units(summary: dict[str, Any]) -> dict[str, str]:
    """LAYER.KEY of a search's summary.json -> its unit, which an earlier version did not write."""
    return {row["name"]: row.get("unit", "") for row in summary["space"]}


def number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def span(mean: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """A figure with its interval, in as many digits as the interval justifies; unit "share" is
    shown in per cent, "s" from two minutes on as `duration` tells it."""
    if mean is None or low is None or high is None:
        return figure(mean, low, high, unit)
    form = _format((high - low) / 2, mean, unit)
    lower, upper = form.bare(low), form.bare(high)
    return form.full(mean) if lower == upper else f"{form.full(mean)} ({lower} to {upper})"


def figure(mean: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """A figure alone, in digits as `percent`, `seconds` and `money` have them, and no more than its
    interval justifies."""
    if mean is None:
        return "n/a"
    if low is None or high is None:
        return {"share": percent, "s": seconds, "USD": usd}.get(unit, _plain)(mean)
    return _format((high - low) / 2, mean, unit, _READABLE).full(mean)


def half_width(mean: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """How far it is from a figure to the farther end of its interval, in the figure's digits and
    unit; "-" without an interval. Bounds of shares do not lie evenly around the mean."""
    if mean is None or low is None or high is None:
        return "-"
    return _format((high - low) / 2, mean, unit, _READABLE).bare(max(high - mean, mean - low))


def change(mean: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """A difference with its sign and its interval; one of shares is in points (pp), one in seconds
    stays in seconds."""
    if mean is None:
        return "n/a"
    scale, after = {"share": (100.0, " pp"), "s": (1.0, " s")}.get(unit, (1.0, ""))
    if low is None or high is None:
        return f"{mean * scale:+,.2f}{after}"
    most = _READABLE["USD"](mean) if unit == "USD" else 2
    digits = min(most, _digits((high - low) / 2 * scale, mean * scale))
    middle, lower, upper = (f"{value * scale:+,.{digits}f}" for value in (mean, low, high))
    return f"{middle}{after} ({lower} to {upper})"


def difference_span(
    mean: float | None, low: float | None, high: float | None, unit: str = ""
) -> str:
    """A difference with its interval, as `span` formats it; one of shares is in points."""
    return span(mean, low, high, unit).replace(" %", " points")


class Format(NamedTuple):
    """How figures of a size are told: the bare figure, and what stands before and after it."""

    bare: Callable[[float], str]
    before: str = ""
    after: str = ""

    def full(self, value: float) -> str:
        """The figure with its unit."""
        text = self.bare(value)
        sign, size = ("-", text[1:]) if text[0] == "-" else ("", text)
        return f"{sign}{self.before}{size}{self.after}"


_READABLE: dict[str, Callable[[float], int]] = {
    "share": _percent_digits,
    "s": _second_digits,
    "USD": _money_digits,
}
"""Unit -> the decimals that are enough for a reader."""


def _format(
    half: float,
    mean: float,
    unit: str,
    most: Mapping[str, Callable[[float], int]] = MappingProxyType({}),
) -> Format:
    """How a figure and its bounds are told. `half`: half the width of its interval; `most`: the
    decimals that are enough, by unit."""
    if unit == "s" and abs(mean) >= CLOCK:
        return _clock_format(half, abs(mean))
    scale = 100.0 if unit == "share" else 1.0
    digits = _digits(half * scale, mean * scale)
    digits = min(digits, most[unit](mean)) if unit in most else digits
    before, after = {"share": ("", " %"), "s": ("", " s"), "USD": ("$", "")}.get(unit, ("", ""))
    return Format(lambda value: f"{value * scale:,.{digits}f}", before, after)


def _clock_format(half: float, mean: float) -> Format:
    """Minutes up to two hours, hours up to two days, then days; parts of them only where the
    interval justifies them."""
    size, name = next(each for each in LARGE if mean >= 2 * each[0])
    part = size / 60
    if name == "d" or half >= size:
        digits = _digits(half / size, mean / size) if name == "d" else 0
        return Format(lambda value: f"{value / size:,.{digits}f}", after=f" {name}")
    return Format(lambda value: _clock(round(value / part)), after=f" {name}")


def _clock(parts: int) -> str:
    """Sixtieths as 12:45."""
    whole, rest = divmod(abs(parts), 60)
    return f"{'-' if parts < 0 else ''}{whole:,}:{rest:02}"


def _digits(half: float, mean: float) -> int:
    """Decimals: two significant digits of the half-width, or three of the figure where it does not
    vary; at most four, or three of a small one."""
    size = half if half > 0 else abs(mean) / 10
    most = 4 if abs(mean) >= 0.01 or mean == 0 else min(12, 2 - math.floor(math.log10(abs(mean))))
    return min(most, max(0, 1 - math.floor(math.log10(size)))) if size > 0 else 0


def _plain(value: float) -> str:
    is_whole = float(value).is_integer() or abs(value) >= 1000
    return f"{value:,.0f}" if is_whole else f"{value:,.3g}"


CLOCK = 120.0
"""Seconds from which on a time is told in minutes and more."""
LARGE = ((86_400, "d"), (3600, "h"), (60, "min"))
"""Seconds of the units of a time, from the longest."""


LONGEST = 86_400e6
"""Seconds from which on nobody counts hours."""


def duration(value: float) -> str:
    """A time as one would say it: 90 s, 45 min, 2:30 min, 12:45 h, 2 d 12 h."""
    if value < 0:
        return f"-{duration(-value)}"
    if (value < CLOCK and value != 60) or not math.isfinite(value):
        return f"{value:.3g} s"
    if value >= LONGEST:
        return f"{value / 86_400:.3g} d"
    whole = round(value)
    if whole < 7200 and whole % 60 == 0:
        return f"{whole // 60} min" if whole != 3600 else "1 h"
    if whole < 7200:
        return f"{_clock(whole)} min"
    minutes = round(value / 60)
    if minutes < 2 * 1440:
        text = _clock(minutes).removesuffix(":00")
        return f"{text} h" if minutes != 1440 else "1 d"
    days, hours = divmod(round(value / 3600), 24)
    return f"{days:,} d {hours} h" if hours else f"{days:,} d"
