"""The way to providers over HTTP: OpenAI's chat completions, streamed and not.

Every failure is an outcome: nothing that a provider sends raises past `OpenAI.send`, and no
provider touches the connections of another. Keys appear in no row, error or repr.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from simroute.core import Allowance, Call, Outcome
from simroute.worlds.live.allowances import read_allowances
from simroute.worlds.live.answers import (
    FILTERED,
    Refusal,
    StreamFacts,
    Usage,
    failure_word,
    outcome_status,
    read_whole,
    retry_after,
    without_usage,
)
from simroute.worlds.live.connections import Endpoint, Pool, Reply
from simroute.worlds.live.kernel import reached_limit
from simroute.worlds.live.sse import Events
from simroute.worlds.live.streams import HeardRest, Stream

MOST_BYTES, END_S = 10_000_000, 0.05
CONNECTION = (aiohttp.ClientError, OSError, TimeoutError)
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""It ended before anything of an answer was there."""


class OpenAI:
    """A transport to endpoints by the name of their target. before: the one that it replaces."""

    pools: Mapping[str, Pool]

    def __init__(self, endpoints: Mapping[str, Endpoint], before: OpenAI | None = None) -> None:
        known: Mapping[str, Pool] = {} if before is None else before.pools
        self.pools = {name: Pool(endpoint, known.get(name)) for name, endpoint in endpoints.items()}

    async def close(self) -> None:
        for pool in self.pools.values():
            await pool.close()

    def allowances(self, target: str) -> Mapping[str, Allowance]:
        """What the latest answer of a target said of its limits."""
        return read_allowances(self.pools[target].told)

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
        self._key = "" if call.key is None else call.key.of(self._target)
        self._response: Reply | None = None
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
            posted = self._pool.post(body, self._request.connect_s, self._key)
            self._response = response = await posted
            self._pool.told = response.headers
            if response.status != 200:
                return await self._failure(response)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                return self._failed(502, "encoded")
            if not self._request.streamed:
                return await self._whole(response)
            return await self._first_token(response)
        except aiohttp.ClientPayloadError:
            return self._failed(502, "truncated")
        except aiohttp.ConnectionTimeoutError:
            return self._failed(503, "unreachable")
        except aiohttp.ClientConnectorError as error:
            is_refused = isinstance(error.os_error, ConnectionRefusedError)
            return self._failed(503, "refused" if is_refused else "connection")
        except BROKEN:
            return self._failed(503, "reset")
        except CONNECTION:
            return self._failed(503, "connection")
        except Exception:  # no HTTP, no JSON, no choices, or whatever nobody has thought of
            return self._failed(502, "malformed")

    def _failed(self, status: int, error: str) -> Outcome:
        return Outcome(status, self._target, error)

    async def _failure(self, response: Reply) -> Outcome:
        """The outcome of another status than 200; what the caller did wrong keeps its body."""
        status, error = outcome_status(response.status)
        answer = Refusal(await read_body(response)) if status == response.status else None
        if answer is not None:
            error = failure_word(status, error, answer.body)
        return Outcome(status, self._target, error, retry_after(response.headers), answer=answer)

    async def _whole(self, response: Reply) -> Outcome:
        answer = read_whole(await read_body(response), self._request.input_tokens)
        error = FILTERED if answer.finish == FILTERED else ""
        return self._answered(answer.usage, answer, error=error)

    def _answered(self, usage: Usage, answer: Any, status: int = 200, error: str = "") -> Outcome:
        nano = self._pool.endpoint.bill(usage.input, usage.output, usage.cached)
        return Outcome(
            status,
            self._target,
            error,
            usd=nano / 1e9,
            input_tokens=usage.input,
            output_tokens=usage.output,
            answer=answer,
        )

    async def _first_token(self, response: Reply) -> Outcome:
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
            except asyncio.CancelledError as cut:
                stream.reached = reached_limit(cut)
                raise
            except Exception:  # it broke off, or says what no answer says
                return self._broken_off(stream)
            if not stream.facts.is_finished:
                return self._broken_off(stream)
            stream.usage = stream.facts.usage(self._request.input_tokens)
            error = FILTERED if stream.facts.finish == FILTERED else ""
            return self._answered(stream.usage, stream, error=error)

        def end(_: Outcome) -> None:
            stream.end()
            self.close()

        rest = HeardRest(read_on, lambda: reading.heard)
        rest.then(end)
        return Outcome(200, self._target, answer=stream, rest=rest)

    def _broken_off(self, stream: Stream) -> Outcome:
        """What has come is billed: the provider has made it."""
        stream.usage = stream.facts.usage(self._request.input_tokens)
        return self._answered(stream.usage, stream, 502, "truncated")


class Reading:
    """A streamed response, event by event. heard: as `HeardRest` has it; bytes without data, with
    which some providers keep a connection, are no token."""

    def __init__(self, response: Reply, request: Any) -> None:
        self.stream = Stream(StreamFacts(), request.is_kept)
        self._pieces = response.content.iter_any()
        self._events, self._tells_usage = Events(), request.wants_usage
        self._size, self._now = 0, asyncio.get_running_loop().time
        self.heard = self._now()

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
                if self.stream.is_full:
                    self.heard = math.inf
                    await self.stream.room()
                    self.heard = self._now()
        with suppress(TimeoutError):  # nothing is read of what follows [DONE], but its end:
            async with asyncio.timeout(END_S):  # then the connection can be used again
                async for _ in self._pieces:
                    return

    def _take(self, piece: bytes) -> None:
        facts, put = self.stream.facts, self.stream.put
        for raw, data in self._events.feed(piece):
            if facts.done:
                return
            chunk = None
            if data:
                chunk, self.heard = facts.read(data), self._now()
            put(raw, raw if self._tells_usage else without_usage(raw, chunk))


def encoded_body(body: Mapping[str, Any], streamed: bool) -> bytes:
    """A body without its model, which each endpoint has its own of. A stream is asked to tell its
    usage. Raises ValueError, TypeError and UnicodeError for what cannot be sent."""
    sent = {name: value for name, value in body.items() if name != "model"}
    if streamed:
        options = {**(sent.get("stream_options") or {}), "include_usage": True}
        sent |= {"stream": True, "stream_options": options}
    return COMPACT.encode(sent).encode()


COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


async def read_body(response: Reply) -> bytes:
    """All of an answer. Raises ValueError for one that is too large."""
    content = response.content
    first = await content.readany()
    if content.at_eof():
        return first
    data = bytearray(first)
    async for piece in content.iter_any():
        data += piece
        if len(data) > MOST_BYTES:
            raise ValueError("the answer is too large")
    return bytes(data)
