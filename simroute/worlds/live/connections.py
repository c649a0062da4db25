"""Connections to providers: each endpoint has its own, and as many slots as its limits say."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

CONNECT_S, KEPT_ALIVE_S = 5.0, 15.0
Bill = Callable[[int, int, int], int]
"""Nano-USD for so many tokens of input, of output, and of the input read from a cache."""


@dataclass(frozen=True)
class Endpoint:
    """Where a deployment is reached. `base_url` ends before /chat/completions or /embeddings.

    headers: besides the key. concurrency: calls at once, None for any number; queue: how many may
    wait for one of these. private: its host may have an address that is not public.
    """

    base_url: str
    model: str
    bill: Bill
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | None = None
    queue: int = 0
    private: bool = False


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


TALK: ContextVar[Talk | None] = ContextVar("TALK", default=None)
"""The connection that this task was given last."""


class Connections(aiohttp.TCPConnector):
    """Tells, by `TALK`, which connection a call has. (Traces of aiohttp tell whether it had been
    used before, for a fifth of the time of a call.)"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(Talk, loop=asyncio.get_running_loop())

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        while True:
            connection = await super().connect(req, traces, timeout)
            talk: Any = connection.protocol
            if talk.calls and talk.should_close:
                connection.close()  # something came that nobody had asked for
                continue
            talk.calls += 1
            talk.is_silent = True
            TALK.set(talk)
            return connection


class Pool:
    """The connections to one endpoint, and its slots: those of the pool before it, where their
    number did not change."""

    def __init__(
        self, endpoint: Endpoint, before: Pool | None = None, path: str = "/chat/completions"
    ) -> None:
        self.endpoint = endpoint
        self.slots = Slots(endpoint.concurrency, endpoint.queue)
        if before is not None and before.slots.grants == self.slots.grants:
            self.slots = before.slots  # calls under way go on counting
        self.url = endpoint.base_url.rstrip("/") + path
        self.model = b'{"model":%s,' % json.dumps(endpoint.model).encode()
        self._headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **endpoint.headers,
        }
        if endpoint.api_key:
            self._headers["Authorization"] = f"Bearer {endpoint.api_key}"
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> aiohttp.ClientResponse:
        """Sends; a connection that the provider had closed meanwhile, without a byte of an answer,
        is replaced by a fresh one, once."""
        if self._kept is None:
            self._kept = self._session(keep=True)
        TALK.set(None)
        try:
            return await self._post(self._kept, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            talk = TALK.get()
            if talk is None or not (talk.calls > 1 and talk.is_silent):
                raise
        if self._fresh is None:
            self._fresh = self._session(keep=False)
        return await self._post(self._fresh, body)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> aiohttp.ClientResponse:
        return await session.post(self.url, data=body, headers=self._headers, allow_redirects=False)

    def _session(self, keep: bool) -> aiohttp.ClientSession:
        connector = Connections(
            limit=0,
            resolver=PublicAddresses(self.endpoint.private),
            use_dns_cache=True,
            ttl_dns_cache=10,
            **({"keepalive_timeout": KEPT_ALIVE_S} if keep else {"force_close": True}),
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 16,
        )

    async def close(self) -> None:
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()
