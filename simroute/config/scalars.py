"""One value: a number in its range, a duration, a share, a word. Every refusal says what would be
right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simroute.config.fields import Scalar
from simroute.core.params import Range
from simroute.errors import nearest
from simroute.models.calendar import parse_start
from simroute.models.spec.kinds import ErrorKind

CEILINGS = {
    "s": 1e9,
    "when": 1e9,
    "1/s": 1e6,
    "1/min": 1e9,
    "count": 1e9,
    "tokens": 1e9,
    "USD": 1e9,
    "USD/1M tokens": 1e6,
    "factor": 1e6,
    "weight": 1e9,
}
"""Unit -> the most that any parameter may be: 32 years, a million dollars per million tokens …
Products of larger ones would overflow."""
FLOORS = {"factor": 1e-6}
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
DURATION = re.compile(r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ms|s|m|h|d))+")
PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|s|m|h|d)")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
PERCENT = re.compile(r"[0-9]+(\.[0-9]+)?%")
CODE = re.compile(r"0|[1-9][0-9]{0,14}")


def scalar_check(scalar: Scalar, key: bool = False) -> Callable[[Any], Any]:
    """A function that returns a value in seconds and shares, or raises ValueError.

    key: of a mapping's key, which is a text where an override named it.
    """
    if scalar.choices:
        return partial(_choice, choices=scalar.choices)
    if scalar.type is bool:
        return _flag
    if scalar.read is not None:
        return partial(_read, read=scalar.read)
    if scalar.type is str:
        return NAMED.get(scalar.unit, _text)
    return partial(_quantity, scalar=scalar, key=key)


def _quantity(value: Any, scalar: Scalar, key: bool) -> Any:
    unit = scalar.unit
    if unit == "when" and isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    if unit == "start" and isinstance(value, str):
        parse_start(value)
        return value
    if key and scalar.type is int and isinstance(value, str) and CODE.fullmatch(value):
        value = int(value)
    if unit == "error" and isinstance(value, str):
        return _error_kind(value)
    number = _number(value, scalar.type, unit in ("s", "when"))
    for bound in scalar.ranges:
        _check_range(number, bound, unit, value)
    if not FLOORS.get(unit, -math.inf) <= number <= CEILINGS.get(unit, math.inf):
        edge = (
            f"at most {CEILINGS[unit]:,.0f}"
            if number > CEILINGS[unit]
            else f"at least {FLOORS[unit]:g}"
        )
        raise ValueError(
            f"{displayed(value)} is out of range; expected "
            f"{edge}{f' {unit}' if unit not in ('when', 'factor') else ''}"
        )
    return number


def _error_kind(value: str) -> str:
    if value not in get_args(ErrorKind):
        raise ValueError(
            f"expected a status from 400 to 599 or one of {', '.join(get_args(ErrorKind))}, found "
            f"{displayed(value)}{_own_key(value)}"
        )
    return value


def _own_key(value: str) -> str:
    """A remedy for kinds of failure that have keys of their own."""
    own = {"truncated": "truncated", "stalled": "stalled"}
    return f"; {own[value]} is a key of the deployment's own" if value in own else ""


def _read(value: Any, read: Callable[[str], Any]) -> str:
    text = _text(value)
    read(text)
    return text


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(_text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{displayed(value)} is no time zone; expected a name such as Europe/Berlin or UTC"
        ) from None


def _clock(value: Any) -> str:
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise ValueError(
            f'expected a time of day in quotes, such as "06:30", found {displayed(value)}'
        )
    return value


def displayed(value: Any) -> str:
    """A value as it may stand in a message."""
    text = (
        repr(value)
        if isinstance(value, (str, int, float, bool, type(None)))
        else type(value).__name__
    )
    return text if len(text) <= 60 else text[:57] + "…"


def range_text(bound: Range) -> str:
    """A range in words."""
    if bound.high == math.inf:
        return f"{'more than' if bound.above else 'at least'} {bound.low:g}"
    return f"{bound.low:g} to {bound.high:g}"


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    """One of these; a version such as 1.109 is read as a number, and means its text."""
    if isinstance(value, float) and str(value) in choices:
        return str(value)
    if value not in choices or isinstance(value, bool):
        near = nearest(str(value), list(map(str, choices)))
        hint = f"; {near}" if near.startswith("did") else ""
        raise ValueError(f"{displayed(value)} is not one of {', '.join(map(str, choices))}{hint}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {displayed(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {displayed(value)}; quote it")
    return value


def _number(value: Any, bare: Any, timed: bool) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {str(value).lower()}")
    if timed and isinstance(value, str) and DURATION.fullmatch(value):
        value = math.fsum(float(amount) * SECONDS[name] for amount, name in PART.findall(value))
    if not isinstance(value, (int, float)):
        raise ValueError(
            f"expected a {'duration such as 30s, 5m, 2h' if timed else 'number'}, found "
            f"{displayed(value)}{_plain_number(value)}"
        )
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}")
    if bare is int and value != int(value):
        raise ValueError(f"expected a whole number, found {value}")
    return int(value) if bare is int else float(value)


def _plain_number(value: Any) -> str:
    """A remedy for a text that looks like a number: '2' in quotes, 010, 1_000, 1,000, digits of
    other scripts; empty for other texts."""
    try:
        number = (
            float(re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", value))
            if isinstance(value, str) and len(value) <= 30
            else math.nan
        )
    except ValueError:
        return ""
    return (
        f"; write {int(number) if number.is_integer() else number}, without quotes"
        if math.isfinite(number)
        else ""
    )


def _check_range(number: float, bound: Range, unit: str, value: Any) -> None:
    if bound.low <= number <= bound.high and not (bound.above and number == bound.low):
        return
    if unit == "share" and 1 < number <= 100:
        raise ValueError(
            f"{number:g} is not a share from 0 to 1; it looks like a percentage: use "
            f"{number / 100:g}"
        )
    raise ValueError(f"{displayed(value)} is out of range; expected {range_text(bound)}")


NAMED: dict[str, Callable[[Any], str]] = {"zone": _zone, "clock": _clock}
"""Unit -> the check of texts of a special form."""
