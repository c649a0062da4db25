"""The faults of failoverbench as a scripted provider, whose fallback is always well: read from what
a fault is called, so that others of the same form are played as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from simroute.testing.conformance.verdict import Inexpressible


class Pauses(NamedTuple):
    """What a set-up says of one system's back-off (s)."""

    system: str
    initial: float
    longest: float
    spread: bool
    obeys: bool


@dataclass(frozen=True)
class SetUp:
    """What all faults have in common, in seconds where nothing else is said; as published."""

    tokens: int = 60
    gap: float = 0.015
    retries: int = 2
    timeout: float = 30.0
    fallbacks: int = 1
    backoffs: tuple[Pauses, ...] = ()
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
LENGTH = rf"{NUMBER} ?(ms|s|sec|seconds?|min|minutes?)\b"
SETUP_WORDS = {
    "tokens": (rf"{NUMBER} tokens", rf"tokens:? {NUMBER}"),
    "gap": (rf"{LENGTH} apart", rf"(?:token )?gap:? {LENGTH}"),
    "retries": (rf"{NUMBER} retr(?:ies|y)\b", rf"retries:? {NUMBER}"),
    "timeout": (rf"{LENGTH} timeout", rf"timeout:? (?:of )?{LENGTH}"),
    "fallbacks": (rf"{NUMBER} fallbacks?", rf"fallbacks:? {NUMBER}"),
    "retry_after": (rf"retry[-_ ]after:? {LENGTH}",),
    "slow": (rf"(?:slow )?(?:ttft|first token):? {LENGTH}",),
    "stall": (rf"stall:? {LENGTH}",),
    "silence": (rf"(?:no[-_ ]response|silence):? {LENGTH}",),
    "outage": (rf"(?:flap|outage):? {LENGTH}",),
}
"""How a file's `setup` says it; what it does not say is as published."""
TITLE_WORDS = {
    "retry_after": (rf"with Retry-After:? (?:of )?{LENGTH}", rf"with Retry-After:? {NUMBER}"),
    "silence": (rf"no response.*?{LENGTH}",),
    "slow": (rf"slow first token.*?{LENGTH}", rf"first token after {LENGTH}"),
    "cut": (rf"(?:cut|reset|ends|breaks)[^,]*? (?:after|at)(?: token)? {NUMBER}",),
    "tokens": (rf"(?:\w+ )?after \d+ of {NUMBER} tokens",),
    "stalled": (rf"stalls after {NUMBER} tokens", rf"stalls at token {NUMBER}"),
    "stall": (rf"stalls.* for {LENGTH}",),
    "malformed": (rf"malformed.*? (?:token|chunk) {NUMBER}",),
    "outage": (rf"primary down.*?{LENGTH}",),
    "requests": (rf"{NUMBER} requests",),
    "every": (rf"every {LENGTH}",),
}
"""How the name of a fault says it."""
BACKOFF = rf"(\w+) back-?off {LENGTH} to {LENGTH}(?: (with|without) jitter)?"
IGNORED = r",? ?Retry-After (ignored|obeyed|honou?red)"
FILLING = r"\b(?:baseline|each|all|and|no jitter)\b|[\s;,.:()]"
UNITS = {"ms": 0.001, "m": 60.0}
WHOLE = "tokens", "retries", "requests", "cut", "stalled", "malformed", "fallbacks"
PUBLISHED = SetUp()
MOST = 100_000
"""Of whatever a fault is said to have: beyond it a cell would be played for hours."""


def read_setup(text: str, title: str = "") -> SetUp:
    """The set-up that a file states, and the fault's own figures. Where both speak of one, the one
    that is not as published counts; that of the fault, where neither is."""
    found = _figures(text, SETUP_WORDS)
    if re.search(r"\b(?:no|without)(?: a)? fallbacks?\b", text, re.IGNORECASE):
        found["fallbacks"] = 0
    for name, value in _figures(title, TITLE_WORDS).items():
        if name not in found or value != getattr(PUBLISHED, name):
            found[name] = value
    return replace(PUBLISHED, **found, backoffs=_backoffs(text))


def unread(text: str) -> str:
    """What of a file's `setup` says nothing that is known."""
    known = [BACKOFF + f"(?:{IGNORED})?", r"\b(?:no|without)(?: a)? fallbacks?\b"]
    known += [pattern for patterns in SETUP_WORDS.values() for pattern in patterns]
    for pattern in known:
        text = re.sub(pattern, " ", text, flags=re.IGNORECASE)
    return " ".join(text.split()) if re.sub(FILLING, "", text, flags=re.IGNORECASE) else ""


