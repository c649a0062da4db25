"""What a caller is told, in HTTP: headers of an answer, and errors in OpenAI's shape."""

from __future__ import annotations

import math

from simroute.live.answered import Answer
from simroute.sockets import error_body

TIMED_OUT, UNAVAILABLE = 504, 503
STATUSES = {408: TIMED_OUT, 499: UNAVAILABLE}
"""Statuses of outcomes that callers know by another one."""


def status_of(answer: Answer) -> int:
    """The HTTP status of an answer."""
    return STATUSES.get(answer.status, answer.status)


def headers_of(answer: Answer, request_id: int) -> dict[str, str]:
    """What the gateway says of an answer, beside the answer."""
    headers = {
        "x-simroute-attempts": str(answer.attempts),
        "x-simroute-cache": answer.cached,
        "x-simroute-usd": f"{answer.usd:.9f}",
        "x-simroute-request": str(request_id),
    }
    if answer.target is not None:
        headers["x-simroute-target"] = answer.target
    if answer.status != 200 and answer.retry_after is not None:
        headers["retry-after"] = str(math.ceil(answer.retry_after))
        headers["retry-after-ms"] = str(round(answer.retry_after * 1000))
    return headers


def failure_body(answer: Answer) -> bytes:
    """The body of an answer that is none: the provider's own where the caller made a mistake."""
    if answer.body and answer.status in (400, 409, 413, 422):
        return answer.body
    status = status_of(answer)
    if answer.by:
        return error_body(status, f"refused by the layer {answer.by}", answer.by)
    where = f" by {answer.target}" if answer.target else ""
    return error_body(status, f"no answer{where}: {answer.error or answer.status}", answer.error)


def error_event(status: int, message: str, code: str = "") -> bytes:
    """The same as the last event of a stream."""
    return b"data: " + error_body(status, message, code) + b"\n\n"
