"""Gateway and fake providers on sockets, for clients that are asked about in the same loop."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from simroute.config.loading import load
from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.server import Server
from simroute.mock.realtime import Providers
from simroute.mock.server import MockServer
from simroute.sockets import Listener
from upstreams import PLAIN, Upstream, deployments

SPEED = 20.0
"""How much faster the fake providers are."""
CALM = Path(__file__).parent / "clients" / "calm.yaml"


@asynccontextmanager
async def listening(app):
    """The address of an application."""
    listener = Listener(app)
    port = await listener.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await listener.close()


@asynccontextmanager
async def gateway(policy=PLAIN, clients=None, **answers):
    """The address of a gateway, and its upstreams by name. answers: bytes, or functions."""
    upstreams = {name: await Upstream(a).start() for name, a in (answers or {"a": None}).items()}
    server = Server(clients or Clients({}), "mine")
    sinks = {
        "rows": server.watch_attempt,
        "requests": server.watch_request,
        "events": server.watch_event,
    }
    async with Gateway(policy, deployments(**upstreams), **sinks) as made:
        server.serve(made)
        async with listening(server.app()) as url:
            yield url, upstreams


@asynccontextmanager
async def mock(*words):
    """The address of fake providers: claude-sonnet and gpt-4o."""
    configuration = load("mock", str(CALM), ["direct"], [*words], 1, 1)
    async with listening(MockServer(Providers(configuration, "direct", SPEED)).app()) as url:
        yield url


def run(work, seconds=30):
    """The result of a coroutine, within so many seconds."""
    return asyncio.run(asyncio.wait_for(work, seconds))
