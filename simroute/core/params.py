"""Markers with which parameters are declared once, as annotated fields: unit, range, and what they
are for.

`config.fields` reads them, for validation, `describe` and the JSON Schema.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

MOST_SEED = 2**64 - 1
"""A seed is a number of 64 bits."""


class Unit(NamedTuple):
    """Kind of quantity, for parsing and display: "s", "share", "USD", "count", "1/s", "tokens",
    "1/min", "name" …"""

    name: str


class Range(NamedTuple):
    """Inclusive bounds; `above` excludes the lower one."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False


class Grammar(NamedTuple):
    """A text that `read` understands; it raises ValueError where it does not."""

    read: Callable[[str], Any]


class Doc(NamedTuple):
    """What the parameter does, in one line."""

    text: str


Seconds = Annotated[float, Unit("s"), Range(low=0)]
Period = Annotated[float, Unit("s"), Range(low=0, above=True)]
Share = Annotated[float, Unit("share"), Range(0, 1)]
Usd = Annotated[float, Unit("USD"), Range(low=0)]
Rate = Annotated[float, Unit("1/s"), Range(low=0)]
PerMinute = Annotated[float, Unit("1/min"), Range(low=0, above=True)]
Count = Annotated[int, Unit("count"), Range(low=0)]
Positive = Annotated[int, Unit("count"), Range(low=1)]
AtOnce = Annotated[int, Unit("count"), Range(1, 100)]
"""Calls side by side for one request."""
Factor = Annotated[float, Unit("factor"), Range(low=0, above=True)]
AtLeastOne = Annotated[float, Unit("factor"), Range(low=1)]
Ratio = Annotated[float, Unit("factor"), Range(0, 10)]
Weight = Annotated[float, Unit("weight"), Range(low=0)]
Name = Annotated[str, Unit("name")]
TargetName = Annotated[str, Unit("target")]
"""A deployment's name or one of `core.target.ROLES`; checked against the scenario before anything
runs."""
TaskName = Annotated[str, Unit("task")]
FeatureName = Annotated[str, Unit("feature")]
WorkName = Annotated[str, Unit("task or feature")]
ProviderName = Annotated[str, Unit("provider")]
ModelName = Annotated[str, Unit("model")]
WhoName = Annotated[str, Unit("user, task or feature")]
PlaceName = Annotated[str, Unit("provider, domain or deployment")]
"""Names of what a scenario or a replayed log has: `config.names` compares them with
both, and says of unknown ones what is near."""
Status = Annotated[int, Unit("status"), Range(100, 599)]
Statuses = tuple[Status, ...]
FAILURES = (408, 429, 500, 502, 503, 504, 529)
"""Statuses after which asking somebody else, or again, may help."""
ILL = (408, 500, 502, 503, 504, 529)
"""The same without 429, which says that too much was asked, not that the target is ill."""
When = Annotated[float | str, Unit("when")]
"""A moment of a run: seconds (or a duration) from its start, or a share of its horizon written as a
percentage ("30%")."""
Zone = Annotated[str, Unit("zone")]
"""A time zone by its name in the IANA database, such as Europe/Berlin."""
Clock = Annotated[str, Unit("clock")]
"""A time of day, HH:MM."""
Start = Annotated[float | str, Unit("start"), Range(0, 168)]
"""When a run begins: an hour of the week (0 is Monday 00:00), or a date such as
2026-08-03T15:00."""
File = Annotated[str, Unit("file")]
"""A path, relative to the file that names it; made absolute and hashed before anything runs."""
