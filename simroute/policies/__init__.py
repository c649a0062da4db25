"""The layers, one file each. Importing this package registers them."""

from simroute.policies import (
    breaker,
    budget,
    cache,
    cascade,
    fallback,
    limit,
    recorded,
    retry,
    route,
    timeout,
)

__all__ = [
    "breaker",
    "budget",
    "cache",
    "cascade",
    "fallback",
    "limit",
    "recorded",
    "retry",
    "route",
    "timeout",
]
