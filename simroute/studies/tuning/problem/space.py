"""What may be varied: numbers, whole numbers, choices, each perhaps only while another parameter
has some value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Point = tuple[float, ...]
"""One number in [0, 1) for each parameter."""
Values = dict[str, Any]
DIGITS = 4
"""Significant digits of a tuned number: what is evaluated is what is written."""


@dataclass(frozen=True)
class Condition:
    """True while `name` has one of `values`; without values, while it is set. `negated`: the other
    way round."""

    name: str
    values: tuple[Any, ...] = ()
    negated: bool = False

    def holds(self, value: Any) -> bool:
        is_one = value in self.values if self.values else value is not None and value is not False
        return is_one != self.negated


@dataclass(frozen=True)
class Parameter:
    """A parameter by its path in the policy, and the value that it starts from."""

    name: str
    start: Any
    condition: Condition | None = None


@dataclass(frozen=True)
class NumberParameter(Parameter):
    """From low to high, both included, evenly or, if `log`, by factors."""

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    complete_replications: bool = False

    @property
    def count(self) -> int | None:
        """How many values there are, None for very many."""
        return int(self.high - self.low) + 1 if self.complete_replications else None

    def value(self, u: float) -> float | int:
        half = 0.5 if self.complete_replications else 0.0
        low, high = self.low - half, self.high + half
        number = (
            math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
            if self.log
            else low + u * (high - low)
        )
        return (
            int(min(self.high, max(self.low, math.floor(number + 0.5))))
            if self.complete_replications
            else min(self.high, max(self.low, round_to_digits(number)))
        )

    def place(self, value: Any) -> float | None:
        """Where a value lies in [0, 1), None outside."""
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not self.low <= value <= self.high
        ):
            return None
        half = 0.5 if self.complete_replications else 0.0
        low, high = self.low - half, self.high + half
        share = (
            (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
            if self.log
            else (value - low) / (high - low)
        )
        return min(share, 1 - 2**-32)


@dataclass(frozen=True)
class ChoiceParameter(Parameter):
    """One of some values; `ordered` ones have neighbours."""

    options: tuple[Any, ...] = ()
    ordered: bool = False

    @property
    def count(self) -> int:
        return len(self.options)

    def value(self, u: float) -> Any:
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]

    def place(self, value: Any) -> float | None:
        return (
            (self.options.index(value) + 0.5) / len(self.options) if value in self.options else None
        )


def round_to_digits(value: float) -> float:
    """With four significant digits."""
    return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True)
class Space:
    """Parameters in order. `fixed(name)`: the value of a parameter that is not varied."""

    parameters: tuple[NumberParameter | ChoiceParameter, ...]
    fixed: Callable[[str], Any] = lambda name: None

    def values(self, point: Point) -> Values:
        """What a point means: the value of each parameter that counts there."""
        values = {each.name: each.value(u) for each, u in zip(self.parameters, point, strict=True)}
        known = {each.name: each for each in self.parameters}
        return {
            name: value
            for name, value in values.items()
            if self._counts(known[name], values, known)
        }

    def _counts(
        self, each: Parameter, values: Values, known: dict[str, NumberParameter | ChoiceParameter]
    ) -> bool:
        if each.condition is None:
            return True
        other = known.get(each.condition.name)
        if other is None:
            return each.condition.holds(self.fixed(each.condition.name))
        return each.condition.holds(
            values[other.name] if self._counts(other, values, known) else other.start
        )

    def effective(self, values: Values) -> Values:
        """Every parameter's value, that of the start where it is not given."""
        return {each.name: values.get(each.name, each.start) for each in self.parameters}

    def point(self, values: Values) -> Point:
        """A point that means these values, as far as they lie in the space."""
        places = [
            each.place(value)
            for each, value in zip(self.parameters, self.effective(values).values(), strict=True)
        ]
        return tuple(0.5 if place is None else place for place in places)

    @property
    def size(self) -> int | None:
        """How many settings there are at most, None for very many."""
        counts = [each.count for each in self.parameters]
        return None if None in counts else math.prod(count for count in counts if count is not None)
