"""The exceptions that callers of the LiteLLM Router have, by how their requests ended."""

from __future__ import annotations

from simroute.core import Outcome
from simroute.gateways.litellm.errors import (
    NO_DEPLOYMENT,
    NO_TAG,
    NO_WEIGHT,
    OVER_BUDGET,
    OVER_RPM,
)
from simroute.gateways.litellm.settings import Profile

OWN = {
    NO_DEPLOYMENT: "RouterRateLimitError",
    NO_WEIGHT: "ZeroDivisionError",
    OVER_BUDGET: "ValueError",
    OVER_RPM: "RouterRateLimitErrorBasic",
    NO_TAG: "ValueError",
}
CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    408: "Timeout",
    422: "BadRequestError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
    504: "Timeout",
}
"""Names of LiteLLM's exceptions; any other status is an APIError."""
OF_AZURE = {"1.83": (404, 500), "1.106": (500,), "1.109": (500,)}
"""Statuses that are one at Azure, too, by version."""


def named(outcome: Outcome, profile: Profile, provider: str, begun: bool) -> tuple[str, int | None]:
    """Name and status of the exception. provider: of who was asked last; begun: after a stream's
    head."""
    if outcome.ok:
        return "ok", 200
    if outcome.error in OWN:
        late = profile == "1.109" and outcome.error == NO_DEPLOYMENT
        return OWN[outcome.error], 429 if late else None
    if outcome.error == "context_length":
        return "ContextWindowExceededError", 400
    if outcome.error == "content_filter":
        return "ContentPolicyViolationError", 400
    if outcome.error in ("refused", "reset"):
        return "APIConnectionError" if provider == "azure" else "InternalServerError", 500
    if outcome.error == "truncated":
        return "MidStreamFallbackError" if profile == "1.83" else "APIConnectionError", 500
    if begun and outcome.limit and profile != "1.109":
        return ("ReadTimeout", None) if profile == "1.83" else ("APIConnectionError", 500)
    if provider == "azure" and outcome.status in OF_AZURE[profile]:
        return "APIError", outcome.status
    return CLASSES.get(outcome.status, "APIError"), outcome.status
