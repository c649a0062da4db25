"""What becomes of a call that fails in a way that has a name: status, time and bill of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simroute.models.error_kinds import CONNECT_S, ROUND_TRIP, nature_of
from simroute.worlds.sim.attempt import ODD, Attempt

CONNECTION = "connection"
"""Key in a request's `asked`: seconds that its policy waits for one."""


def fail_by_kind(upstream: Any, attempt: Attempt, kind: str) -> None:
    """As `Upstream.fail` of this upstream, which has set the time of an error already."""
    nature = nature_of(kind)
    attempt.status, attempt.error = nature.status, nature.error
    ways: dict[str, Callable[[Any, Attempt], None]] = {
        "trip": _trip,
        "connection": _connection,
        "part": _part,
        "answer": _answer,
    }
    if (way := ways.get(nature.lasts)) is not None:
        way(upstream, attempt)


def _trip(upstream: Any, attempt: Attempt) -> None:
    attempt.seconds *= ROUND_TRIP


def _connection(upstream: Any, attempt: Attempt) -> None:
    limits: Any = attempt.request.asked or {}
    attempt.seconds = limits.get(CONNECTION, CONNECT_S)


def _as_answered(upstream: Any, attempt: Attempt) -> float:
    """Gives it the times of an answer; returns those to its end."""
    draws: Any = attempt.draws
    i, slow_down = attempt.request.i, upstream.conditions.slow_down
    attempt.first, attempt.decode = draws[0][i] * slow_down, draws[1][i] * slow_down
    if upstream.strain is not None:
        upstream.lengthen(attempt, attempt.began)
    return attempt.first + attempt.decode


def _part(upstream: Any, attempt: Attempt) -> None:
    """The connection breaks anywhere in the time of an answer: before its first token it is an
    error that costs nothing, after that the answer is billed so far, and a stream is cut."""
    place = float(attempt.draws[4][attempt.request.i])
    attempt.seconds = place * _as_answered(upstream, attempt)
    if attempt.seconds < attempt.first:
        attempt.decode = -1.0
    elif attempt.request.streamed:
        attempt.status = 502
        upstream.stream(attempt, 1.0)


def _answer(upstream: Any, attempt: Attempt) -> None:
    """It takes as long as an answer, and is billed as one; with status 200 the caller gets it, and
    it is worth nothing."""
    attempt.seconds = _as_answered(upstream, attempt)
    if attempt.status == 200:
        attempt.quality, attempt.callbacks = 0.0, ODD
        if attempt.request.streamed:
            upstream.stream(attempt, 1.0)
