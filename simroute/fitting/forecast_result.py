"""A forecast beside what came: its figures, how often its intervals held, and what it is good
for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

from simroute.fitting.fit import Fit
from simroute.fitting.goodness import failure_bound
from simroute.fitting.grades import Grade, trust_sentence
from simroute.statistics.intervals import LEVEL, binomial
from simroute.units import duration, span


class Figure(NamedTuple):
    """A figure that is forecast. what: in a sentence. name: with its unit of time. unit: of `span`.
    meaning: unit, and what is counted."""

    what: str
    name: str
    unit: str
    meaning: str


FIGURES = {
    "rate": Figure("requests", "requests a second", "", "requests a second"),
    "input_tokens": Figure("input tokens", "input tokens a second", "", "input tokens a second"),
    "output_tokens": Figure(
        "output tokens", "output tokens a second", "", "output tokens a second"
    ),
    "cost": Figure("cost", "cost an hour", "USD", "USD an hour"),
    "p95": Figure("latency", "p95 of latency", "s", "s, 95 % of answered calls take no longer"),
    "success": Figure(
        "success",
        "success",
        "share",
        "share of calls that are answered, of those that are no request's own fault",
    ),
}
"""The last three only where the log, or the deployments given, tell them."""
ROUNDING = 5e-4
"""Relative, of a bound: the numbers of a fitted scenario have four digits, so its figures cannot be
nearer."""


class ForecastWindow(NamedTuple):
    """start, end: seconds of the log. intervals: figure -> (low, high, what came; None where the
    log does not tell it)."""

    start: float
    end: float
    intervals: dict[str, tuple[float, float, float | None]]


@dataclass
class Forecast:
    """A prediction, compared with what came.

    >>> result = forecast(read([Path("log.jsonl")]), "log.jsonl")
    >>> result.overall["rate"], result.coverage["rate"], result.grades["rate"]

    trained, held_out: requests. split: seconds of the log. overall: figure -> (low, median, high,
    what came). notes: what the figures leave out, in sentences.
    """

    fit: Fit
    trained: int
    held_out: int
    split: float
    replications: int
    overall: dict[str, tuple[float, float, float, float | None]]
    windows: list[ForecastWindow]
    notes: list[str]

    @property
    def coverage(self) -> dict[str, tuple[int, int]]:
        """Figure -> (windows with what came inside of the interval, windows)."""
        coverage = {}
        for name in self.overall:
            intervals = [
                window.intervals[name] for window in self.windows if name in window.intervals
            ]
            known = [(low, high, came) for low, high, came in intervals if came is not None]
            if known:
                coverage[name] = sum(starmap(contains, known)), len(known)
        return coverage

    @property
    def grades(self) -> dict[str, Grade]:
        """Figure -> good where it held in all and its windows held as often as they say, fair where
        one of both is so, else bad; without figures of which the log tells nothing."""
        return {
            name: grade_forecast(contains(low, high, came), self.coverage.get(name))
            for name, (low, _, high, came) in self.overall.items()
            if came is not None
        }

    def lines(self) -> list[str]:
        """What the forecast is good for, and where it failed, in sentences."""
        ahead = self.windows[-1].end - self.split
        bound = (
            failure_bound(self.fit.rows) if self.overall.get("success", ())[3:] == (1.0,) else ""
        )
        verdict = trust_sentence(
            f"This forecast, tried on the next {duration(ahead)},",
            {
                FIGURES[name].what: grade
                for name, grade in self.grades.items()
                if not (bound and name == "success")
            },
        )
        basis = (
            f"The first {duration(self.split)} of the log ({self.trained:,} requests) were fitted; "
            f"the next {duration(ahead)} ({self.held_out:,} requests) were predicted and compared "
            f"with what came."
        )
        return [*filter(None, [verdict, bound]), basis, *self._misses()]

    def _misses(self) -> Iterator[str]:
        """A sentence for each figure that is not good."""
        for name, grade in self.grades.items():
            low, middle, high, came = self.overall[name]
            if grade == "good" or came is None:
                continue
            figure = FIGURES[name]
            shown, predicted = (
                span(came, None, None, figure.unit),
                span(middle, low, high, figure.unit),
            )
            texts = [f"{shown} came, {predicted} predicted"]
            if name in self.coverage:
                held, windows = self.coverage[name]
                often = ", fewer than chance explains" if holds_too_rarely(held, windows) else ""
                texts.append(f"{held} of {windows} windows held{often}")
            yield f"{figure.name[:1].upper()}{figure.name[1:]}: {'; '.join(texts)}."

    def plain(self) -> dict[str, Any]:
        """All of it as plain data for JSON."""
        return {
            "trained": self.trained,
            "held_out": self.held_out,
            "split_s": self.split,
            "replications": self.replications,
            "level": LEVEL,
            "lines": self.lines(),
            "overall": {
                name: FIGURES[name]._asdict()
                | dict(zip(("low", "median", "high", "actual"), values, strict=True))
                | {"held": _held(values[0], values[2], values[3]), "grade": self.grades.get(name)}
                for name, values in self.overall.items()
            },
            "coverage": {
                name: {"held": held, "windows": windows}
                for name, (held, windows) in self.coverage.items()
            },
            "windows": [
                {"start_s": window.start, "end_s": window.end}
                | {
                    name: dict(zip(("low", "high", "actual"), values, strict=True))
                    | {"held": _held(*values)}
                    for name, values in window.intervals.items()
                }
                for window in self.windows
            ],
            "notes": [*self.fit.head, *self.notes],
        }


def _held(low: float, high: float, came: float | None) -> bool | None:
    """Whether what came lies within these bounds; None where the log does not tell it."""
    return None if came is None else contains(low, high, came)


def contains(low: float, high: float, value: float) -> bool:
    """Whether the value lies within these bounds, as far as the digits of a fitted scenario go."""
    return low - ROUNDING * abs(low) <= value <= high + ROUNDING * abs(high)


def holds_too_rarely(held: int, windows: int) -> bool:
    """Whether so few windows would hold by chance in fewer than one log of forty, were the
    intervals right and windows independent (the upper bound of Clopper and Pearson is below the
    level)."""
    return binomial(held, windows)[1] < LEVEL


def grade_forecast(is_held: bool, coverage: tuple[int, int] | None) -> Grade:
    """Of a figure that held in all or not, and whose windows held so often."""
    if coverage is None:
        return "good" if is_held else "bad"
    often = not holds_too_rarely(*coverage)
    return "good" if is_held and often else "fair" if is_held or often else "bad"
