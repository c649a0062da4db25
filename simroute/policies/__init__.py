"""The layers, one file each. Importing this package registers them."""

from simroute.policies import (
    breaker,
    budget,
    cache,
    cascade,
    fallback,
    health,
    hedge,
    limit,
    queue,
    recorded,
    retry,
    route,
    shed,
    static_answer,
    throttle,
    timeout,
)

__all__ = [
    "breaker",
    "budget",
    "cache",
    "cascade",
    "fallback",
    "health",
    "hedge",
    "limit",
    "queue",
    "recorded",
    "retry",
    "route",
    "shed",
    "static_answer",
    "throttle",
    "timeout",
]
