"""Items of limits_and_retries.json, played on our buckets, logs, budgets, back-offs and limits.

A kind's configuration is read by its own fields; what an item leaves out is the default of the
library that the kind is of (see limit_fields). A field, an operation or a figure that we do not
know is a reason to skip, never ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from simroute.testing.conformance.limits.fields import MOST_NUMBER, Refused, settings
from simroute.testing.conformance.limits.hedges import play_hedge
from simroute.testing.conformance.limits.kinds import KINDS, NEVER, Operations
from simroute.testing.conformance.limits.names import kind_of, operation_of
from simroute.testing.conformance.limits.pauses import (
    play_aws_delay,
    play_backoff,
    play_litellm_delay,
    play_sdk_delay,
)
from simroute.testing.conformance.verdict import (
    MOST_TIMES,
    Config,
    Differs,
    Malformed,
    check_equal,
    list_of,
    object_of,
    short,
    skip_if,
    skip_if_nothing,
    skip_unread,
)

WHOLE: dict[str, Callable[[Config, SimpleNamespace], None]] = {
    "aws_delay": play_aws_delay,
    "backoff": play_backoff,
    "hedge": play_hedge,
    "litellm_delay": play_litellm_delay,
    "sdk_delay": play_sdk_delay,
}
"""Kinds whose items are no steps."""
OF_STEPS, OF_CASES = ("kind", "config", "steps"), ("kind", "config", "cases", "expect")
OF_ITEMS = {
    "backoff": (*OF_CASES, "u"),
    "hedge": ("kind", "config", "attempts", "expect"),
}
"""What items may say, by kind; of others OF_CASES or OF_STEPS."""


class Step(NamedTuple):
    """expected: None where nothing is."""

    operation: str
    times: int
    arguments: list[Any]
    expected: Config


def play_limit(item: Config) -> None:
    """Play the item; raises `Differs`, `Inexpressible` or `Malformed`."""
    kind = kind_of(item["kind"])
    config = object_of(item, "config")
    if kind in WHOLE:
        skip_unread(item, OF_ITEMS.get(kind, OF_CASES), f"an item of the kind {kind}")
        WHOLE[kind](item, settings(kind, config))
        skip_if_nothing(item["expect"])
        return
    skip_unread(item, OF_STEPS, "a kind that is played in steps")
    steps = list_of(item, "steps")
    refusal = ""
    try:
        operations = KINDS[kind](settings(kind, config))
    except Refused as out_of_range:
        operations, refusal = {}, str(out_of_range)
    expects = False
    for number, raw in enumerate(steps, 1):
        try:
            step = _read(raw)
            expects = expects or bool(step.expected)
            if refusal:
                _refused(step, refusal)
            else:
                _step(kind, operations, step)
        except (Differs, Malformed) as wrong:
            raise type(wrong)(f"step {number}: {wrong}") from None
    skip_if_nothing(expects)


def _read(raw: Any) -> Step:
    """A step as it stands in an item."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= 3:
        raise Malformed("not [operation, arguments, expected]")
    if len(raw) == 2 and isinstance(raw[1], dict):
        raw = [raw[0], None, raw[1]]
    word, arguments, expected = [*raw, None, None][:3]
    if not isinstance(word, str) or not word:
        raise Malformed(f"the operation {short(word)} is no word")
    operation, star, times = word.partition("*")
    if star and not (times.isascii() and times.isdigit() and 1 <= int(times[:9]) <= MOST_TIMES):
        raise Malformed(f"{short(word)}: not 1 to {MOST_TIMES} times")
    if arguments is not None and not isinstance(arguments, list):
        raise Malformed("the arguments are no list")
    for argument in arguments or ():
        _check(argument)
    if expected is None:
        expected = {}
    elif not isinstance(expected, dict):
        expected = {"return": expected}
    return Step(operation, int(times or 1), arguments or [], expected)


def _check(argument: Any) -> None:
    if isinstance(argument, (list, dict)):
        raise Malformed("an argument is neither number nor word")
    if isinstance(argument, (int, float)) and (argument != argument or abs(argument) > MOST_NUMBER):
        raise Malformed("an argument is no number that can be reckoned with")


def _refused(step: Step, refusal: str) -> None:
    """The original does not take the configuration."""
    if step.expected != {"return": "error"}:
        raise Differs(f"an error is all there is, since {refusal}")


def _step(kind: str, operations: Operations, step: Step) -> None:
    name = operation_of(kind, step.operation)
    figures = {key: operation_of(kind, key) for key in step.expected if key != "return"}
    for word, known in ((step.operation, name), *figures.items()):
        skip_if(known not in operations, word)
    came = [_result(operations[name], step.arguments) for _ in range(step.times)]
    wanted = step.expected.get("return")
    if isinstance(wanted, list) and len(wanted) == step.times:
        for pair in zip(came, wanted, strict=True):
            _compare(*pair)
    elif "return" in step.expected:
        _compare(came[-1], wanted)
    for key, known in figures.items():
        came = _result(operations[known], step.arguments)
        check_equal(key, came, step.expected[key])


def _result(operation: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return operation(*arguments)
    except ValueError:
        return "error"
    except TypeError:
        raise Malformed(f"it does not take {short(arguments)}") from None


def _compare(came: Any, expected: Any) -> None:
    if came is not True and came == NEVER:
        if not _says_never(expected):
            raise Differs(f"return: expected {expected}, came never")
    else:
        check_equal("return", came, expected)


def _says_never(expected: Any) -> bool:
    """A refusal, an error, or a wait without end."""
    if isinstance(expected, str):
        return expected.lower() in ("error", "never", "inf", "infinity")
    return expected is False or expected is None or expected == math.inf
