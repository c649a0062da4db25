"""OpenAI-compatible chat completions over HTTP, streamed and not. Every failure is an outcome; keys
appear in no row, error or repr."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from simroute.core import Call, Outcome, Price, Rest

MOST_BYTES = 10_000_000
MOST_WAIT = 3600.0


@dataclass(frozen=True)
class Endpoint:
    """Where a deployment is reached. `base_url` ends before /chat/completions."""

    base_url: str
    model: str
    price: Price
    api_key: str = field(default="", repr=False)


class Stream:
    """The text of a streamed answer as it arrives: iterate over it, once."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[str | None] = asyncio.Queue()
        self.text = ""

    def put(self, text: str | None) -> None:
        """Adds a piece of text; None ends the stream."""
        self.text += text or ""
        self._chunks.put_nowait(text)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self._chunks.get()) is not None:
            yield text


class OpenAI:
    """A transport with one session for all endpoints; it ignores proxies of the environment."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, call: Call) -> Outcome:
        """Sends one POST. Raises nothing but cancellation."""
        assert call.target is not None
        endpoint = self._endpoints[call.target]
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)
            self._session = aiohttp.ClientSession(
                timeout=timeout, trust_env=False, read_bufsize=1 << 20
            )
        response: aiohttp.ClientResponse | None = None
        handed_on = False
        try:
            response = await self._session.post(
                f"{endpoint.base_url.rstrip('/')}/chat/completions",
                json=_body(call, endpoint),
                headers=_headers(endpoint),
            )
            if response.status != 200:
                return Outcome(
                    response.status,
                    call.target,
                    f"http {response.status}",
                    retry_after(response.headers),
                )
            if not call.request.streamed:
                return _complete(json.loads(await _read_body(response)), call.target, endpoint)
            outcome = await _read_first_token(response, call.target, endpoint)
            handed_on = outcome.rest is not None
            return outcome
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            status = 408 if isinstance(error, TimeoutError) else 503
            return Outcome(status, call.target, "connection")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return Outcome(502, call.target, "malformed")
        finally:
            if response is not None and not handed_on:
                response.close()


def _body(call: Call, endpoint: Endpoint) -> dict[str, Any]:
    request: Any = call.request
    body = {**request.payload, "model": endpoint.model}
    if request.streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        data += chunk
        if len(data) > MOST_BYTES:
            raise ValueError("the answer is too large")
    return bytes(data)


def _complete(data: Any, target: str, endpoint: Endpoint) -> Outcome:
    text = data["choices"][0]["message"]["content"] or ""
    return _bill(target, endpoint, data.get("usage") or {}, str(text))


def _bill(target: str, endpoint: Endpoint, usage: Any, text: str) -> Outcome:
    tokens_in, tokens_out = (
        int(usage.get("prompt_tokens", 0)),
        int(usage.get("completion_tokens", 0)),
    )
    usd = endpoint.price.of(tokens_in, tokens_out)
    return Outcome(
        200, target, usd=usd, input_tokens=tokens_in, output_tokens=tokens_out, answer=text
    )


async def _read_first_token(
    response: aiohttp.ClientResponse, target: str, endpoint: Endpoint
) -> Outcome:
    """Reads up to the first piece of text; the rest of the outcome reads on."""
    events = _events(response)
    stream, usage = Stream(), dict[str, Any]()
    if not await _read_piece(events, stream, usage):
        return (
            Outcome(502, target, "truncated")
            if not stream.text and not usage
            else _bill(target, endpoint, usage, stream.text)
        )

    async def read_on() -> Outcome:
        try:
            while await _read_piece(events, stream, usage):
                pass
            return (
                _bill(target, endpoint, usage, stream.text)
                if usage.get("done")
                else Outcome(502, target, "truncated")
            )
        except (
            aiohttp.ClientError,
            ConnectionError,
            TimeoutError,
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
        ):
            return Outcome(502, target, "truncated")

    rest = Rest(read_on)

    def end(_: Outcome) -> None:
        stream.put(None)
        response.close()

    rest.then(end)
    return Outcome(200, target, answer=stream, rest=rest)


async def _read_piece(events: AsyncIterator[Any], stream: Stream, usage: dict[str, Any]) -> bool:
    """Reads up to the next piece of text; returns False at the end."""
    async for data in events:
        if data is None:
            usage["done"] = True
            return False
        if "error" in data:
            raise ValueError("an error in the stream")
        usage.update(data.get("usage") or {})
        text = data["choices"][0].get("delta", {}).get("content") if data.get("choices") else None
        if text:
            stream.put(str(text))
            return True
    return False


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    """Yields server-sent events as JSON, None for [DONE]."""
    size = 0
    async for line in response.content:
        size += len(line)
        if size > MOST_BYTES:
            raise ValueError("the answer is too large")
        if line.startswith(b"data:"):
            text = line[5:].strip()
            yield None if text == b"[DONE]" else json.loads(text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that a provider asks to wait, from 0 to an hour; None without or for an
    unreadable header. Reads retry-after-ms, or Retry-After as seconds or as a date, which is
    compared with the answer's own Date."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif "Retry-After" not in headers:
            return None
        elif headers["Retry-After"].strip().replace(".", "", 1).lstrip("-").isdigit():
            seconds = float(headers["Retry-After"])
        else:
            seconds = (
                parsedate_to_datetime(headers["Retry-After"])
                - parsedate_to_datetime(headers["Date"])
            ).total_seconds()
    except (ValueError, TypeError, KeyError):
        return None
    return min(max(seconds, 0.0), MOST_WAIT) if math.isfinite(seconds) else None
