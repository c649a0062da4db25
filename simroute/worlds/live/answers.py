"""What policies need to know of an answer in OpenAI's form; its bytes are handed on as they came.

Nothing here waits or reads: bytes in, facts out. ValueError means that it is no sound answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

CHARACTERS_A_TOKEN = 4
"""Where usage is not told, it is estimated from the characters that were sent and received."""
MOST_TOKENS = 10_000_000
"""More than any model's window: a usage beyond it is a mistake."""
MOST_WAIT = 3600.0
"""Seconds; longer waits that a provider asks for are taken for so many."""
TOLD = frozenset({"prompt_tokens", "completion_tokens"})
QUOTA = "insufficient_quota"
"""OpenAI's code, and the word for it in a simulation."""
FILTERED = "content_filter"
"""The finish reason of an answer that a content filter stopped, and the code of Azure's refusal."""
TOO_LONG_CODE = "context_length_exceeded"
TOO_LONG = "prompt is too long", "exceeds the maximum number of tokens allowed"
"""OpenAI's code for a prompt that is longer than the model's window; Anthropic and Google say it in
their message alone."""
FINAL, ASIDE = frozenset({400, 409, 413, 422}), frozenset({408, 425, 429})


class Usage(NamedTuple):
    """Tokens of one answer; `cached` of the input were read from the provider's cache."""

    input: int
    output: int
    cached: int = 0
    estimated: bool = False


class Whole(NamedTuple):
    """A complete answer: the provider's JSON, and what it says."""

    body: bytes
    usage: Usage
    finish: str
    """Why it ended: the first choice's reason that is not "stop", or "stop"; "" where none is
    told."""

    @property
    def text(self) -> str:
        """What the first choice says; "" for a tool call or a refusal."""
        message = json.loads(self.body)["choices"][0]["message"]
        content = message.get("content")
        return content if isinstance(content, str) else ""


class Refusal(NamedTuple):
    """The body of an answer that says what is wrong with the request."""

    body: bytes


def outcome_status(status: int) -> tuple[int, str]:
    """The status and the error word of an outcome for an HTTP status other than 200.

    What the caller did wrong, and what may pass, stays as it is. All else says that the gateway is
    set up wrongly (a key, a model, an address), which is nobody's fault but ours: 502.
    """
    if status in FINAL or status in ASIDE or 500 <= status <= 599:
        return status, f"http {status}"
    return 502, f"upstream {status}"


def failure_word(status: int, word: str, body: bytes) -> str:
    """The error word of a failure: `word`, unless its body says that a quota is used up, for which
    nothing helps that helps against a rate limit, that the prompt is too long, or that a content
    filter stopped it."""
    if status == 429 and (QUOTA.encode() in body or b"PerDay" in body):
        return QUOTA if _is_quota(_error_in(body)) else word
    if status == 400 and any(sign.encode() in body for sign in (TOO_LONG_CODE, *TOO_LONG)):
        error = _error_in(body)
        said = str(error.get("message"))
        if error.get("code") == TOO_LONG_CODE or any(sign in said for sign in TOO_LONG):
            return "context_length"
    if status == 400 and FILTERED.encode() in body and _error_in(body).get("code") == FILTERED:
        return FILTERED
    return word


def _error_in(body: bytes) -> dict[str, Any]:
    """The error of a body; Google's OpenAI-compatible addresses put theirs into a list."""
    try:
        data = loads(body)
    except ValueError:
        return {}
    if isinstance(data, list) and data:
        data = data[0]
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else {}


def _is_quota(error: Mapping[str, Any]) -> bool:
    """OpenAI says it by a code; of Google's quotas those of a day end what those of a minute only
    delay."""
    if QUOTA in (error.get("code"), error.get("type")):
        return True
    details = error.get("details")
    violations = [
        violation
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict) and isinstance(detail.get("violations"), list)
        for violation in detail["violations"]
    ]
    return any(
        "PerDay" in str(each.get("quotaId")) for each in violations if isinstance(each, dict)
    )


