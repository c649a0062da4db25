"""How an item ended, and the two ways in which it may not pass."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, NamedTuple

Config = dict[str, Any]


class Verdict(NamedTuple):
    """Of one item: "pass", "fail" or "skip", and why not "pass", or in spite of what."""

    id: str
    word: str
    why: str = ""

    def __str__(self) -> str:
        if self.word == "pass":
            return f"pass {self.id} ({self.why})" if self.why else f"pass {self.id}"
        return f"{self.word} {self.id}: {self.why}" if self.why else f"{self.word} {self.id}"


class Inexpressible(Exception):
    """Our parameters have no word for it; the message says for what."""


class Differs(Exception):
    """Something else came than what was recorded."""


def skip_if(condition: object, behaviour: str) -> None:
    """Skip the item when it asks for this behaviour."""
    if condition:
        raise Inexpressible(behaviour)


ALIASES = {
    "backoff_ratio": "backoff",
    "initial_limit": "initial",
    "long": "long_window",
    "max_limit": "max",
    "min_limit": "min",
    "probe": "probe_multiplier",
    "queue": "queue_size",
    "rtt_tolerance": "tolerance",
    "scale_constant": "c",
    "start_time": "t0",
    "starting_max_rate": "w",
    "token_ratio": "ratio",
    "w_max": "w",
}
"""What a library calls a field -> what items call it; either will do."""


def settings(config: Config, *required: str, **defaults: Any) -> SimpleNamespace:
    """A configuration's fields, those that it leaves out, or gives as null, at their defaults.
    Raises KeyError for a required one that is missing; skips the item for one that is unknown."""
    config = {
        key if key in defaults else ALIASES.get(key, key): value for key, value in config.items()
    }
    for key in config:
        skip_if(key not in required and key not in defaults, f"the field {key}")
    config = {key: value for key, value in config.items() if value is not None}
    fields = {key: config[key] for key in required}
    return SimpleNamespace(**fields, **{key: config.get(key, defaults[key]) for key in defaults})


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
