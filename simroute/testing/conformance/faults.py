"""The sixteen faults of failoverbench as a scripted provider, whose fallback is always well."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SetUp:
    """What all faults have in common, in seconds where nothing else is said."""

    tokens: int = 60
    gap: float = 0.015
    retries: int = 2
    timeout: float = 30.0
    retry_after: float = 2.0
    slow: float = 20.0
    stall: float = 30.0
    silence: float = 120.0
    outage: float = 60.0
    requests: int = 20
    every: float = 4.0

    patience: float = 130.0
    """When a caller who has heard nothing counts the request as lost."""


NUMBER = r"(\d+(?:\.\d+)?)"
WORDS = {
    "tokens": rf"{NUMBER} tokens",
    "gap": rf"tokens {NUMBER} ms apart",
    "retries": rf"{NUMBER} retries",
    "timeout": rf"{NUMBER} s timeout",
    "retry_after": rf"retry_after {NUMBER} s",
    "slow": rf"slow ttft {NUMBER} s",
    "stall": rf"stall {NUMBER} s",
    "silence": rf"no_response {NUMBER} s",
    "outage": rf"flap {NUMBER} s",
}
"""How a file's `setup` says it; what it does not say is as published."""
WHOLE = "tokens", "retries"


def read_setup(text: str) -> SetUp:
    """The set-up that a file states."""
    found: dict[str, float] = {}
    for name, pattern in WORDS.items():
        if match := re.search(pattern, text):
            value = float(match[1]) / (1000 if name == "gap" else 1)
            found[name] = int(value) if name in WHOLE else value
    return SetUp(**found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Answer:
    """What a provider does with one call. wait: seconds before anything comes. error: instead of
    an answer, or, where `breaks_at` says a token, the end of it there, after `stalls` seconds.
    malformed: the token whose event cannot be read."""

    status: int = 200
    error: str = ""
    wait: float = 0.0
    retry_after: float | None = None
    breaks_at: int | None = None
    stalls: float = 0.0
    malformed: int | None = None


WELL = Answer()
Fault = Callable[[SetUp, int, float], Answer]
"""The set-up, how often the primary has been asked before, and the time -> what it does."""


def always(answer: Callable[[SetUp], Answer]) -> Fault:
    return lambda setup, asked, now: answer(setup)


def once(answer: Callable[[SetUp], Answer]) -> Fault:
    return lambda setup, asked, now: WELL if asked else answer(setup)


DOWN = Answer(503, "error")
FAULTS: dict[str, Fault] = {
    "S01": once(lambda setup: Answer(429, "rate_limited", retry_after=setup.retry_after)),
    "S02": always(lambda setup: Answer(429, "rate_limited")),
    "S03": once(lambda setup: Answer(500, "error")),
    "S04": always(lambda setup: DOWN),
    "S05": once(lambda setup: Answer(503, "reset")),
    "S06": always(lambda setup: Answer(503, "reset", wait=setup.silence)),
    "S07": always(lambda setup: Answer(wait=setup.slow)),
    "S08": always(lambda setup: Answer(error="truncated", breaks_at=40)),
    "S09": always(lambda setup: Answer(error="truncated", breaks_at=20, stalls=setup.stall)),
    "S10": always(lambda setup: Answer(malformed=10)),
    "S11": always(lambda setup: WELL),
    "S12": always(lambda setup: Answer(400, "context_length")),
    "S13": always(lambda setup: Answer(400, "content_filter")),
    "S14": always(lambda setup: Answer(error="truncated", breaks_at=40)),
    "S15": lambda setup, asked, now: DOWN if now < setup.outage else WELL,
    "S16": always(lambda setup: DOWN),
}
"""By the number of the published scenario. S11 ends without [DONE], which nobody minds; S14's
fallback refuses to go on with an answer that somebody else began, which nobody here asks of it."""
SEVERAL = "S15"
"""The fault that is met by many requests, one after another."""
