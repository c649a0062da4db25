"""A provider to which no connection is made."""

import asyncio
import time

import aiohttp
import pytest

from simroute.live import Gateway
from simroute.worlds.live import connections
from upstreams import HELLO, deployments


class Nowhere:
    """Its port is no matter: no connection is ever made."""

    port, url = 9, "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(("policy", "seconds"), [({"connect": "0.2s"}, 0.2), ({}, 0.4)])
def test_it_is_given_up_as_soon_as_is_said(policy, seconds, monkeypatch):
    """503 and its reason, after the layer's limit, or after the gateway's own."""
    monkeypatch.setattr(
        connections, "PATIENCE", aiohttp.ClientTimeout(total=None, sock_connect=0.4)
    )

    async def never(*args, timeout, **more):
        async with asyncio.timeout(timeout.sock_connect):
            await asyncio.sleep(60)

    async def wrapped(self, *args, **more):
        try:
            await never(timeout=args[-1] if not more else more["timeout"])
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("too long") from error

    async def main():
        monkeypatch.setattr(connections.Connections, "_create_connection", wrapped)
        layers = {"timeout": {"total": "5s", **policy}}
        async with Gateway(layers, deployments(a=Nowhere())) as gateway:
            began = time.monotonic()
            answer = await gateway.complete(HELLO)
            return answer.status, answer.error, time.monotonic() - began

    status, error, took = asyncio.run(main())
    assert (status, error) == (503, "unreachable")
    assert took >= seconds
