"""Connections to providers: each endpoint has its own, and as many slots as its limits say."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

CONNECT_S, KEPT_ALIVE_S = 5.0, 15.0
BUFFER_BYTES = 1 << 16
Bill = Callable[[int, int, int], int]
"""Nano-USD for so many tokens of input, of output, and of the input read from a cache."""


@dataclass(frozen=True)
class Endpoint:
    """Where a deployment is reached. `base_url` ends before /chat/completions or /embeddings.

    headers: besides the key. concurrency: calls at once, None for any number; queue: how many may
    wait for one of these. private: its host may have an address that is not public.
    idempotency_header: by which it knows repeated sends, "" where it does not.
    """

    base_url: str
    model: str
    bill: Bill
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | None = None
    queue: int = 0
    private: bool = False
    idempotency_header: str = ""


class Slots:
    """As many calls at once as an endpoint allows, and a line of bounded length before it."""

    def __init__(self, slots: int | None, room: int) -> None:
        self.busy = 0
        self.grants = self._slots, self._room = slots, room
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    async def take(self) -> bool:
        """Whether there is a slot, at once or after a wait; whoever takes one gives it back."""
        if self._slots is None or self.busy < self._slots:
            self.busy += 1
            return True
        if len(self._line) >= self._room:
            return False
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                self._line.remove(turn)
            else:  # it had its turn, and leaves it
                self.give_back()
            raise
        return True

    def give_back(self) -> None:
        """Frees a slot, or hands it to the first in the line."""
        for turn in self._line:
            if not turn.done():  # else it is about to leave
                self._line.remove(turn)
                turn.set_result(None)
                return
        self.busy -= 1


class PublicAddresses(AbstractResolver):
    """Looks names up, and gives only addresses that may be connected to: what was looked at is what
    is connected to."""

    def __init__(self, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        allowed = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in infos
            if self._private or is_public(str(address[0]))
        ]
        if not allowed:
            raise OSError(f"{host} has no public address")
        return allowed

    async def close(self) -> None:
        """Holds nothing."""


def is_public(address: str) -> bool:
    """Whether an address is none of a private, loopback, link-local or reserved network."""
    return ipaddress.ip_address(address.partition("%")[0]).is_global


class Talk(ResponseHandler):
    """A connection. calls: how many it has had. is_silent: no byte of an answer to the last of them
    has come."""

    calls, is_silent = 0, True

    def data_received(self, data: bytes) -> None:
        self.is_silent = False
        super().data_received(data)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        body = self._payload
        super().set_exception(exc, *cause)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError())  # else its reader would wait for ever


class Connections(aiohttp.TCPConnector):
    """Connections that are kept and used again."""

    def __init__(self, private: bool) -> None:
        super().__init__(
            limit=0,
            resolver=PublicAddresses(private),
            use_dns_cache=True,
            ttl_dns_cache=10,
            keepalive_timeout=KEPT_ALIVE_S,
        )
        self._factory: Any = partial(Talk, loop=asyncio.get_running_loop())

    async def take(
        self, asked: aiohttp.ClientRequest, fresh: bool, seconds: float | None = None
    ) -> Any:
        """A connection for one call; a fresh one had none before. seconds: that it may take."""
        own = seconds is None
        patience = PATIENCE if own else aiohttp.ClientTimeout(total=None, sock_connect=seconds)
        while True:
            connection = await self.connect(asked, [], patience)
            talk: Any = connection.protocol
            if talk.calls and (fresh or talk.should_close):
                connection.close()  # something came that nobody had asked for
                continue
            talk.calls += 1
            talk.is_silent = True
            return connection


PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)


class Reply:
    """An answer whose head is there. content: its bytes, to be read as they come; where all of them
    are read, the connection is free for others."""

    def __init__(self, connection: Any, head: Any, content: aiohttp.StreamReader) -> None:
        self.status: int = head.code
        self.headers: Mapping[str, str] = head.headers
        self.content = content
        self._connection = connection
        content.on_eof(self._free)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def close(self) -> None:
        """Ends it, and the connection with it where it has not been read."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self.content.set_exception(aiohttp.ClientConnectionError("closed"))

    def _free(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()


class Pool:
    """The connections to one endpoint, and its slots: those of the pool before it, where their
    number did not change.

    What a call sends besides its body is the same bytes each time, so aiohttp's session is not
    asked for them anew, only its connector.
    """

    def __init__(
        self, endpoint: Endpoint, before: Pool | None = None, path: str = "/chat/completions"
    ) -> None:
        self.endpoint = endpoint
        self.slots = Slots(endpoint.concurrency, endpoint.queue)
        if before is not None and before.slots.grants == self.slots.grants:
            self.slots = before.slots  # calls under way go on counting
        self.url = endpoint.base_url.rstrip("/") + path
        self.told: Mapping[str, str] = {}  # the headers of the latest answer
        self.model = b'{"model":%s,' % json.dumps(endpoint.model).encode()
        self._connections: Connections | None = None

    async def post(self, body: bytes, connect_s: float | None = None, key: str = "") -> Reply:
        """Sends, with an idempotency key where there is one; a connection that the provider had
        closed meanwhile, without a byte of an answer, is replaced by a fresh one, once."""
        head, header = b"%d\r\n" % len(body), self.endpoint.idempotency_header
        if key and header:
            head += f"{header}: {key}\r\n".encode()
        sent = head + b"\r\n" + body
        connections = self._connections or self._connect()
        connection = await connections.take(self._asked, False, connect_s)
        talk: Any = connection.protocol
        try:
            return await self._exchange(connection, sent)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not (talk.calls > 1 and talk.is_silent):
                raise
        return await self._exchange(await connections.take(self._asked, True, connect_s), sent)

    def _connect(self) -> Connections:
        """Now that there is a loop."""
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **self.endpoint.headers,
        }
        if self.endpoint.api_key:
            headers["Authorization"] = f"Bearer {self.endpoint.api_key}"
        loop = asyncio.get_running_loop()
        self._asked = asked = aiohttp.ClientRequest(
            "POST", URL(self.url), headers=headers, loop=loop
        )
        asked.headers.popall("Content-Length", None)
        lines = [f"POST {asked.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in asked.headers.items()]
        self._head = "\r\n".join(lines).encode() + b"\r\nContent-Length: "
        self._connections = Connections(self.endpoint.private)
        return self._connections

    async def _exchange(self, connection: Any, sent: bytes) -> Reply:
        """sent: the rest of the head, from the length of the body on, and the body."""
        talk = connection.protocol
        try:
            talk.set_response_params(
                read_until_eof=True, auto_decompress=False, read_bufsize=BUFFER_BYTES
            )
            talk.transport.write(self._head + sent)
            while True:
                head, content = await talk.read()
                if not 100 <= head.code < 200 or head.code == 101:
                    return Reply(connection, head, content)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.close()
