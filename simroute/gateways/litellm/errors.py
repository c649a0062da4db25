"""How the Router sees failures: a class by status, which it tries again, and which it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from simroute.core import Outcome

ErrorClass = Literal[
    "BadRequestError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotFoundError",
    "Timeout",
    "ConflictError",
    "RateLimitError",
    "InternalServerError",
    "BadGatewayError",
    "ServiceUnavailableError",
    "PaymentRequiredError",
    "APIError",
    "APIConnectionError",
    "ContextWindowExceededError",
    "ContentPolicyViolationError",
]
NO_DEPLOYMENT, NO_WEIGHT, OVER_BUDGET, OVER_RPM, NO_TAG = (
    "no deployment left",
    "no weight left",
    "over budget",
    "over rpm",
    "no deployment with that tag",
)
"""Errors of the Router itself, before any send: its RouterRateLimitError, ZeroDivisionError,
ValueError, RouterRateLimitErrorBasic, and ValueError."""
OVER_LIMIT = "over the limits of a minute"
"""Of enforce_model_rate_limits: a RateLimitError that is not tried again."""
OWN = frozenset((NO_DEPLOYMENT, NO_WEIGHT, OVER_BUDGET, OVER_RPM, NO_TAG))
RetriesKey = Literal[
    "BadRequestErrorRetries",
    "AuthenticationErrorRetries",
    "TimeoutErrorRetries",
    "RateLimitErrorRetries",
    "ContentPolicyViolationErrorRetries",
    "InternalServerErrorRetries",
    "ServiceUnavailableErrorRetries",
    "NotFoundErrorRetries",
    "DefaultRetries",
]
AllowedFailsKey = Literal[
    "BadRequestErrorAllowedFails",
    "AuthenticationErrorAllowedFails",
    "TimeoutErrorAllowedFails",
    "RateLimitErrorAllowedFails",
    "ContentPolicyViolationErrorAllowedFails",
    "InternalServerErrorAllowedFails",
    "ServiceUnavailableErrorAllowedFails",
    "BadGatewayErrorAllowedFails",
    "NotFoundErrorAllowedFails",
]
"""What the policies of 1.109 may name; 1.83 reads the first six of each."""
BY_STATUS: dict[int, ErrorClass] = {
    401: "AuthenticationError",
    402: "PaymentRequiredError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "Timeout",
    409: "ConflictError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
    504: "Timeout",
}
LATER: frozenset[ErrorClass] = frozenset(
    ("InternalServerError", "BadGatewayError", "ServiceUnavailableError", "NotFoundError")
)
"""Of which no policy is read before 1.106."""
AGAIN: frozenset[ErrorClass] = frozenset(
    (
        "AuthenticationError",
        "PermissionDeniedError",
        "Timeout",
        "ConflictError",
        "RateLimitError",
        "InternalServerError",
        "BadGatewayError",
        "ServiceUnavailableError",
        "APIError",
        "APIConnectionError",
    )
)
"""What is tried again as long as a deployment of the group is left."""
REFUSALS: frozenset[ErrorClass] = frozenset(
    (
        "BadRequestError",
        "AuthenticationError",
        "PermissionDeniedError",
        "NotFoundError",
        "PaymentRequiredError",
        "ContextWindowExceededError",
        "ContentPolicyViolationError",
    )
)
"""After which, from 1.106 on, a request is not sent again to the same deployment."""
SPECIAL: frozenset[ErrorClass] = frozenset(
    ("ContextWindowExceededError", "ContentPolicyViolationError")
)
"""Refused prompts, which may have fallbacks of their own."""
COUNTED: frozenset[ErrorClass] = frozenset(
    (
        "AuthenticationError",
        "NotFoundError",
        "Timeout",
        "RateLimitError",
        "InternalServerError",
        "BadGatewayError",
        "ServiceUnavailableError",
        "APIError",
    )
)
"""What can cool a deployment; from 1.106 on a PaymentRequiredError can, too."""
AFTER_HEAD = "truncated", "stalled"
"""Ends of a stream after its head, which no count of failures knows of."""


ALLOWED, RETRIES = "AllowedFails", "Retries"


def stated(policy: Mapping[Any, int], kind: str, what: str) -> int | None:
    """What a policy of retries, or of failures that are allowed, says of a class of errors."""
    return policy.get(f"{'TimeoutError' if kind == 'Timeout' else kind}{what}")


def class_of(outcome: Outcome, provider: str) -> ErrorClass:
    """The class of a failed send. Azure's client alone calls a broken connection by its name; what
    the Router calls APIError has no policy, 402 (here PaymentRequiredError) and 529 among it."""
    if outcome.error == "context_length":
        return "ContextWindowExceededError"
    if outcome.error == "content_filter":
        return "ContentPolicyViolationError"
    if outcome.error in ("refused", "reset"):
        return "APIConnectionError" if provider == "azure" else "InternalServerError"
    if outcome.status in BY_STATUS:
        return BY_STATUS[outcome.status]
    return "APIError" if outcome.status > 500 else "BadRequestError"


def is_broken(outcome: Outcome) -> bool:
    """Whether a stream broke off after its head, which is never tried again in its group."""
    return outcome.error == "truncated"
