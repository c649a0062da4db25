"""The fake providers over HTTP: one path for each deployment."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from aiohttp import web

from simroute.core import Outcome
from simroute.errors import InputError
from simroute.mock import refusals, styles
from simroute.mock.control import may_control, parse, read_control, read_outage
from simroute.mock.realtime import BROKEN, IDEMPOTENCY_HEADER, Exchange, Providers
from simroute.mock.refusals import Refused
from simroute.mock.styles import CompletionEvents, MessageEvents, Said
from simroute.models.limits import RateLimit
from simroute.sockets import errors_in_json

TICK_S = 0.02
"""Seconds between two pieces of a stream."""
MOST_BODY = 10_000_000
Kept = TypeVar("Kept", bound=web.StreamResponse)
NONSENSE = (
    ("text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    ("application/json", b'{"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role"'),
)
"""Bodies that nobody can read, by turns."""


class MockServer:
    """Routes to the deployments of a scenario. tick: seconds between two pieces of a stream. clock:
    seconds since 1970, for those who tell dates."""

    def __init__(
        self,
        providers: Providers,
        tick: float = TICK_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.providers, self._tick, self._clock = providers, tick, clock
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in providers.scenario.deployments
        }
        self._ids = 0

    def app(self) -> web.Application:
        """The application, to be run or tested."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[errors_in_json])
        app.router.add_post("/{name}/v1/chat/completions", self.completions)
        app.router.add_post("/{name}/v1/messages", self.messages)
        app.router.add_get("/control", self.counts)
        app.router.add_post("/control", self.control)
        return app

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /NAME/v1/chat/completions, for every deployment."""
        return await self._serve(request, is_message=False)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """POST /NAME/v1/messages, for those of Anthropic."""
        return await self._serve(request, is_message=True)

    async def _serve(self, request: web.Request, is_message: bool) -> web.StreamResponse:
        name = request.match_info["name"]
        deployment = self.providers.scenario.deployments.get(name)
        if deployment is None or (is_message and deployment.provider != "anthropic"):
            provider = "" if deployment is None else deployment.provider
            return _error(Refused(provider, 404, f"nothing is at {request.path}"))
        try:
            body = await _read(request)
        except ValueError as error:
            return _error(Refused(deployment.provider, 400, str(error)))
        try:
            exchange = self._exchange(request, name, body)
        except ValueError as error:
            return _error(Refused(deployment.provider, 400, str(error)))
        try:
            outcome = await exchange.first()
            return await self._answer(request, body, exchange, outcome, is_message)
        except asyncio.CancelledError:
            exchange.cancel()
            self._counts[name]["499"] += 1
            raise

    def _exchange(self, request: web.Request, name: str, body: dict[str, Any]) -> Exchange:
        key = request.headers.get(IDEMPOTENCY_HEADER)
        said = json.dumps(body, sort_keys=True).encode() if key is not None else b""
        streamed = body.get("stream") is True
        return self.providers.exchange(name, streamed, _number(body), key, sha256(said).digest())

    async def _answer(
        self,
        request: web.Request,
        body: dict[str, Any],
        exchange: Exchange,
        outcome: Outcome,
        is_message: bool,
    ) -> web.StreamResponse:
        deployment = self.providers.scenario.deployments[exchange.target]
        self._ids += 1
        headers = self._limit_headers(deployment.provider, exchange.target)
        headers |= styles.id_header(deployment.provider, self._ids)
        if outcome.status != 200:
            return self._refuse(request, exchange, outcome, headers)
        said = Said(str(self._ids), deployment.model, *exchange.tokens, exchange.finish)
        if outcome.rest is None:
            self._counts[exchange.target]["200"] += 1
            whole = styles.message(said) if is_message else styles.completion(said)
            return self._keep(exchange, web.json_response(whole, headers=headers))
        options = body.get("stream_options")
        tells_usage = isinstance(options, dict) and options.get("include_usage") is True
        events = MessageEvents(said) if is_message else CompletionEvents(said, tells_usage)
        response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream"})
        self._keep(exchange, response)
        await response.prepare(request)
        await self._stream(request, response, exchange, outcome, events)
        return response

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        exchange: Exchange,
        outcome: Outcome,
        events: CompletionEvents | MessageEvents,
    ) -> None:
        """Sends tokens as they are made, to the end, or to where the answer is cut."""
        await response.write(events.begin() + events.words(1))
        given = 1
        ended = asyncio.ensure_future(exchange.rest(outcome))
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=self._tick)
                if (made := exchange.produced) > given:
                    await response.write(events.words(made - given))
                    given = made
            final = ended.result()
            if (made := exchange.produced) > given and final.status != 200:
                await response.write(events.words(made - given))  # what there is when it is cut
        finally:
            ended.cancel()
        self._counts[exchange.target][str(final.status)] += 1
        if final.status == 200:
            await response.write(events.end())
            await response.write_eof()
        else:
            _cut(request)

    def _refuse(
        self,
        request: web.Request,
        exchange: Exchange,
        outcome: Outcome,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """A call that is not answered: as the company says it, not at all, or in a way that nobody
        can read."""
        self._counts[exchange.target][str(outcome.status)] += 1
        if outcome.error in BROKEN:  # one that is refused was accepted, and ends as soon
            _cut(request, resets=True)
            return web.Response()
        if outcome.error == "invalid_body":
            kind, body = NONSENSE[self._ids % len(NONSENSE)]
            return self._keep(exchange, web.Response(body=body, content_type=kind, headers=headers))
        wait = outcome.retry_after
        provider = self.providers.scenario.deployments[exchange.target].provider
        refused = Refused(
            provider,
            outcome.status,
            outcome.error,
            exchange.tokens[0],
            None if wait is None else wait / self.providers.speed,
        )
        return self._keep(exchange, _error(refused, headers))

    def _keep(self, exchange: Exchange, response: Kept) -> Kept:
        """Where connections break, each is used once: a client that finds one closed which it had
        used before would ask again by itself, and count as two."""
        if exchange.may_break:
            response.force_close()
        return response

    def _limit_headers(self, provider: str, name: str) -> dict[str, str]:
        limits: RateLimit | None = self.providers.world.upstreams[name].limits
        if limits is None:
            return {}
        left = limits.left(self.providers.now, refusals.limited_axes(provider))
        speed = self.providers.speed
        told = {
            what: (granted, level, reset / speed) for what, (granted, level, reset) in left.items()
        }
        return refusals.limit_headers(provider, told, self._clock)

    # -- control -----------------------------------------------------------------------------------

    async def counts(self, request: web.Request) -> web.Response:
        """GET /control: answers by deployment and status."""
        return web.json_response({name: dict(count) for name, count in self._counts.items()})

    async def control(self, request: web.Request) -> web.Response:
        """POST /control {"outage": {"provider": …, "for": "30s"}}; {} ends all."""
        if not may_control(request):
            return _error(Refused("", 403, "only programs on this machine may begin outages"))
        try:
            given = read_control(parse(await request.read()))
            if given is None:
                self.providers.end_outages()
                return web.json_response({"outages": []})
            outage, seconds = read_outage(given, self.providers.scenario.deployments)
            names = self.providers.begin_outage(outage, seconds)
        except ValueError as error:
            return _error(Refused("", 400, str(error)))
        except InputError as error:
            return _error(Refused("", 400, "; ".join(error.lines)))
        return web.json_response({"outages": [{**given, "deployments": list(names)}]})


def _error(refused: Refused, headers: dict[str, str] | None = None) -> web.Response:
    told = {**(headers or {}), **refusals.error_headers(refused.retry_after)}
    return web.json_response(refusals.error_body(refused), status=refused.status, headers=told)


def _cut(request: web.Request, resets: bool = False) -> None:
    """Ends the connection at once; resets: so that its other end hears of a reset."""
    if request.transport is not None:
        given = request.transport.get_extra_info("socket")
        if resets and given is not None:
            given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def _read(request: web.Request) -> dict[str, Any]:
    """The body. Raises ValueError."""
    body = parse(await request.read())
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body


def _number(body: dict[str, Any]) -> int | None:
    """Which request of the scenario it is, where its `metadata` says so."""
    metadata = body.get("metadata")
    number = metadata.get("simroute_request") if isinstance(metadata, dict) else None
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) < 10:
        return int(number)
    return None
