"""What is wanted: figures to be small or large, bounds to be kept, and how several scenarios count
together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from simroute.errors import InputError, nearest
from simroute.metrics import METRICS

Read = TypeVar("Read")
Robust = Literal["mean", "worst", "cvar"]
CONSTRAINT = re.compile(r"\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*")
OBJECTIVE = re.compile(r"\s*(?:(min|max)(?:imi[sz]e)?\s+)?([A-Za-z0-9_]+)\s*")


@dataclass(frozen=True)
class Objective:
    """A figure that shall be small, or large."""

    metric: str
    largest: bool

    @property
    def sign(self) -> float:
        """Times this, less is better."""
        return -1.0 if self.largest else 1.0

    def __str__(self) -> str:
        return f"{'max' if self.largest else 'min'} {self.metric}"


@dataclass(frozen=True)
class Constraint:
    """A figure that must keep a bound, in every scenario."""

    metric: str
    sign: str
    bound: float

    @property
    def from_below(self) -> bool:
        return self.sign.startswith(">")

    def margin(self, value: float) -> float:
        """By how much it is kept; negative if it is not."""
        return value - self.bound if self.from_below else self.bound - value

    def kept(self, value: float) -> bool:
        return {
            ">=": value >= self.bound,
            "<=": value <= self.bound,
            ">": value > self.bound,
            "<": value < self.bound,
        }[self.sign]

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.bound:.10g}"


@dataclass(frozen=True)
class Goals:
    """Objectives, constraints, and what counts of the regrets in several scenarios."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    robust: Robust = "mean"

    @property
    def metrics(self) -> list[str]:
        """Each that matters, once."""
        return list(
            dict.fromkeys(
                [*(o.metric for o in self.objectives), *(c.metric for c in self.constraints)]
            )
        )


def parse_goals(objectives: list[str], constraints: list[str], robust: Robust = "mean") -> Goals:
    """From words. Raises InputError with every mistake."""
    problems: list[str] = []
    wishes = [_collect_problems(parse_objective, text, problems) for text in objectives]
    bounds = [_collect_problems(parse_constraint, text, problems) for text in constraints]
    if not objectives:
        problems.append(
            '--objective is missing: say what is wanted, such as --objective "min '
            'cost_per_1k_requests_usd"'
        )
    names = [wish.metric for wish in wishes if wish is not None]
    problems += [
        f"--objective: {name} is wanted twice"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if problems:
        raise InputError(*problems)
    return Goals(
        tuple(w for w in wishes if w is not None), tuple(b for b in bounds if b is not None), robust
    )


def _collect_problems(read: Callable[[str], Read], text: str, problems: list[str]) -> Read | None:
    try:
        return read(text)
    except InputError as error:
        problems += error.lines
        return None


def parse_objective(text: str) -> Objective:
    """ "min METRIC", "max METRIC", or METRIC in its better direction. Raises InputError."""
    match = OBJECTIVE.fullmatch(text)
    if match is None:
        raise InputError(
            f"--objective {text!r}: expected min METRIC or max METRIC, such as min "
            f"cost_per_1k_requests_usd"
        )
    way, name = match.groups()
    _check_metric("--objective", text, name)
    return Objective(name, METRICS[name][1] if way is None else way == "max")


def parse_constraint(text: str) -> Constraint:
    """METRIC>=NUMBER or METRIC<=NUMBER. Raises InputError."""
    match = CONSTRAINT.fullmatch(text)
    if match is None:
        raise InputError(
            f"--subject-to {text!r}: expected METRIC>=NUMBER or METRIC<=NUMBER, such as "
            f"success_rate>=0.999"
        )
    name, sign, number = match.groups()
    _check_metric("--subject-to", text, name)
    try:
        bound = float(number)
    except ValueError:
        raise InputError(f"--subject-to {text!r}: {number!r} is not a number") from None
    if not math.isfinite(bound):
        raise InputError(f"--subject-to {text!r}: expected a finite number")
    if METRICS[name][0] == "share" and not 0 <= bound <= 1:
        hint = f"; it looks like a percentage: use {bound / 100:g}" if 1 < bound <= 100 else ""
        raise InputError(f"--subject-to {text!r}: {name} is a share from 0 to 1{hint}")
    return Constraint(name, sign, bound)


def _check_metric(option: str, text: str, name: str) -> None:
    if name not in METRICS:
        raise InputError(
            f"{option} {text!r}: no metric is called {name!r}; {nearest(name, METRICS)}"
        )
