"""The fake providers over HTTP: one path for each deployment."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from aiohttp import web

from simroute.config import schema
from simroute.config.yaml_reader import Document
from simroute.core import Outcome
from simroute.errors import InputError
from simroute.mock import styles
from simroute.mock.realtime import Exchange, Providers
from simroute.mock.styles import CompletionEvents, MessageEvents, Said
from simroute.models import spec
from simroute.models.faults import affected_deployments
from simroute.models.limits import RateLimit
from simroute.sockets import errors_in_json

TICK_S = 0.02
"""Seconds between two pieces of a stream."""
OUTAGE_S = 30.0
"""How long an outage from outside lasts where it does not say."""
MOST_BODY = 10_000_000


class MockServer:
    """Routes to the deployments of a scenario."""

    def __init__(self, providers: Providers, tick: float = TICK_S) -> None:
        self.providers, self._tick = providers, tick
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
            return self._error(provider, 404, f"nothing is at {request.path}")
        try:
            body = await _read(request)
        except ValueError as error:
            return self._error(deployment.provider, 400, str(error))
        exchange = self.providers.exchange(name, body.get("stream") is True, _number(body))
        try:
            outcome = await exchange.first()
            return await self._answer(request, body, exchange, outcome, is_message)
        except asyncio.CancelledError:
            exchange.cancel()
            self._counts[name]["499"] += 1
            raise

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
        headers = styles.limit_headers(deployment.provider, self._limits(exchange.target))
        headers |= styles.id_header(deployment.provider, self._ids)
        if outcome.status != 200:
            self._counts[exchange.target][str(outcome.status)] += 1
            wait = outcome.retry_after
            headers |= styles.error_headers(None if wait is None else wait / self.providers.speed)
            return self._error(deployment.provider, outcome.status, outcome.error, headers)
        said = Said(str(self._ids), deployment.model, *exchange.tokens)
        if outcome.rest is None:
            self._counts[exchange.target]["200"] += 1
            whole = styles.message(said) if is_message else styles.completion(said)
            return web.json_response(whole, headers=headers)
        options = body.get("stream_options")
        tells_usage = isinstance(options, dict) and options.get("include_usage") is True
        events = MessageEvents(said) if is_message else CompletionEvents(said, tells_usage)
        response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream"})
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
        finally:
            ended.cancel()
        self._counts[exchange.target][str(final.status)] += 1
        if final.status == 200:
            await response.write(events.end())
            await response.write_eof()
        elif request.transport is not None:  # it is cut
            request.transport.abort()

    def _limits(self, name: str) -> dict[str, tuple[float, float, float]]:
        limits: RateLimit | None = self.providers.world.upstreams[name].limits
        if limits is None:
            return {}
        left = limits.left(self.providers.now)
        return {
            what: (limit, level, reset / self.providers.speed)
            for what, (limit, level, reset) in left.items()
        }

    def _error(
        self, provider: str, status: int, message: str, headers: dict[str, str] | None = None
    ) -> web.Response:
        body = styles.error_body(provider, status, message)
        return web.json_response(body, status=status, headers=headers)

    # -- control -----------------------------------------------------------------------------------

    async def counts(self, request: web.Request) -> web.Response:
        """GET /control: answers by deployment and status."""
        return web.json_response({name: dict(count) for name, count in self._counts.items()})

    async def control(self, request: web.Request) -> web.Response:
        """POST /control {"outage": {"provider": …, "for": "30s"}}; {} ends all."""
        try:
            body = await _read(request)
            given = body.get("outage")
            if given is None:
                self.providers.end_outages()
                return web.json_response({"outages": []})
            if not isinstance(given, dict):
                raise ValueError("outage: expected an object")
            outage, seconds = _outage(given)
            if not affected_deployments(outage, self.providers.scenario.deployments):
                raise ValueError("outage: no deployment of this scenario is there")
            names = self.providers.begin_outage(outage, seconds)
        except ValueError as error:
            return self._error("", 400, str(error))
        except InputError as error:
            return self._error("", 400, "; ".join(error.lines))
        return web.json_response({"outages": [{**given, "deployments": list(names)}]})


def _outage(given: dict[str, Any]) -> tuple[spec.Outage, float]:
    """An outage and its seconds. Raises InputError."""
    said = {key: value for key, value in given.items() if key != "for"}
    lasting = {"start": 0, "end": given.get("for", OUTAGE_S)}
    outage: spec.Outage = schema.build(spec.Outage, said | lasting, Document("outage", {}))
    places = [outage.provider, outage.deployment, outage.domain]
    if sum(place is not None for place in places) != 1 or not isinstance(outage.end, float):
        raise InputError("outage: name one of provider, deployment and domain; for: a duration")
    return outage, outage.end


async def _read(request: web.Request) -> dict[str, Any]:
    """The body. Raises ValueError."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
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