def loads(data: bytes) -> Any:
    """JSON, strictly. Raises ValueError, also for what is nested too deeply."""
    try:
        return STRICT.decode(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


STRICT = json.JSONDecoder(parse_constant=_refuse)
"""Made once: that takes longer than to read an answer."""


def read_whole(body: bytes, sent_tokens: int) -> Whole:
    """Reads a complete answer. sent_tokens: the estimate of its input. Raises ValueError."""
    data = loads(body)
    if not isinstance(data, dict) or data.get("error") is not None:
        raise ValueError("no answer")
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError("no choices")
    if not all(isinstance(c, dict) and isinstance(c.get("message"), dict) for c in choices):
        raise ValueError("a choice without a message")
    reasons = [str(choice.get("finish_reason") or "") for choice in choices]
    finish = next((reason for reason in reasons if reason != "stop"), "stop")
    told = read_usage(data.get("usage"))
    if told is None:
        told = estimate(sent_tokens, sum(text_length(choice["message"]) for choice in choices))
    return Whole(body, told, finish)


def whole_of(text: str) -> Whole:
    """An answer that nobody was asked for."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    body = {
        "id": "chatcmpl-none",
        "object": "chat.completion",
        "created": 0,
        "model": "none",
        "choices": [choice],
        "usage": usage,
    }
    return Whole(json.dumps(body).encode(), Usage(0, 0), "stop")


def estimate(sent_tokens: int, characters: int) -> Usage:
    """What was used, as far as it can be guessed."""
    return Usage(sent_tokens, math.ceil(characters / CHARACTERS_A_TOKEN), 0, True)


def read_usage(usage: Any) -> Usage | None:
    """Reads what was used; None for what is missing or cannot be. A null counts as zero."""
    if not isinstance(usage, dict) or not usage.keys() >= TOLD:
        return None
    into, out = _count(usage["prompt_tokens"]), _count(usage["completion_tokens"])
    if into is None or out is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(into, out, min(cached or 0, into))


def _count(value: Any) -> int | None:
    """A whole number of tokens; None for what cannot be one."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MOST_TOKENS or value != int(value):
        return None
    return int(value)


def text_length(part: Any) -> int:
    """Characters of text in messages or deltas, whatever their fields: content, reasoning, refusal,
    arguments of tools."""
    length, parts = 0, [part]
    while parts:  # not by recursion: a caller or a provider decides how deep it is
        here = parts.pop()
        if isinstance(here, str):
            length += len(here)
        elif isinstance(here, dict):
            parts += [value for key, value in here.items() if key not in NOT_TEXT]
        elif isinstance(here, list):
            parts += here
    return length


NOT_TEXT = frozenset({"role", "id", "type", "index"})


class StreamFacts:
    """What the events of a streamed answer have said so far.

    begun: the first token has come: anything in a delta, or a reason why it ended. done: the
    provider says that nothing follows. is_finished: each choice has ended. characters: of text.
    """

    def __init__(self) -> None:
        self.begun = self.done = False
        self.finishes: dict[int, str] = {}
        self.characters = 0
        self._usage: Any = None

    @property
    def is_finished(self) -> bool:
        return bool(self.finishes) and all(self.finishes.values())

    @property
    def finish(self) -> str:
        """As `Whole.finish`."""
        return next((reason for reason in self.finishes.values() if reason != "stop"), "stop")

    def usage(self, sent_tokens: int) -> Usage:
        """What it has used so far, estimated where that is not told."""
        return read_usage(self._usage) or estimate(sent_tokens, self.characters)

    def read(self, data: bytes) -> dict[str, Any] | None:
        """Takes in the data of one event; returns its JSON, None where it is [DONE]. Raises
        ValueError."""
        if data.strip() == b"[DONE]":
            self.done = True
            return None
        chunk = loads(data)
        if not isinstance(chunk, dict) or chunk.get("error") is not None:
            raise ValueError("an error in the stream")
        if chunk.get("usage") is not None:
            self._usage = chunk["usage"]
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise ValueError("choices that are no list")
        for choice in choices:
            self._read_choice(choice)
        return chunk

    def _read_choice(self, choice: Any) -> None:
        if not isinstance(choice, dict):
            raise ValueError("a choice that is no object")
        delta, reason = choice.get("delta"), choice.get("finish_reason")
        given = choice.get("index")
        place = given if isinstance(given, int) else 0
        length = text_length(delta)
        self.characters += length
        held = self.finishes.get(place, "")
        self.finishes[place] = str(reason) if reason is not None else held
        if reason is not None or length or (isinstance(delta, dict) and delta.get("tool_calls")):
            self.begun = True


def without_usage(raw: bytes, chunk: dict[str, Any] | None) -> bytes:
    """The bytes of an event for a caller who did not ask for usage: nothing where it tells that
    alone."""
    if chunk is None or chunk.get("usage") is None:
        return raw
    if not chunk.get("choices"):
        return b""
    rest = {key: value for key, value in chunk.items() if key != "usage"}
    return b"data: " + json.dumps(rest, separators=(",", ":")).encode() + b"\n\n"


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
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_WAIT) if math.isfinite(seconds) else None
