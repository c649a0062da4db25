"""A server on a socket: who may connect, for how long nothing may come, and how it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from simroute.errors import InputError

MOST_CONNECTIONS, SILENT_S, STALLED_S = 1000, 10.0, 60.0
"""Connections at once; seconds for which one may be without a request, or in the midst of its
headers; and for which a caller may take nothing of an answer that waits for him."""
JSON = "application/json"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT. Raises InputError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(
            f"--listen: expected HOST:PORT, such as 127.0.0.1:4010; found {text[:80]!r}"
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
}


def error_body(status: int, message: str, code: str = "") -> bytes:
    """An error as OpenAI's API tells it."""
    kind = KINDS.get(status, "api_error")
    error = {"message": message, "type": kind, "param": None, "code": code or None}
    return json.dumps({"error": error}).encode()


def failed(status: int, message: str, code: str = "") -> web.Response:
    return web.Response(status=status, body=error_body(status, message, code), content_type=JSON)


@web.middleware
async def errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors of the server library (no such path, too large) in OpenAI's shape as well."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400 or error.content_type == JSON:
            raise
        response = failed(error.status, error.reason.lower())
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:  # a mistake of ours, told without a word of what was asked
        return failed(500, f"the server failed ({type(error).__name__})", "internal")


QUIET = logging.getLogger("simroute.sockets")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Listener:
    """An application on a socket. silent: instead of `SILENT_S`."""

    def __init__(self, app: web.Application, silent: float | None = None) -> None:
        # a caller who goes away cancels what is done for him
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            logger=QUIET,  # it would quote headers and bodies
            shutdown_timeout=1.0,
            keepalive_timeout=SILENT_S if silent is None else silent,
        )
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; returns the port. Raises InputError where that cannot be."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connect, host, port, backlog=1024)
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            why = getattr(error, "strerror", None) or error
            raise InputError(f"--listen: cannot listen on {host}:{port} ({why})") from None
        return int(self._server.sockets[0].getsockname()[1])

    def _connect(self) -> asyncio.Protocol:
        """A connection; one too many is closed at once."""
        assert self._runner.server is not None
        if len(self._runner.server.connections) >= MOST_CONNECTIONS:
            return Refused()
        server = self._runner.server
        return Connection(server, loop=server._loop, **server._kwargs)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()


class Connection(web.RequestHandler):
    """A caller's connection. What is no HTTP is refused in the shape of all other errors, and
    without a word of it; whoever takes nothing of his answer has gone away."""

    __slots__ = ("_left", "_look")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left = -1
        self._look_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.writing_paused:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        """Ends the connection if no byte has been taken since the last look."""
        transport: Any = self.transport
        left = transport.get_write_buffer_size()
        if left == self._left:
            transport.abort()
        else:
            self._left = left
            self._look = asyncio.get_running_loop().call_later(STALLED_S, self._look_later)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # where an answer has begun it raises
        if isinstance(exc, LineTooLong):
            status, message = 431, "the first line or the headers are too long"
        else:
            message = "this is no HTTP request" if status < 500 else "the server failed"
        body = error_body(status, message)
        response = web.Response(status=status, body=body, content_type=JSON)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """What the library refuses before any handler is asked, it would quote as well."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = failed(resp.status, "expected no Expect but 100-continue")
        return await super().finish_response(request, resp, start_time)


class Refused(asyncio.Protocol):
    """A connection that is closed as soon as it is made."""

    def connection_made(self, transport: Any) -> None:
        transport.abort()


async def until_stopped(reload: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
    """Waits for SIGINT or SIGTERM; SIGHUP asks for a reload."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    def ask_for_reload() -> None:
        assert reload is not None
        task = loop.create_task(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, ask_for_reload)
    await stopped.wait()
