"""`tune.LAYER.KEY=…` and the `tune:` block of a policy file, read and checked against what the
layers declare; nothing is evaluated.

2..20                 a range, of whole numbers where the parameter is one
5s..300s log          by factors instead of evenly
[a, b] | [b, a]       one of some values; `none` where a parameter may be left out
1 | 10 | 100 ordered  one of some values that have neighbours
0.1..0.9 if breaker.count_window          only while another parameter is set,
1..5 if breaker.scope = provider | task   or has one of some values (`!=`: has none of them)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simroute.config import yaml_reader
from simroute.config.variation import Variation
from simroute.errors import InputError
from simroute.studies.tuning.problem.space import ChoiceParameter, Condition, NumberParameter, Space
from simroute.studies.tuning.search.sobol import MAX_DIMENSIONS

RANGE = re.compile(r"([^\[\]|]+?)\s*\.\.\s*([^\[\]|]+)")
WHEN = re.compile(r"([A-Za-z0-9_.-]+)\s*(?:(!?=)\s*(.+))?")
SHAPE = "expected LOW..HIGH, LOW..HIGH log, or A | B | C, such as tune.breaker.failures=2..20"


def flatten(block: Any, prefix: str = "") -> dict[str, Any]:
    """The entries of a `tune:` block, nested or with dots. Raises InputError."""
    if not isinstance(block, Mapping):
        raise InputError(
            f"tune{'.' if prefix else ''}{prefix.rstrip('.')}: expected LAYER.KEY: RANGE, found "
            f"{block!r}"[:200]
        )
    entries: dict[str, Any] = {}
    for key, value in block.items():
        entries |= (
            flatten(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {f"{prefix}{key}": value}
        )
    return entries


def parse_space(entries: Mapping[str, Any], variation: Variation) -> Space:
    """The space of these entries. Raises InputError with every mistake."""
    problems: list[str] = []
    parameters: list[NumberParameter | ChoiceParameter] = []
    for name, text in entries.items():
        try:
            parameters.append(_parse_parameter(name, text, variation))
        except InputError as error:
            problems += [f"tune.{name}: {line}" for line in error.lines]
    if not entries:
        problems.append(
            "nothing to tune: name a parameter and its range, such as "
            "'tune.breaker.failures=2..20', or give the policy a tune: block"
        )
    if len(entries) > MAX_DIMENSIONS:
        problems.append(
            f"{len(entries)} parameters are too many to search; at most {MAX_DIMENSIONS}"
        )
    if problems or (problems := _find_circles(parameters)):
        raise InputError(*problems)
    return Space(tuple(parameters), variation.current_value)


def _parse_parameter(
    name: str, text: Any, variation: Variation
) -> NumberParameter | ChoiceParameter:
    if (problem := variation.key_problem(name)) is not None:
        raise InputError(problem)
    if isinstance(text, list):
        return _parse_choice(name, text, False, None, variation)
    words, *when = re.split(r"\s+if\b", str(text).strip(), maxsplit=1)
    condition = _parse_condition(when[0].strip(), variation) if when else None
    body, *marks = re.split(r"\s+(?=(?:log|ordered)$)", words.strip())
    mark = marks[0] if marks else ""
    limits = RANGE.fullmatch(body.strip())
    if limits is not None:
        if mark == "ordered":
            raise InputError("a range is ordered as it is; leave out `ordered`")
        return _parse_number(name, limits[1], limits[2], mark == "log", condition, variation)
    if mark == "log":
        raise InputError("log belongs to a range, LOW..HIGH log")
    return _parse_choice(
        name,
        [_parse_value(part) for part in _split_values(body)],
        mark == "ordered",
        condition,
        variation,
    )


def _parse_number(
    name: str, low: str, high: str, log: bool, condition: Condition | None, variation: Variation
) -> NumberParameter:
    kind = variation.number_type(name)
    if kind is None:
        raise InputError("is not a number; list the values to try: A | B | C")
    bounds = [variation.parse_value(name, _parse_value(text)) for text in (low, high)]
    if not all(isinstance(bound, (int, float)) for bound in bounds):
        raise InputError(SHAPE)
    if bounds[0] >= bounds[1]:
        raise InputError(f"{low}..{high} is empty: the lower end must be below the upper one")
    if log and bounds[0] <= 0:
        raise InputError(f"log needs a range above 0, found {low}..{high}")
    return NumberParameter(
        name, variation.current_value(name), condition, bounds[0], bounds[1], log, kind is int
    )


def _parse_choice(
    name: str, raw: list[Any], ordered: bool, condition: Condition | None, variation: Variation
) -> ChoiceParameter:
    problems: list[str] = []
    options: list[Any] = []
    if len(raw) < 2:
        raise InputError(SHAPE)
    for each in raw:
        try:
            value = variation.parse_value(name, each)
        except InputError as error:
            problems += error.lines
            continue
        if value in options:
            problems.append(f"{each!r} stands twice")
        options.append(value)
    if problems:
        raise InputError(*problems)
    return ChoiceParameter(name, variation.current_value(name), condition, tuple(options), ordered)


def _parse_condition(text: str, variation: Variation) -> Condition:
    match = WHEN.fullmatch(text)
    if match is None:
        raise InputError(f"if {text!r}: expected if LAYER.KEY, or if LAYER.KEY = VALUE")
    name, sign, values = match.groups()
    if (problem := variation.key_problem(name)) is not None:
        raise InputError(f"if {name}: {problem}")
    try:
        return Condition(
            name,
            tuple(
                variation.parse_value(name, _parse_value(part))
                for part in _split_values(values or "")
            ),
            sign == "!=",
        )
    except InputError as error:
        raise InputError(*(f"if {name}: {line}" for line in error.lines)) from None


def _split_values(text: str) -> list[str]:
    """Cut at `|`, outside brackets."""
    values, depth = [""], 0
    for char in text:
        depth += (char in "[{") - (char in "]}")
        if char == "|" and depth == 0:
            values.append("")
        else:
            values[-1] += char
    return [part.strip() for part in values] if text.strip() else []


def _parse_value(text: str) -> Any:
    """A value as a policy file would read it."""
    if text.strip() == "none":
        return None
    if not text.strip():
        raise InputError(SHAPE)
    try:
        return yaml_reader.parse(f"v: {text.strip()}\n".encode(), "").data["v"]
    except InputError as error:
        raise InputError(
            f"{text!r} is not understood: {error.lines[0].split(': ', 1)[-1]}; {SHAPE}"
        ) from None


def _find_circles(parameters: list[NumberParameter | ChoiceParameter]) -> list[str]:
    """Conditions that lead back to their own parameter."""
    known = {each.name: each for each in parameters}
    problems = []
    for each in parameters:
        other = each
        for _ in range(len(parameters) + 1):
            if other.condition is None or other.condition.name not in known:
                break
            other = known[other.condition.name]
        else:
            problems.append(f"tune.{each.name}: its condition leads back to itself")
    return problems
