"""`--vary KEY=LOW..HIGH`: what is varied, and over which values.

scenario.outages.morning.error_share=0.1..1.0      seven values, evenly
scenario.workload.rate=1..9:5                      five of them
"policy.breaker.cooldown=5s..120s log"             by factors
scenario.workload.rate=x1..x1.2:2                  as it is, and a fifth more
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from simroute.config.configuration import Configuration
from simroute.config.variation import NumericKey, numeric_key
from simroute.errors import InputError

POINTS, MOST_POINTS, MOST_CELLS = 7, 50, 400
RANGE = re.compile(r"([^=\s]+)=\s*(.+?)\.\.(.+?)(?::\s*([^\s:]+))?(\s+log)?\s*")
SHAPE = (
    "expected KEY=LOW..HIGH, KEY=LOW..HIGH:POINTS or 'KEY=LOW..HIGH log', such as "
    "scenario.outages.morning.error_share=0.1..1.0"
)


@dataclass(frozen=True)
class ParameterRange:
    """A key and the values that it takes, in order; `written`: the same as an override has them."""

    key: str
    unit: str
    log: bool
    values: tuple[float, ...]
    written: tuple[str, ...]


def parse_ranges(texts: list[str], configuration: Configuration) -> list[ParameterRange]:
    """Read one or two ranges. Raises InputError with every mistake."""
    ranges: list[ParameterRange] = []
    problems: list[str] = []
    for text in texts:
        try:
            ranges.append(_parse_range(text, configuration))
        except InputError as error:
            problems += [f"--vary {text}: {line}" for line in error.lines]
    if not texts:
        problems.append(f"--vary: nothing to vary; {SHAPE}")
    if len(texts) > 2:
        problems.append(f"--vary: at most two at a time, found {len(texts)}")
    keys = [each.key for each in ranges]
    problems += [
        f"--vary {key}: stands twice"
        for key in sorted({key for key in keys if keys.count(key) > 1})
    ]
    cells = math.prod(len(each.values) for each in ranges)
    if cells > MOST_CELLS:
        problems.append(
            f"--vary: {cells} settings are too many, at most {MOST_CELLS}; give fewer points, "
            f"such as KEY=LOW..HIGH:5"
        )
    if problems:
        raise InputError(*problems)
    return ranges


def _parse_range(text: str, configuration: Configuration) -> ParameterRange:
    match = RANGE.fullmatch(text.strip())
    if match is None:
        raise InputError(SHAPE)
    key, low, high, points, log = match.groups()
    known = numeric_key(key, configuration)
    ends = [known.parse(end) for end in (low, high)]
    shares = [isinstance(end, str) for end in ends]
    if any(shares) and not all(shares):
        raise InputError("give both ends as durations, or both as shares of the horizon")
    numbers = [float(end[:-1]) if isinstance(end, str) else float(end) for end in ends]
    values = _values(numbers[0], numbers[1], _points(points), bool(log), known)
    mark = "%" if all(shares) else ""
    return ParameterRange(
        key,
        "%" if mark else known.unit,
        bool(log),
        values,
        tuple(f"{value:.12g}{mark}" for value in values),
    )


def _points(text: str | None) -> int:
    if text is None:
        return POINTS
    if not text.isdigit() or not 2 <= int(text) <= MOST_POINTS:
        raise InputError(f"{text!r} points: expected a whole number from 2 to {MOST_POINTS}")
    return int(text)


def _values(
    low: float, high: float, points: int, log: bool, known: NumericKey
) -> tuple[float, ...]:
    if low >= high:
        raise InputError(f"{low:g}..{high:g} is empty: the lower end must be below the upper one")
    if log and low <= 0:
        raise InputError(f"log needs a range above 0, found {low:g}..{high:g}")
    steps = [step / (points - 1) for step in range(points)]
    exact = [low * (high / low) ** step if log else low + (high - low) * step for step in steps]
    rounded = [float(round(value)) if known.whole else float(f"{value:.6g}") for value in exact]
    return tuple(dict.fromkeys([low, *rounded[1:-1], high]))