def _figures(text: str, words: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    found: dict[str, float] = {}
    for name, patterns in words.items():
        matches = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
        if match := next(filter(None, matches), None):
            value = in_seconds(match[1], match[2] if match.re.groups > 1 else "")
            if value > MOST:
                raise ValueError(f"{match[0]!r} is beyond what can be played ({MOST})")
            found[name] = int(value) if name in WHOLE else value
    return found


def in_seconds(number: str, unit: str) -> float:
    """A length of time as it is written."""
    return float(number) * UNITS.get("ms" if unit == "ms" else unit[:1], 1.0)


def _backoffs(text: str) -> tuple[Pauses, ...]:
    """Those that are not what the presets do by themselves."""
    found = (
        Pauses(
            match[1].lower(),
            in_seconds(match[2], match[3]),
            in_seconds(match[4], match[5]),
            match[6] != "without",
            (match[7] or "ignored").lower() != "ignored",
        )
        for match in re.finditer(f"{BACKOFF}(?:{IGNORED})?", text, re.IGNORECASE)
    )
    return tuple(pauses for pauses in found if pauses not in AS_PUBLISHED)


AS_PUBLISHED = (Pauses("bifrost", 0.5, 5.0, True, False),)


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
    """What the primary does. times: to how many calls, until: up to which second; None for all."""

    kind: Kind
    setup: SetUp
    spoilt: Answer
    times: int | None = None
    until: float | None = None

    def answer(self, asked: int, now: float) -> Answer:
        """To a call that is made now, `asked` having been made before."""
        if self.kind == "outage":
            return DOWN if now < self.setup.outage else WELL
        if self.until is not None:
            return self.spoilt if now < self.until else WELL
        return self.spoilt if self.times is None or asked < self.times else WELL


MADE: dict[str, tuple[Kind, Callable[[SetUp, int], Answer]]] = {
    r"reset (?:mid-?stream|after \d)": (
        "cut",
        lambda setup, status: Answer(error="truncated", breaks_at=setup.cut),
    ),
    r"reset|connection (?:refused|error|failure)|\bdns\b|\btls\b": (
        "reset",
        lambda setup, status: Answer(503, "reset"),
    ),
    "no response": ("silent", lambda setup, status: Answer(503, "reset", wait=setup.silence)),
    "slow first token|first token after": (
        "slow",
        lambda setup, status: Answer(wait=setup.slow),
    ),
    "stream (?:is )?cut": (
        "cut",
        lambda setup, status: Answer(error="truncated", breaks_at=setup.cut),
    ),
    "stalls": (
        "stalled",
        lambda setup, status: Answer(
            error="truncated", breaks_at=setup.stalled, stalls=setup.stall
        ),
    ),
    "malformed": ("malformed", lambda setup, status: Answer(malformed=setup.malformed)),
    r"without \[done\]": ("endless", lambda setup, status: WELL),
    "context length": ("too_long", lambda setup, status: Answer(status or 400, "context_length")),
    "content[- ]filter": (
        "filtered",
        lambda setup, status: Answer(status or 400, "content_filter"),
    ),
    "primary down": ("outage", lambda setup, status: DOWN),
}
"""By what the name of a fault says, and a status there. A stream that ends without [DONE] nobody
minds; a fallback that refuses to go on with an answer that somebody else began is not asked to by
anybody here."""
ELSEWHERE = (
    r"\bboth\b|\b(?:on|and|at) (?:the |its )?fallback|\bfallback(?: is)? (?:down|also|too)\b"
    r"|\bevery (?:second|other|third|\d+(?:nd|rd|th))\b|\bintermittent|\balternat|\brandom"
    r"|\d ?%"
)
"""What is not the primary's own, or not of all calls from the first one on."""
NUMBERS = {"once": 1, "twice": 2, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
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
    if beyond := re.search(ELSEWHERE, title, re.IGNORECASE):
        raise Inexpressible(f"a fault that is {beyond[0]!r}")
    for words in (title, TITLES.get(number, "")):
        low = words.lower()
        found = re.search(r"\b([45]\d\d)\b", low)
        status = int(found[1]) if found else 429 if "rate limit" in low else 0
        until = re.search(rf"\b[45]\d\d for {LENGTH}", low)
        for pattern, (kind, made) in MADE.items():
            if re.search(pattern, low):
                times = None if kind == "outage" else _times(low)
                return Fault(kind, setup, made(setup, status), times)
        if status:
            fault = _refusing(status, low, setup, _times(low))
            return replace(fault, until=in_seconds(until[1], until[2])) if until else fault
    raise Inexpressible(f"the fault {number} {title}".rstrip())


def _times(words: str) -> int | None:
    """To how many calls a fault happens; None for all of them."""
    if counted := re.search(r"\b(\w+) times\b|\bfirst (\w+) (?:requests|calls|attempts)", words):
        word = counted[1] or counted[2]
        if word.isdecimal() or word in NUMBERS:
            return NUMBERS.get(word) or int(word)
    for word in ("once", "twice"):
        if re.search(rf"\b{word}\b", words):
            return NUMBERS[word]
    return 1 if "then healthy" in words else None


def _refusing(status: int, words: str, setup: SetUp, times: int | None) -> Fault:
    waits = "retry-after" in words and not re.search(r"\b(?:without|no) retry-after", words)
    error = "rate_limited" if status == 429 else "error"
    answer = Answer(status, error, retry_after=setup.retry_after if waits else None)
    kind: Kind = "persistent" if times is None else "limited" if waits else "once"
    return Fault(kind, setup, answer, times)
