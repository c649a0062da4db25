"""Items of the kind hedge, of gRPC's proposal A6: when copies of a call are sent, and which answer
is taken, played on the layer in front of a scripted upstream."""

from __future__ import annotations

import math
from typing import Any

from simroute.policies.hedge import Hedge
from simroute.policies.timeout import Timeout
from simroute.testing.conformance.verdict import Config, check_equal, settings, skip_if
from simroute.testing.script import PlayLog, Step, play

STATUS = {"ok": 200, "nonfatal": 503, "fatal": 400}
WORDS = {status: word for word, status in STATUS.items()}
MOST_ATTEMPTS = 5
"""A larger number is taken for it."""


def play_hedge(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    given = settings(item.get("config") or {}, max_attempts=MOST_ATTEMPTS, delay=0.0, deadline=None)
    attempts = min(given.max_attempts, MOST_ATTEMPTS)
    layers: dict[str, Any] = {
        "hedge": Hedge(given.delay, None, attempts, (), None, max_retry_after=1e9)
    }
    if given.deadline is not None:
        layers = {"timeout": Timeout(total=given.deadline), **layers}
    log = play(layers, {"a": [_step(*attempt) for attempt in item["attempts"]]})
    figures = _figures(log)
    for figure, expected in item["expect"].items():
        skip_if(figure not in figures, figure)
        came = figures[figure]
        if not isinstance(expected, list):
            check_equal(figure, came, expected)
            continue
        check_equal(f"number of {figure}", len(came), len(expected))
        for number, pair in enumerate(zip(came, expected, strict=True)):
            check_equal(f"{figure} {number}", *pair)


def _step(seconds: float, word: str = "ok", pushback: float | None = None) -> Step:
    """pushback: seconds; a negative one asks for no further copy at all."""
    skip_if(word not in STATUS, f"an attempt that ends as {word}")
    wait = math.inf if pushback is not None and pushback < 0 else pushback
    return Step(seconds, STATUS[word], wait)


def _figures(log: PlayLog) -> dict[str, Any]:
    outcome, _, done = log.requests[0]
    ends = [(status, end) for *_, status, end in log.attempts]
    last = [n for n, (status, end) in enumerate(ends) if status != 499 and abs(end - done) < 1e-9]
    return {
        "sent": [start for start, *_ in log.attempts],
        "done": done,
        "winner": last[-1] if outcome == "ok" else None,
        "status": WORDS[ends[last[-1]][0]] if last else "deadline",
        "cancelled": [n for n, (status, _) in enumerate(ends) if status == 499],
    }
