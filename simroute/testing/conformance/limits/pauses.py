"""Items of pauses between tries: exponential back-off with the field's jitters, and the pauses of
botocore, of OpenAI's and Anthropic's SDKs, and of LiteLLM."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from simroute.gauges.backoff import Backoff, raised
from simroute.testing.conformance.limits.fields import SPREADS, number_of
from simroute.testing.conformance.verdict import (
    Config,
    Inexpressible,
    Malformed,
    check_equal,
    list_of,
)

TRANSIENT, THROTTLED = 0.05, 1.0
"""Seconds: botocore's first pauses, since 2026."""
OBEYED = 60.0
"""Seconds: an SDK obeys a Retry-After up to this."""


def play_backoff(item: Config, given: SimpleNamespace) -> None:
    """Pauses one after another, as many as are expected, or cases of their own."""
    low, high = SPREADS.get(given.jitter, (given.low, given.high))
    jitter: Any = "between" if given.jitter in SPREADS else given.jitter
    backoff = Backoff(given.base, given.factor, given.cap, jitter, low=low, high=high)
    expect = list_of(item, "expect")
    if "cases" in item:
        for number, case, expected in _cases(item, u=1.0, attempt=1, previous=0.0):
            pause = backoff.delay(case.attempt, case.u, case.previous)
            check_equal(f"pause {number}", pause, expected)
        return
    coins = list_of(item, "u") if item.get("u") else [1.0] * len(expect)
    if len(coins) != len(expect):
        raise Malformed(f"{len(coins)} draws `u` for {len(expect)} expected pauses")
    previous = 0.0
    for attempt, (u, expected) in enumerate(zip(coins, expect, strict=True), 1):
        previous = backoff.delay(attempt, number_of("u", u), previous)
        check_equal(f"pause {attempt}", previous, expected)


def play_aws_delay(item: Config, given: SimpleNamespace) -> None:
    """Each case is a pause of its own; `base` is that of what went wrong."""
    for number, case, expected in _cases(
        item, u=1.0, base=None, attempt=1, retry_after=None, throttling=None, cap=given.cap
    ):
        base = case.base
        if base is None:
            base = THROTTLED if case.throttling else TRANSIENT
        pause = Backoff(base, 2.0, case.cap, "full").delay(case.attempt, case.u)
        pause = raised(pause, case.retry_after, given.max_additional)
        check_equal(f"pause {number}", pause, expected)


def play_sdk_delay(item: Config, given: SimpleNamespace) -> None:
    """The longest pause at u = 0, a quarter less at 1; what a provider asks for instead, if that is
    no more than a minute."""
    backoff = Backoff(given.base, 2.0, given.cap, "none")
    for number, case, expected in _cases(item, u=0.0, attempt=1, retry_after=None):
        asked = case.retry_after
        pause = backoff.delay(case.attempt, case.u) * (1 - given.jitter * case.u)
        obeys = asked is not None and 0 < asked <= OBEYED
        check_equal(f"pause {number}", asked if obeys else pause, expected)


def play_litellm_delay(item: Config, given: SimpleNamespace) -> None:
    """Whole seconds that a provider asks for, up to a minute, or the pause; and J more by
    chance."""
    backoff = Backoff(given.base, 2.0, given.cap, "none", added=given.jitter)
    for number, case, expected in _cases(item, u=0.0, attempt=1, retry_after=None):
        asked = case.retry_after
        obeys = asked is not None and 0 < asked <= OBEYED and asked == int(asked)
        pause = asked if obeys else backoff.delay(case.attempt, case.u)
        check_equal(f"pause {number}", pause + backoff.added * case.u, expected)


OTHER_WORDS = {"prev": "previous", "n": "attempt", "throttled": "throttling"}


def _cases(item: Config, **defaults: Any) -> Iterator[tuple[int, SimpleNamespace, Any]]:
    """(number from 1, what the case says, the expected pause)."""
    cases, expect = list_of(item, "cases"), list_of(item, "expect")
    if len(cases) != len(expect):
        raise Malformed(f"{len(cases)} cases, {len(expect)} expected pauses")
    for number, (case, expected) in enumerate(zip(cases, expect, strict=True), 1):
        if not isinstance(case, dict):
            raise Malformed(f"case {number} is no object")
        found = dict(defaults)
        for key, value in case.items():
            name = OTHER_WORDS.get(key, key)
            if name not in defaults:
                raise Inexpressible(f"the field {key}")
            if value is not None:
                found[name] = value if isinstance(value, bool) else number_of(key, value)
        yield number, SimpleNamespace(**found), expected
