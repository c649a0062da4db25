"""A gateway over HTTP in front of one provider, asked in raw bytes."""

import asyncio
import json

from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.server import Server
from simroute.sockets import Listener
from upstreams import HELLO, PLAIN, Upstream, deployments

BODY = json.dumps(HELLO).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
ONCE = GOOD.replace(b"Host", b"Connection: close\r\nHost")
"""The connection ends with its answer."""


def serving(test, policy=PLAIN, most_body=10_000_000, answer=None, **options):
    """Runs `test(port, upstream, gateway)` with a server in front of one upstream."""

    async def main():
        a = await Upstream(answer).start()
        async with Gateway(policy, deployments(a=a), **options) as gateway:
            server = Server(Clients({}), "mine", most_body)
            server.serve(gateway)
            listener = Listener(server.app())
            port = await listener.start("127.0.0.1", 0)
            try:
                return await test(port, a, gateway)
            finally:
                await listener.close()

    return asyncio.run(asyncio.wait_for(main(), 30))


async def said(port, *parts, pause=0.02):
    """All that comes back for these bytes, until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
