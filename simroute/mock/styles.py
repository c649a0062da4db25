"""How each company words an answer, an error and its rate limits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

WORD = "word "
ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
GOOGLE_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
OPENAI_KINDS = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "requests",
    500: "server_error",
}


class Said(NamedTuple):
    """An answer's facts: tokens of input, of output, and of the input read from a cache."""

    id: str
    model: str
    tokens_in: int
    tokens_out: int
    cached: int

    @property
    def text(self) -> str:
        return (WORD * self.tokens_out).strip()


def error_body(provider: str, status: int, message: str) -> dict[str, Any]:
    """An error as the company's API tells it."""
    if provider == "anthropic":
        kind = ANTHROPIC_KINDS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    if provider in ("google", "gemini", "vertex"):
        kind = GOOGLE_KINDS.get(status, "UNKNOWN")
        return {"error": {"code": status, "message": message, "status": kind}}
    kind = OPENAI_KINDS.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def error_headers(retry_after: float | None) -> dict[str, str]:
    """When to come again: whole seconds for all, milliseconds for who reads them."""
    if retry_after is None or not math.isfinite(retry_after):
        return {}
    return {
        "retry-after": str(math.ceil(retry_after)),
        "retry-after-ms": str(math.ceil(retry_after * 1000)),
    }


def id_header(provider: str, number: int) -> dict[str, str]:
    """Which request it was, as clients keep it for questions to the company."""
    name = "request-id" if provider == "anthropic" else "x-request-id"
    return {name: f"req_{number}"}


def limit_headers(
    provider: str, limits: Mapping[str, tuple[float, float, float]]
) -> dict[str, str]:
    """What is granted a minute, what of it is left, and seconds until it is whole again, by
    "requests" and "tokens"."""
    headers = {}
    for what, (limit, left, reset) in limits.items():
        if provider == "anthropic":
            names = [f"anthropic-ratelimit-{what}-{word}" for word in ("limit", "remaining")]
        else:
            names = [f"x-ratelimit-{word}-{what}" for word in ("limit", "remaining")]
            headers[f"x-ratelimit-reset-{what}"] = f"{reset:.3f}s"
        headers |= dict(zip(names, (str(int(limit)), str(max(0, int(left)))), strict=True))
    return headers


def usage(said: Said) -> dict[str, Any]:
    """In OpenAI's words."""
    return {
        "prompt_tokens": said.tokens_in,
        "completion_tokens": said.tokens_out,
        "total_tokens": said.tokens_in + said.tokens_out,
        "prompt_tokens_details": {"cached_tokens": said.cached},
    }


def completion(said: Said) -> dict[str, Any]:
    """An answer of OpenAI's chat completions."""
    message = {"role": "assistant", "content": said.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _head(said, "chat.completion") | {"choices": [choice], "usage": usage(said)}


def _head(said: Said, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{said.id}", "object": kind, "created": 0, "model": said.model}


class CompletionEvents:
    """The events of OpenAI's streams."""

    def __init__(self, said: Said, tells_usage: bool) -> None:
        self._said, self._tells_usage = said, tells_usage

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def words(self, count: int) -> bytes:
        """So many more tokens."""
        return self._chunk({"content": WORD * count})

    def end(self) -> bytes:
        last = self._chunk({}, "stop")
        if self._tells_usage:
            head = _head(self._said, "chat.completion.chunk")
            last += event(head | {"choices": [], "usage": usage(self._said)})
        return last + b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        head = _head(self._said, "chat.completion.chunk")
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event(head | {"choices": [choice]})


def message(said: Said) -> dict[str, Any]:
    """An answer of Anthropic's Messages."""
    return {
        "id": f"msg_{said.id}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _message_usage(said, said.tokens_out),
    }


def _message_usage(said: Said, tokens_out: int) -> dict[str, int]:
    return {
        "input_tokens": said.tokens_in - said.cached,
        "cache_read_input_tokens": said.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": tokens_out,
    }


class MessageEvents:
    """The events of Anthropic's streams."""

    def __init__(self, said: Said) -> None:
        self._said = said

    def begin(self) -> bytes:
        begun = message(self._said) | {
            "content": [],
            "stop_reason": None,
            "usage": _message_usage(self._said, 0),
        }
        block = {"type": "text", "text": ""}
        return self._event("message_start", message=begun) + self._event(
            "content_block_start", index=0, content_block=block
        )

    def words(self, count: int) -> bytes:
        """So many more tokens."""
        delta = {"type": "text_delta", "text": WORD * count}
        return self._event("content_block_delta", index=0, delta=delta)

    def end(self) -> bytes:
        reason = {"stop_reason": "end_turn", "stop_sequence": None}
        return (
            self._event("content_block_stop", index=0)
            + self._event(
                "message_delta", delta=reason, usage={"output_tokens": self._said.tokens_out}
            )
            + self._event("message_stop")
        )

    def _event(self, kind: str, **data: Any) -> bytes:
        return f"event: {kind}\n".encode() + event({"type": kind, **data})


def event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"
