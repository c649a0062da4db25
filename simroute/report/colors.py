"""Colours by what a thing is and how it is called: a policy has the same colour in every report;
deployments, states and kinds have palettes of their own, so that one colour means one thing.

Every colour has a contrast of at least 3 : 1 on the pages and cards of both themes (WCAG 2.2,
1.4.11). The colours of one palette are told apart in full sight and in protanopia, deuteranopia and
tritanopia (Machado, Oliveira and Fernandes 2009); dashes, markers and patterns differ as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple
from zlib import crc32

POLICIES = (
    "#3060f8",
    "#b05808",
    "#388050",
    "#a048c8",
    "#008890",
    "#e83078",
    "#a09000",
    "#5890c8",
    "#f840c0",
    "#8080f8",
)
DEPLOYMENTS = (
    "#6878b0",
    "#988040",
    "#607860",
    "#786888",
    "#409098",
    "#b88070",
    "#807030",
    "#9088c0",
)
KINDS = ("#3870b0", "#986068", "#607800", "#9870f8", "#b08850", "#589898")
"""Parts, causes and other series that are neither policies nor deployments, by their place."""
GREY = "#6e7781"
"""What is only held against the rest: a log, a bound, a promise, a frame."""
OK, BAD, LATE = "#2878d8", "#d1242f", "#b06f00"
"""Sends that answered, that failed, and that were given up."""
OPEN, HALF_OPEN = BAD, LATE
"""States of a breaker; closed is not drawn."""
PALE, DARK, WOVEN, CLEAR = "#d5d5d8", "#14181d", "#fff", "#0000"
"""The middle of a scale between two colours; text and patterns on a colour; no colour."""
SHADES = {"outage": "#6e778138", "throttling": "#b0885044", "crowd": "#2878d826"}
"""Weather below a picture, half transparent."""
PACKAGED = (
    "failover",
    "retry_only",
    "circuit_breaker",
    "cascade",
    "cached",
    "direct",
    "layered",
    "budget_shift",
    "recorded",
)
"""The packaged policies, each with the colour of its place here; other names follow from a hash."""
CAUSES = (
    "provider 529",
    "timed out here: total",
    "late: complete answer",
    "late: first token",
    "rate limited",
    "refused: breaker",
    "refused: budget",
    "truncated",
    "timed out here: first token",
    "hang",
    "provider 503",
    "provider 500",
)
"""The commonest causes of failure, each with the look of its place here."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "x",
    "star",
    "cross",
    "triangle-down",
    "pentagon",
    "hexagon",
)
PATTERNS = ("", "/", "x", "-", "\\", "+", ".", "|")


class Look(NamedTuple):
    """How a series is drawn: its colour, and what differs without colour."""

    color: str
    dash: str
    symbol: str
    pattern: str


def policy_looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of each policy of a page, whatever their order: a packaged policy's is always the
    same, another's too unless a policy of the page that comes before it in the alphabet has it."""
    return _looks(names, POLICIES, PACKAGED)


def deployment_looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of each deployment of a scenario, whatever their order."""
    return _looks(names, DEPLOYMENTS, ())


def kind_look(index: int) -> Look:
    """The look of the part or cause with this place among its like."""
    return _look(index, KINDS)


def cause_looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of each cause of failure, the same in all pictures as long as it is a common one."""
    return _looks(names, KINDS, CAUSES)


def _looks(names: Iterable[str], palette: Sequence[str], fixed: Sequence[str]) -> dict[str, Look]:
    """A look for each name; no two are the same, and colours repeat only when all are in use."""
    wanted = list(dict.fromkeys(names))
    places = {name: fixed.index(name) for name in wanted if name in fixed}
    size = len(palette)
    for name in sorted(set(wanted) - set(fixed)):
        start = crc32(name.encode("utf-8", "surrogatepass")) % size
        order = (turn * size + (start + step) % size for turn in count() for step in range(size))
        places[name] = next(place for place in order if place not in places.values())
    return {name: _look(places[name], palette) for name in wanted}


def _look(place: int, palette: Sequence[str]) -> Look:
    """Beyond the palette its colours come again, with other dashes, markers and patterns."""
    color, turn = place % len(palette), place // len(palette)
    return Look(
        palette[color],
        DASHES[(color + turn) % len(DASHES)],
        MARKERS[(color + turn) % len(MARKERS)],
        PATTERNS[(color + turn) % len(PATTERNS)],
    )
