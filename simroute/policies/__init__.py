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
    recorded,
    retry,
    route,
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
    "recorded",
    "retry",
    "route",
    "throttle",
    "timeout",
]
