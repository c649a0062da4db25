"""Bifrost: what its HTTP client does besides the gateway's own retries.

Facts from its documentation and from failoverbench's published runs of version 2.1.1; nothing of
its code.
"""

from simroute.gateways.bifrost import reconnect

__all__ = ["reconnect"]
