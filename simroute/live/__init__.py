"""The same policy, live: `Gateway` in a program, `simroute serve` before one.

>>> async with Gateway(policy="circuit_breaker", deployments="deployments.yaml") as gateway:
...     answer = await gateway.complete(messages=[{"role": "user", "content": "Hello"}])
"""

from __future__ import annotations

from simroute.errors import InputError

try:
    from simroute.live.answered import Answer, Chunk, GatewayClosed, GatewayError, RequestRow
    from simroute.live.gateway import Gateway
except ImportError as error:  # pragma: no cover
    raise ImportError("live use needs the extra: pip install 'simroute[live]'") from error

__all__ = [
    "Answer",
    "Chunk",
    "Gateway",
    "GatewayClosed",
    "GatewayError",
    "InputError",
    "RequestRow",
]
