"""Failures that have a name beside those that are a status: what a policy sees of each, what it
costs and how long it takes, and whether asking again can help."""

from __future__ import annotations

from typing import NamedTuple, cast

from simroute.models.spec.kinds import ErrorKind

Failure = int | str
"""A status, or one of `KINDS`."""


class Nature(NamedTuple):
    """Of a kind of failure.

    status, error: what policies see, and gateways give for it. lasts: as long as an `error`, a
    tenth of it (a `trip`: one round trip, no work), as a client waits for a `connection`, an
    `answer`, a `part` of one, or for ever.
    bills: nothing, the `whole` answer, or the tokens `so far`. again: whether the same request may
    be answered there when it is sent once more; otherwise it meets the same failure again.
    """

    status: int
    error: str
    lasts: str
    bills: str
    again: bool


NATURES: dict[ErrorKind, Nature] = {
    "refused": Nature(503, "refused", "trip", "nothing", True),
    "unreachable": Nature(503, "unreachable", "connection", "nothing", True),
    "reset": Nature(503, "reset", "part", "so far", True),
    "hang": Nature(504, "hang", "for ever", "nothing", True),
    "invalid_body": Nature(502, "invalid_body", "answer", "whole", True),
    "content_filter": Nature(200, "content_filter", "answer", "whole", False),
    "context_length": Nature(400, "context_length", "error", "nothing", False),
    "quota": Nature(429, "insufficient_quota", "error", "nothing", False),
}
"""Statuses and bills as gateways and providers have them: LiteLLM and Portkey take a connection
that fails for 503, a body that nobody can read for 502; OpenAI's `insufficient_quota` is a 429 and
its `context_length_exceeded` a 400, both free; a `finish_reason` of `content_filter` comes with
200, is billed, and no gateway tries again after it."""
CONNECT_S = 5.0
"""Seconds that a client waits for a connection, unless a policy says otherwise; a gateway's own."""
ROUND_TRIP = 0.1
"""Of the time of an error: what a connection takes that is refused."""


def nature_of(kind: str) -> Nature:
    """Of one of `NATURES` by its name."""
    return NATURES[cast("ErrorKind", kind)]


def helps_again(failure: Failure) -> bool:
    """Whether the same request, sent there once more, has a new chance."""
    return not isinstance(failure, str) or nature_of(failure).again


def lasting_share(errors: dict[Failure, float]) -> float:
    """The share of requests that fail in a way that asking again does not change."""
    return sum(share for failure, share in errors.items() if not helps_again(failure))
