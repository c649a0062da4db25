"""How each company words an answer, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

WORD = "tok "
"""A token, of as many characters as one is taken to have where nobody tells how many there are."""
ANTHROPIC_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
"""Why an answer ended, in OpenAI's words and in Anthropic's."""


class Said(NamedTuple):
    """An answer's facts: tokens of input, of output, and of the input read from a cache; why it
    ended, in OpenAI's words."""

    id: str
    model: str
    tokens_in: int
    tokens_out: int
    cached: int
    finish: str = "stop"

    @property
    def text(self) -> str:
        return WORD * self.tokens_out


def id_header(provider: str, number: int) -> dict[str, str]:
    """Which request it was, as clients keep it for questions to the company."""
    name = "request-id" if provider == "anthropic" else "x-request-id"
    return {name: f"req_{number}"}


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
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
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
        last = self._chunk({}, self._said.finish)
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
        "stop_reason": ANTHROPIC_REASONS[said.finish],
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
        reason = {"stop_reason": ANTHROPIC_REASONS[self._said.finish], "stop_sequence": None}
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
