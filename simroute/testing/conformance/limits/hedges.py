"""Items of the kind hedge, of gRPC's proposal A6: when copies of a call are sent, and which answer
is taken, played on the layer in front of a scripted upstream."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from simroute.policies.hedge import Hedge
from simroute.policies.timeout import Timeout
from simroute.testing.conformance.limits.fields import number_of
from simroute.testing.conformance.verdict import Config, Malformed, check_equal, list_of, skip_if
from simroute.testing.script import PlayLog, Step, play

STATUS = {"ok": 200, "nonfatal": 503, "fatal": 400}
WORDS = {status: word for word, status in STATUS.items()}
OTHER_WORDS = {
    "success": "ok",
    "non_fatal": "nonfatal",
    "non-fatal": "nonfatal",
    "retryable": "nonfatal",
}
MOST_ATTEMPTS = 5
"""A larger number is taken for it."""
FOR_EVER = 1e9
"""Seconds of an attempt that never ends."""


def play_hedge(item: Config, given: SimpleNamespace) -> None:
    """Play the item; raises `Differs`, `Inexpressible` or `Malformed`. throttled: no copy is sent,
    since too much has failed."""
    attempts = 1 if given.throttled else min(int(given.max_attempts), MOST_ATTEMPTS)
    layers: dict[str, Any] = {
        "hedge": Hedge(given.delay, None, attempts, (), None, max_retry_after=FOR_EVER)
    }
    if given.deadline is not None:
        layers = {"timeout": Timeout(total=given.deadline), **layers}
    steps = [_step(number, raw) for number, raw in enumerate(list_of(item, "attempts"))]
    if not steps:
        raise Malformed("there are no attempts")
    expect = item.get("expect")
    if not isinstance(expect, dict):
        raise Malformed("`expect` is no object")
    figures = _figures(play(layers, {"a": steps}))
    for figure, expected in expect.items():
        skip_if(figure not in figures, figure)
        came = figures[figure]
        if not isinstance(expected, list) or not isinstance(came, list):
            check_equal(figure, came, expected)
            continue
        check_equal(f"number of {figure}", len(came), len(expected))
        for number, pair in enumerate(zip(came, expected, strict=True)):
            check_equal(f"{figure} {number}", *pair)


def _step(number: int, raw: Any) -> Step:
    """[seconds, how it ends, pushback]; seconds: null for never, pushback: seconds, a negative one
    asks for no further copy at all."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= 3:
        raise Malformed(f"attempt {number} is not [seconds, end, pushback]")
    seconds, word, pushback = [*raw, "ok", None][:3] if len(raw) == 1 else [*raw, None][:3]
    skip_if(not isinstance(word, str), f"an attempt that ends as {word}")
    word = OTHER_WORDS.get(word, word)
    skip_if(word not in STATUS, f"an attempt that ends as {word}")
    seconds = FOR_EVER if seconds is None else number_of(f"attempt {number}", seconds)
    if seconds < 0:
        raise Malformed(f"attempt {number}: {seconds} s")
    wait = None if pushback is None else number_of("pushback", pushback)
    return Step(
        min(seconds, FOR_EVER), STATUS[word], math.inf if wait is not None and wait < 0 else wait
    )


def _figures(log: PlayLog) -> dict[str, Any]:
    """Of answers at the same moment the first that was sent counts, and the others are given up."""
    outcome, _, done = log.requests[0]
    ends = [(status, end) for *_, status, end in log.attempts]
    last = [n for n, (status, end) in enumerate(ends) if status != 499 and abs(end - done) < 1e-9]
    best = [n for n in last if ends[n][0] == STATUS["ok"]] if outcome == "ok" else last[::-1]
    settles = outcome == "ok" or bool(best and ends[best[0]][0] == STATUS["fatal"])
    return {
        "sent": [start for start, *_ in log.attempts],
        "done": done,
        "winner": best[0] if outcome == "ok" else None,
        "status": WORDS[ends[best[0]][0]] if best else "deadline",
        "cancelled": [
            n
            for n, (status, _) in enumerate(ends)
            if status == 499 or (settles and n in last and n > best[0])
        ],
    }
