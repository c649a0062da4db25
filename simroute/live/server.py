"""The gateway over HTTP: OpenAI's chat completions, and what operators look at."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from contextlib import suppress
from functools import lru_cache
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from yarl import URL

from simroute.errors import InputError
from simroute.live.answered import Answer, GatewayClosed, RequestRow
from simroute.live.bodies import parse
from simroute.live.clients import Clients
from simroute.live.forms import DONE
from simroute.live.gateway import Gateway
from simroute.live.log import RowLog
from simroute.live.metrics import Metrics
from simroute.live.opened import Opened
from simroute.live.replies import (
    error_event,
    failure_body,
    headers_of,
    status_of,
)
from simroute.live.status import Recent, page, tables
from simroute.sockets import JSON, Handler, error_body, errors_in_json, failed, is_loopback
from simroute.version import __version__
from simroute.worlds.live import LiveRequest, Row

MOST_BODY = 10_000_000
SLOW_S = 10.0
"""Seconds within which a request must be there."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Server:
    """Routes to a gateway. policy: its name, by which callers ask for it."""

    gateway: Gateway

    def __init__(self, clients: Clients, policy: str, most_body: int = MOST_BODY) -> None:
        self.clients, self.policy = clients, policy
        self.recent, self.metrics = Recent(), Metrics()
        self.log: RowLog | None = None
        self.is_local = False  # it listens to this machine alone
        self.not_reloaded: tuple[str, ...] = ()  # what is wrong with the files since they changed
        self.reload_errors = 0
        self._most_body = most_body

    def serve(self, gateway: Gateway) -> None:
        """Gives it what it serves; its own methods may be the gateway's sinks."""
        self.gateway = gateway

    def app(self) -> web.Application:
        """The application, to be run or tested."""
        app = web.Application(
            client_max_size=self._most_body, middlewares=[errors_in_json, self._for_this_host]
        )
        app.router.add_post("/v1/chat/completions", self.completions)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/health", self.health)
        app.router.add_get("/ready", self.ready)
        app.router.add_get("/metrics", self.metrics_page)
        app.router.add_get("/status", self.status)
        app.router.add_get("/", self.page)
        return app

    @web.middleware
    async def _for_this_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses names that somebody else has pointed at this machine."""
        if self.is_local and not _names_loopback(request):
            raise problem(web.HTTPForbidden, 403, "ask for localhost or 127.0.0.1", "host")
        return await handler(request)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        asked, target = await self._read(request)
        try:
            async with self.gateway.open(asked, target) as opened:
                if asked.streamed and opened.outcome.status == 200:
                    return await self._stream(request, opened)
                answer = await opened.whole()
        except GatewayClosed:
            return failed(503, "the gateway is shutting down", "closed")
        headers = headers_of(answer, asked.id)
        if answer.status == 200:
            return web.Response(body=answer.body, content_type=JSON, headers=headers)
        return web.Response(
            status=status_of(answer), body=failure_body(answer), content_type=JSON, headers=headers
        )

    def _known(self, request: web.Request) -> tuple[str, dict[str, str]]:
        """Name and tags of the caller. Raises an HTTP error for a stranger."""
        known = self.clients.known(request.headers.get("Authorization", ""))
        if known is None:
            raise problem(web.HTTPUnauthorized, 401, "the token is not known", "unknown_client")
        return known

    def _check_watcher(self, request: web.Request) -> None:
        """Where there are clients, only they see what operators look at: by the same header, or in
        a browser as the password that it asks for."""
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            with suppress(ValueError):
                token = b64decode(said, validate=True).decode().partition(":")[2]
                if self.clients.known(f"Bearer {token}") is not None:
                    return
        try:
            self._known(request)
        except web.HTTPUnauthorized as error:
            error.headers["WWW-Authenticate"] = 'Basic realm="simroute", charset="UTF-8"'
            raise

    async def _read(self, request: web.Request) -> tuple[LiveRequest, str | None]:
        """The request of a caller, and the deployment that it names. Raises HTTP errors."""
        client, tags = self._known(request)
        # a page of another site can send all else without being asked whether it may
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != JSON:
            raise problem(web.HTTPUnsupportedMediaType, 415, "expected application/json")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise problem(web.HTTPUnsupportedMediaType, 415, "expected a body without encoding")
        if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
            raise problem(web.HTTPNotImplemented, 501, "expected no transfer coding but chunked")
        if (length := request.content_length or 0) > self._most_body:
            raise web.HTTPRequestEntityTooLarge(self._most_body, length)
        if request.content.is_eof():  # it came with its head
            raw = await request.read()
        else:
            try:
                async with asyncio.timeout(SLOW_S):
                    raw = await request.read()
            except TimeoutError:
                late = "the body did not come in time"
                raise problem(web.HTTPRequestTimeout, 408, late) from None
        try:
            body = parse(raw)
            asked = self.gateway.request(body, client, tags)
        except InputError as error:
            raise problem(web.HTTPBadRequest, 400, "; ".join(error.lines)) from None
        return asked, self._target(body.get("model"))

    def _target(self, model: str | None) -> str | None:
        """The deployment that `model` names; None for the policy."""
        if model is None or model == self.policy:
            return None
        names = self.gateway.serving.fleet.targets
        if model in names:
            return model
        known = ", ".join([self.policy, *names])
        raise problem(web.HTTPNotFound, 404, f"no such model; known: {known}", "model_not_found")

    async def _stream(self, request: web.Request, opened: Opened) -> web.StreamResponse:
        """Hands on events as they come; a cut is told by an error event, and ends the
        connection."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                **headers_of(opened.head, opened.request.id),
            }
        )
        await response.prepare(request)
        async for chunk in opened.chunks():
            await response.write(chunk)
        answer: Answer = opened.head
        if answer.status != 200:
            await response.write(
                error_event(status_of(answer), "the answer broke off", answer.error or "truncated")
            )
            if request.transport is not None:
                request.transport.close()  # without an end: it is none
            return response
        elif not opened.says_done:
            await response.write(DONE)
        await response.write_eof()
        return response

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models: the policy, and the deployments."""
        self._known(request)
        entries: list[dict[str, Any]] = [
            {"id": self.policy, "object": "model", "created": 0, "owned_by": "simroute"}
        ]
        entries += [
            {"id": name, "object": "model", "created": 0, "owned_by": target.provider}
            for name, target in self.gateway.serving.fleet.targets.items()
        ]
        return web.json_response({"object": "list", "data": entries})

    async def health(self, request: web.Request) -> web.Response:
        """GET /health: the process answers."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """GET /ready: calls are taken; what is wrong with the files since they changed, and whether
        budgets can be counted. A line of a file may name a client: where there are some, a stranger
        is told only that something is wrong."""
        ready, told = not self.gateway.is_closed, self._state()
        wrong = [*self.not_reloaded]
        if self.clients.known(request.headers.get("Authorization", "")) is None:
            wrong = ["/status says what, to clients"] if wrong else []
            told["state"] = None
        told |= {"status": "ready" if ready else "closing", "not_reloaded": wrong}
        return web.json_response(told, status=200 if ready else 503)

    def _state(self) -> dict[str, Any]:
        ledger = self.gateway.ledger
        if ledger is None:
            return {"state": None, "state_fails": False, "state_failures": 0}
        return {
            "state": ledger.name,
            "state_fails": ledger.fails,
            "state_failures": ledger.failures,
        }

    def watch_attempt(self, row: Row) -> None:
        """A sink of the gateway's rows."""
        for sink in self._sinks():
            sink.add_attempt(row)

    def watch_request(self, row: RequestRow) -> None:
        """A sink of the gateway's requests."""
        for sink in self._sinks():
            sink.add_request(row)

    def watch_event(self, at: float, replica: int, event: str, *detail: Any) -> None:
        """A sink of the layers' events."""
        for sink in self._sinks():
            sink.add_event(at, replica, event, *detail)

    def _sinks(self) -> tuple[Any, ...]:
        both = self.recent, self.metrics
        return both if self.log is None else (*both, self.log)

    async def metrics_page(self, request: web.Request) -> web.Response:
        """GET /metrics: for Prometheus."""
        self._check_watcher(request)
        lost = 0 if self.log is None else self.log.lost
        pools = getattr(self.gateway.serving.transport, "pools", {})
        failures = self._state()["state_failures"]
        text = self.metrics.text(self.gateway.in_flight, pools, lost, self.reload_errors, failures)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def status(self, request: web.Request) -> web.Response:
        """GET /status."""
        self._check_watcher(request)
        await self.gateway.look()
        return web.json_response(self._told())

    async def page(self, request: web.Request) -> web.Response:
        """GET /: the same as a page; with ?tables its tables alone."""
        self._check_watcher(request)
        await self.gateway.look()
        told = self._told()
        text = tables(told) if "tables" in request.query else page(told)
        return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)

    def _told(self) -> dict[str, Any]:
        serving = self.gateway.serving
        now = asyncio.get_running_loop().time()
        budgets = {
            name: {"spent_usd": layer.spent_usd, "usd": layer.usd}
            for name, layer in serving.layers.items()
            if hasattr(layer, "spent_usd")
        }
        return {
            "policy": self.policy,
            "version": __version__,
            "policy_hash": serving.digest,
            "in_flight": self.gateway.in_flight,
            "not_reloaded": [*self.not_reloaded],
            "budgets": budgets,
            **self._state(),
            **self.recent.told(now, serving.fleet.targets),
        }


def _names_loopback(request: web.Request) -> bool:
    """Whether the caller asked for this machine."""
    if not request.raw_path.startswith("/"):  # a whole URL, as proxies are asked
        return is_loopback(request.url.host or "")
    return _is_loopback_authority(request.host)


@lru_cache(maxsize=64)
def _is_loopback_authority(text: str) -> bool:
    try:
        return is_loopback(URL(f"http://{text}").host or "")
    except ValueError:
        return False


def problem(
    kind: type[web.HTTPException], status: int, message: str, code: str = ""
) -> web.HTTPException:
    """An HTTP error in OpenAI's shape, to be raised."""
    return kind(text=error_body(status, message, code).decode(), content_type=JSON)
