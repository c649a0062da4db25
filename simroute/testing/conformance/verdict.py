"""How an item ended, and the two ways in which it may not pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

Config = dict[str, Any]


class Verdict(NamedTuple):
    """Of one item: "pass", "fail" or "skip", and why not "pass"."""

    id: str
    word: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.id}: {self.why}" if self.why else f"{self.word} {self.id}"


class Inexpressible(Exception):
    """Our parameters have no word for it; the message says for what."""


class Differs(Exception):
    """Something else came than what was recorded."""


def skip_if(condition: object, behaviour: str) -> None:
    """Skip the item when it asks for this behaviour."""
    if condition:
        raise Inexpressible(behaviour)


def check_equal(what: str, came: Any, expected: Any) -> None:
    """Equal; numbers to a relative 1e-9, so that only rounding is forgiven."""
    numbers = all(
        isinstance(value, (int, float)) and not isinstance(value, bool)
        for value in (came, expected)
    )
    if not (
        math.isclose(came, expected, rel_tol=1e-9, abs_tol=1e-9) if numbers else came == expected
    ):
        raise Differs(f"{what}: expected {expected}, came {came}")
