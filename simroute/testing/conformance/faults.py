"""The faults of failoverbench as a scripted provider, whose fallback is always well: read from what
a fault is called, so that others of the same form are played as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from simroute.testing.conformance.verdict import Inexpressible


@dataclass(frozen=True)
class SetUp:
    """What all faults have in common, in seconds where nothing else is said; as published."""

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
    cut: int = 40
    stalled: int = 20
    malformed: int = 10


NUMBER = r"(\d*\.?\d+)"
SETUP_WORDS = {
    "tokens": rf"{NUMBER} tokens",
    "gap": rf"tokens {NUMBER} ms apart",
    "retries": rf"{NUMBER} retr(?:ies|y)",
    "timeout": rf"{NUMBER} s timeout",
    "retry_after": rf"retry_after {NUMBER} s",
    "slow": rf"slow ttft {NUMBER} s",
    "stall": rf"stall {NUMBER} s",
    "silence": rf"no_response {NUMBER} s",
    "outage": rf"flap {NUMBER} s",
}
"""How a file's `setup` says it; what it does not say is as published."""
TITLE_WORDS = {
    "retry_after": rf"with Retry-After {NUMBER} s",
    "silence": rf"no response.*?{NUMBER} s\b",
    "slow": rf"slow first token.*?{NUMBER} s\b",
    "cut": rf"cut after {NUMBER}",
    "tokens": rf"cut after \d+ of {NUMBER} tokens",
    "stalled": rf"stalls after {NUMBER} tokens",
    "stall": rf"stalls.* for {NUMBER} s\b",
    "malformed": rf"malformed.*? token {NUMBER}",
    "outage": rf"primary down.*?{NUMBER} s\b",
    "requests": rf"{NUMBER} requests",
    "every": rf"every {NUMBER} s\b",
}
"""How the name of a fault says it."""
WHOLE = "tokens", "retries", "requests", "cut", "stalled", "malformed"
PUBLISHED = SetUp()
MOST = 100_000
"""Of whatever a fault is said to have: beyond it a cell would be played for hours."""


def read_setup(text: str, title: str = "") -> SetUp:
    """The set-up that a file states, and the fault's own figures. Where both speak of one, the one
    that is not as published counts; that of the fault, where neither is."""
    found = _figures(text, SETUP_WORDS)
    for name, value in _figures(title, TITLE_WORDS).items():
        if name not in found or value != getattr(PUBLISHED, name):
            found[name] = value
    return replace(PUBLISHED, **found)


def _figures(text: str, words: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, float] = {}
    for name, pattern in words.items():
        if match := re.search(pattern, text, re.IGNORECASE):
            value = float(match[1]) / (1000 if name == "gap" else 1)
            if value > MOST:
                raise ValueError(f"{match[0]!r} is beyond what can be played ({MOST})")
            found[name] = int(value) if name in WHOLE else value
    return found


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
DOWN = Answer(503, "error")
Kind = Literal[
    "limited",  # 429 with Retry-After, once
    "once",
    "persistent",
    "reset",
    "silent",
    "slow",
    "cut",
    "stalled",
    "malformed",
    "endless",  # without [DONE]
    "too_long",
    "filtered",
    "outage",
]


@dataclass(frozen=True)
class Fault:
    """What the primary does. times: to how many calls, None for all of them."""

    kind: Kind
    setup: SetUp
    spoilt: Answer
    times: int | None = None

    def answer(self, asked: int, now: float) -> Answer:
        """To a call that is made now, `asked` having been made before."""
        if self.kind == "outage":
            return DOWN if now < self.setup.outage else WELL
        return self.spoilt if self.times is None or asked < self.times else WELL


MADE: dict[str, tuple[Kind, Callable[[SetUp], Answer]]] = {
    "reset": ("reset", lambda setup: Answer(503, "reset")),
    "no response": ("silent", lambda setup: Answer(503, "reset", wait=setup.silence)),
    "slow first token": ("slow", lambda setup: Answer(wait=setup.slow)),
    "stream cut": ("cut", lambda setup: Answer(error="truncated", breaks_at=setup.cut)),
    "stalls": (
        "stalled",
        lambda setup: Answer(error="truncated", breaks_at=setup.stalled, stalls=setup.stall),
    ),
    "malformed": ("malformed", lambda setup: Answer(malformed=setup.malformed)),
    "without [done]": ("endless", lambda setup: WELL),
    "context length": ("too_long", lambda setup: Answer(400, "context_length")),
    "content-filter": ("filtered", lambda setup: Answer(400, "content_filter")),
    "content filter": ("filtered", lambda setup: Answer(400, "content_filter")),
    "primary down": ("outage", lambda setup: DOWN),
}
"""By what the name of a fault says. A stream that ends without [DONE] nobody minds; a fallback that
refuses to go on with an answer that somebody else began is not asked to by anybody here."""
TIMES = {"once": 1, "twice": 2, "then healthy": 1}
TITLES = {
    "S01": "429 with Retry-After, then healthy",
    "S02": "429 without Retry-After, persistent",
    "S03": "500 once, then healthy",
    "S04": "503 persistent",
    "S05": "TCP reset before headers, once",
    "S06": "no response at all",
    "S07": "slow first token",
    "S08": "stream cut",
    "S09": "stream stalls",
    "S10": "malformed chunk",
    "S11": "stream ends without [DONE]",
    "S12": "context length exceeded",
    "S13": "content-filter rejection",
    "S14": "stream cut, fallback rejects prefill",
    "S15": "primary down",
    "S16": "503 persistent",
}
"""By the number of the published scenario, where a name says nothing that is known."""


def fault_of(number: str, title: str, text: str) -> Fault:
    """The fault of this number and name in a file that states this set-up."""
    setup = read_setup(text, title)
    for words in (title, TITLES.get(number, "")):
        low = words.lower()
        times = next((count for word, count in TIMES.items() if word in low), None)
        for word, (kind, made) in MADE.items():
            if word in low:
                return Fault(kind, setup, made(setup), None if kind == "outage" else times)
        if status := re.search(r"\b([45]\d\d)\b", low):
            return _refusing(int(status[1]), low, setup, times)
    raise Inexpressible(f"the fault {number} {title}".rstrip())


def _refusing(status: int, words: str, setup: SetUp, times: int | None) -> Fault:
    waits = "retry-after" in words and "without retry-after" not in words
    error = "rate_limited" if status == 429 else "error"
    answer = Answer(status, error, retry_after=setup.retry_after if waits else None)
    kind: Kind = "persistent" if times is None else "limited" if waits else "once"
    return Fault(kind, setup, answer, times)
