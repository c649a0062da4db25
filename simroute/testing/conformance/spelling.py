"""How a configuration may be written: the names of its fields, times with their units, words.

A name is told by its letters and digits alone (`failureRateThreshold`, `failure-rate-threshold`),
what stands before its last dot may be left out, and a time's unit may stand at its end
(`cooldown_ms`). A time is a number of the field's own unit, or text that says its unit: `60s`,
`1m30s`, `PT30S`, `00:00:30`, `5.seconds`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from simroute.testing.conformance.verdict import Config, Inexpressible, Malformed, short

UNITS = {
    **dict.fromkeys(("ns",), Fraction(1, 10**9)),
    **dict.fromkeys(("us", "µs"), Fraction(1, 10**6)),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), Fraction(1, 1000)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hour", "hours"), Fraction(3600)),
    **dict.fromkeys(("d", "day", "days"), Fraction(86_400)),
}
"""Seconds of each, as they stand in text; those of two letters or `s` also at the end of names."""
PART = re.compile(r"(\d+(?:\.\d+)?)\s*\.?\s*([a-zµ]+)")
OF_BUILDERS = re.compile("^(with)?(circuitbreaker)?")
"""What a builder's or a property's name may begin with."""
CLOCK = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class Field(NamedTuple):
    """A field of a family's configuration. default: also what null means. others: how else it is
    spelt; one that is a time in milliseconds there ends with ` ms`. Fields in seconds are those
    whose name ends with `_s`."""

    default: Any
    others: tuple[str, ...] = ()


def snake(name: str) -> str:
    """A name in small letters with underscores: `bucketS` and `bucket-s` are no `buckets`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return words.replace("-", "_").replace(" ", "_")


def plain(name: object) -> str:
    """A name's letters and digits."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def exact(number: Any) -> Any:
    """A number as it is written, so that .1 s and .2 s are .3 s; what is infinite stays so. Raises
    Malformed for what is none."""
    if number in (math.inf, -math.inf):
        return number
    try:
        return Fraction(str(number))
    except ValueError:
        raise Malformed(f"{short(number)} is no number") from None


def to_seconds(value: Any, unit: Fraction = UNITS["s"]) -> Any:
    """A time, or a list of times, in seconds and exact; a number is of this unit (s)."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [to_seconds(each, unit) for each in value]
    if isinstance(value, Mapping):
        return sum(to_seconds(number, _unit(name)) for name, number in value.items())
    if not isinstance(value, str):
        return exact(value) * unit
    text = value.strip().lower()
    if NUMBER.fullmatch(text):
        return exact(text) * unit
    if clock := CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (exact(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    text = text.removeprefix("p").replace("t", "", 1) if text.startswith("p") else text
    parts = PART.findall(text)
    if not parts or PART.sub("", text).strip() or any(name not in UNITS for _, name in parts):
        raise Inexpressible(f"the time {value!r}")
    return sum(exact(number) * UNITS[name] for number, name in parts)


def _unit(name: str) -> Fraction:
    """Seconds of a unit. Raises Malformed where it is none."""
    if plain(name) not in UNITS:
        raise Malformed(f"{short(name)} is no unit of time")
    return UNITS[plain(name)]


def to_value(value: Any) -> Any:
    """What is no time: a number or a truth that is written as text, else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in ("true", "false"):
        return text == "true"
    if NUMBER.fullmatch(text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text


def read_fields(
    family: str, fields: Mapping[str, Field], idle: Iterable[str], config: Config
) -> Config:
    """A configuration with every field of its family, and under `given` which of them it says.
    idle: fields that say nothing here. Raises Inexpressible for one that the family does not
    have, Malformed for one that says two things."""
    spelt, of_no_effect = _spellings(fields), {plain(name) for name in idle}
    read: Config = {
        name: to_seconds(field.default) if name.endswith("_s") else field.default
        for name, field in fields.items()
    }
    given = set()
    for key, value in _flat(config, spelt):
        name = _named(key, spelt)
        if name in of_no_effect and name not in spelt:
            continue
        if name not in spelt:
            raise Inexpressible(f"the field {key} of {family}")
        if value is not None:
            field, unit = spelt[name]
            found = to_value(value) if unit is None else to_seconds(value, unit)
            if field in given and found != read[field]:
                raise Malformed(f"the field {field} stands twice, and not alike")
            read[field] = found
            given.add(field)
    return read | {"given": given}


def _named(key: str, spelt: Mapping[str, Any]) -> str:
    """What it is called there, or the last word of a name that is not there."""
    last = plain(key.rpartition(".")[2])
    tries = snake(key), plain(key), last, OF_BUILDERS.sub("", last)
    return next((name for name in tries if name in spelt), last)


def _flat(config: Config, spelt: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields, those in a group of fields too."""
    for key, value in config.items():
        if isinstance(value, Mapping) and _named(str(key), spelt) not in spelt:
            yield from _flat({str(name): each for name, each in value.items()}, spelt)
        else:
            yield key, value


def _spellings(fields: Mapping[str, Field]) -> dict[str, tuple[str, Fraction | None]]:
    """Name, as it stands or as `plain` -> field, and of a time its unit in seconds."""
    spelt: dict[str, tuple[str, Fraction | None]] = {}
    for name in fields:
        spelt[name] = (name, UNITS["s"] if name.endswith("_s") else None)
    for name, field in fields.items():
        if not name.endswith("_s"):
            for other in (name, *field.others):
                spelt[plain(other)] = (name, None)
    for name, field in fields.items():
        if not name.endswith("_s"):
            continue
        for other in (*field.others, name):
            stem, _, unit = other.partition(" ")
            stem = plain(stem.removesuffix("_s"))
            spelt.setdefault(stem, (name, UNITS[unit or "s"]))
            for suffix, seconds in UNITS.items():
                if len(suffix) > 1 or suffix == "s":
                    spelt.setdefault(stem + suffix, (name, seconds))
                    spelt.setdefault(f"{stem}in{suffix}", (name, seconds))
    return spelt
