"""How each company says no: bodies of errors, when to come again, and what is left of its limits.

After the public API references of OpenAI, Anthropic, Groq, Azure and Google's Gemini (autumn 2026).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

GOOGLE, AZURE, GROQ = ("google", "gemini", "vertex"), ("azure", "azure-openai"), ("groq",)
"""Names by which scenarios and deployments call a company; the others speak as OpenAI does."""
ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
GOOGLE_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
OPENAI_KINDS = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "requests",
    500: "server_error",
}
OPENAI_CODES = {
    "rate_limited": "rate_limit_exceeded",
    "too_large": "rate_limit_exceeded",
    "insufficient_quota": "insufficient_quota",
    "context_length": "context_length_exceeded",
}
"""Word of a simulated failure -> `error.code`; elsewhere it is null."""


class Refused(NamedTuple):
    """A call that is not answered. error: the simulation's word for it. tokens: of its input.
    retry_after: seconds until it may come again, None where that is not said."""

    provider: str
    status: int
    error: str
    tokens: int = 0
    retry_after: float | None = None

    @property
    def message(self) -> str:
        """For people."""
        said = {
            "context_length": f"prompt is too long: {self.tokens} tokens",
            "insufficient_quota": "you exceeded your current quota; check your plan and billing",
            "rate_limited": "rate limit reached",
            "too_large": f"request of {self.tokens} tokens is larger than the limit of a minute",
        }
        return said.get(self.error, self.error)


def error_body(refused: Refused) -> dict[str, Any]:
    """An error as the company's API tells it."""
    status, message = refused.status, refused.message
    if refused.provider == "anthropic":
        kind = ANTHROPIC_KINDS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    if refused.provider in GOOGLE:
        kind = GOOGLE_KINDS.get(status, "UNKNOWN")
        error: dict[str, Any] = {"code": status, "message": message, "status": kind}
        if refused.error == "insufficient_quota":
            what = "type.googleapis.com/google.rpc.QuotaFailure"
            over = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
            error["details"] = [{"@type": what, "violations": [over]}]
        if (wait := _finite(refused.retry_after)) is not None:
            what = "type.googleapis.com/google.rpc.RetryInfo"
            told = {"@type": what, "retryDelay": f"{wait:.9g}s"}
            error["details"] = [*error.get("details", ()), told]
        return {"error": error}
    kind = OPENAI_KINDS.get(status, "server_error")
    if refused.error == "insufficient_quota":
        kind = "insufficient_quota"
    elif refused.error == "too_large":
        kind = "tokens"
    place = "messages" if refused.error == "context_length" else None
    code = OPENAI_CODES.get(refused.error)
    return {"error": {"message": message, "type": kind, "param": place, "code": code}}


def error_headers(retry_after: float | None) -> dict[str, str]:
    """When to come again: whole seconds as all companies say it, and milliseconds as OpenAI and
    Azure do, here for all, since time may pass faster than elsewhere."""
    if (wait := _finite(retry_after)) is None:
        return {}
    return {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}


def _finite(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) else None


def limited_axes(provider: str) -> tuple[str, ...]:
    """Limits of a scenario of which the company's headers tell. (Groq's requests are a day's, its
    tokens a minute's; Gemini tells nothing.)"""
    if provider in GOOGLE:
        return ()
    if provider in GROQ:
        return "rpd", "tpm"
    if provider == "anthropic":
        return "rpm", "tpm", "itpm", "otpm"
    return "rpm", "rpd", "tpm", "tpd"


def limit_headers(
    provider: str,
    limits: Mapping[str, tuple[float, float, float]],
    clock: Callable[[], float],
) -> dict[str, str]:
    """What is granted, what of it is left, and when it is whole again. limits: (granted, left,
    seconds until all is there) by "requests", "tokens" …; clock: seconds since 1970, for those who
    tell a date."""
    headers: dict[str, str] = {}
    for what, (granted, left, reset) in limits.items():
        told = {"limit": str(int(granted)), "remaining": str(max(0, int(left)))}
        if provider == "anthropic":
            told["reset"] = rfc3339(clock() + reset)
            headers |= {f"anthropic-ratelimit-{what}-{word}": said for word, said in told.items()}
            continue
        if provider in AZURE:
            del told["limit"]
        else:
            told["reset"] = go_duration(reset)
        headers |= {f"x-ratelimit-{word}-{what}": said for word, said in told.items()}
    return headers


def rfc3339(moment: float) -> str:
    """A date to the second, not before `moment` (s since 1970)."""
    return datetime.fromtimestamp(math.ceil(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def go_duration(seconds: float) -> str:
    """A duration as OpenAI writes it: 120ms, 1.5s, 6m0s, 1h0m0s."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
