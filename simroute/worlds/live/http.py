"""The way to providers over HTTP: OpenAI's chat completions, streamed and not.

Every failure is an outcome: nothing that a provider sends raises past `OpenAI.send`, and no
provider touches the connections of another. Keys appear in no row, error or repr.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from simroute.core import Call, Outcome, Rest
from simroute.worlds.live.answers import (
    Refusal,
    StreamFacts,
    Usage,
    outcome_status,
    read_whole,
    retry_after,
    without_usage,
)
from simroute.worlds.live.sse import Events
from simroute.worlds.live.streams import Stream

MOST_BYTES = 10_000_000
CONNECT_S, KEPT_ALIVE_S, END_S = 5.0, 15.0, 0.05
Bill = Callable[[int, int, int], int]
"""Nano-USD for so many tokens of input, of output, and of the input read from a cache."""
CONNECTION = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True)
class Endpoint:
    """Where a deployment is reached. `base_url` ends before /chat/completions.

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
        self._slots, self._room = slots, room
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


REUSED: ContextVar[bool] = ContextVar("REUSED", default=False)
"""Whether the connection that this task was given last had been used before."""


class Connections(aiohttp.TCPConnector):
    """Tells, by `REUSED`, whether a connection had been used before. (Traces of aiohttp tell it
    too, for a fifth of the time of a call.)"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[Any] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol: Any = connection.protocol
            is_reused = protocol in self._used
            if is_reused and protocol.should_close:
                connection.close()  # something came that nobody had asked for
                continue
            REUSED.set(is_reused)
            self._used.add(protocol)
            return connection


class Pool:
    """The connections to one endpoint, and its slots."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.slots = Slots(endpoint.concurrency, endpoint.queue)
        self.url = f"{endpoint.base_url.rstrip('/')}/chat/completions"
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
        REUSED.set(False)
        try:
            return await self._post(self._kept, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not REUSED.get():
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


class OpenAI:
    """A transport to endpoints by the name of their target."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.pools = {name: Pool(endpoint) for name, endpoint in endpoints.items()}

    async def close(self) -> None:
        for pool in self.pools.values():
            await pool.close()

    async def send(self, call: Call) -> Outcome:
        """Makes one attempt. Raises nothing but cancellation."""
        assert call.target is not None
        pool = self.pools[call.target]
        if not await pool.slots.take():
            return Outcome(503, call.target, "overloaded")
        exchange = Exchange(call, pool)
        try:
            return await exchange.run()
        finally:
            if not exchange.is_handed_on:
                exchange.close()


class Exchange:
    """One POST and its answer. `close` ends it, at the provider too, and gives the slot back."""

    def __init__(self, call: Call, pool: Pool) -> None:
        self._pool, self._target = pool, str(call.target)
        self._request: Any = call.request
        self._response: aiohttp.ClientResponse | None = None
        self._is_closed = self.is_handed_on = False

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._pool.slots.give_back()
            if self._response is not None:
                self._response.close()  # where all of it was read, its connection is free already

    async def run(self) -> Outcome:
        try:
            body = self._pool.model + self._request.payload[1:]
            self._response = response = await self._pool.post(body)
            if response.status != 200:
                return await self._failure(response)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                return self._failed(502, "encoded")
            if not self._request.streamed:
                return await self._whole(response)
            return await self._first_token(response)
        except aiohttp.ClientResponseError:
            return self._failed(502, "malformed")  # no HTTP
        except aiohttp.ClientPayloadError:
            return self._failed(502, "truncated")
        except CONNECTION:
            return self._failed(503, "connection")
        except Exception:  # no JSON, no choices, or whatever nobody has thought of
            return self._failed(502, "malformed")

    def _failed(self, status: int, error: str) -> Outcome:
        return Outcome(status, self._target, error)

    async def _failure(self, response: aiohttp.ClientResponse) -> Outcome:
        """The outcome of another status than 200; what the caller did wrong keeps its body."""
        status, error = outcome_status(response.status)
        answer = Refusal(await _read(response)) if status == response.status else None
        return Outcome(status, self._target, error, retry_after(response.headers), answer=answer)

    async def _whole(self, response: aiohttp.ClientResponse) -> Outcome:
        answer = read_whole(await _read(response), self._request.input_tokens)
        return self._answered(answer.usage, answer)

    def _answered(self, usage: Usage, answer: Any) -> Outcome:
        nano = self._pool.endpoint.bill(usage.input, usage.output, usage.cached)
        return Outcome(
            200,
            self._target,
            usd=nano / 1e9,
            input_tokens=usage.input,
            output_tokens=usage.output,
            answer=answer,
        )

    async def _first_token(self, response: aiohttp.ClientResponse) -> Outcome:
        """Reads up to the first token, holding all back until then; the rest reads on."""
        if response.content_type != "text/event-stream":
            return self._failed(502, "malformed")
        reading = Reading(response, self._request)
        await reading.until_first_token()
        stream = reading.stream
        if not stream.facts.begun:
            return self._failed(502, "truncated")
        self.is_handed_on = True

        async def read_on() -> Outcome:
            try:
                await reading.to_its_end()
            except Exception:  # it broke off, or says what no answer says
                return self._failed(502, "truncated")
            if not stream.facts.is_finished:
                return self._failed(502, "truncated")
            return self._answered(stream.facts.usage(self._request.input_tokens), stream)

        def end(_: Outcome) -> None:
            stream.end()
            self.close()

        rest = Rest(read_on)
        rest.then(end)
        return Outcome(200, self._target, answer=stream, rest=rest)


class Reading:
    """A streamed response, event by event."""

    def __init__(self, response: aiohttp.ClientResponse, request: Any) -> None:
        self.stream = Stream(StreamFacts(), request.is_kept)
        self._pieces = response.content.iter_any()
        self._events, self._tells_usage = Events(), request.wants_usage
        self._size = 0

    async def until_first_token(self) -> None:
        async for piece in self._pieces:
            self._size += len(piece)
            if self._size > MOST_BYTES:
                raise ValueError("too much before the first token")
            self._take(piece)
            if self.stream.facts.begun or self.stream.facts.done:
                return

    async def to_its_end(self) -> None:
        """Reads on to [DONE], or to the end of the response."""
        if not self.stream.facts.done:
            async for piece in self._pieces:
                self._take(piece)
                if self.stream.facts.done:
                    break
                await self.stream.room()
        with suppress(TimeoutError):  # nothing is read of what follows [DONE], but its end:
            async with asyncio.timeout(END_S):  # then the connection can be used again
                async for _ in self._pieces:
                    return

    def _take(self, piece: bytes) -> None:
        facts, put = self.stream.facts, self.stream.put
        for raw, data in self._events.feed(piece):
            if facts.done:
                return
            chunk = facts.read(data) if data else None
            put(raw if self._tells_usage else without_usage(raw, chunk))


def encoded_body(body: Mapping[str, Any], streamed: bool) -> bytes:
    """A body without its model, which each endpoint has its own of. A stream is asked to tell its
    usage. Raises ValueError, TypeError and UnicodeError for what cannot be sent."""
    sent = {name: value for name, value in body.items() if name != "model"}
    if streamed:
        options = {**(sent.get("stream_options") or {}), "include_usage": True}
        sent |= {"stream": True, "stream_options": options}
    return COMPACT.encode(sent).encode()


COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > MOST_BYTES:
            raise ValueError("the answer is too large")
    return bytes(data)
