"""An answer in the form that was not sent: a stored stream as one answer, a stored answer as a
stream. Only answers of a cache need it."""

from __future__ import annotations

import json
from typing import Any

from simroute.worlds.live.answers import Refusal, Whole, loads, without_usage
from simroute.worlds.live.sse import Event, Events
from simroute.worlds.live.streams import Stream

DONE = b"data: [DONE]\n\n"


def body_of(answer: Any) -> bytes:
    """A complete body: the provider's own, or put together from its chunks."""
    if isinstance(answer, Whole | Refusal):
        return answer.body
    if not isinstance(answer, Stream):
        return b""
    return json.dumps(_joined(_chunks(answer.kept or []))).encode()


def same_text(kept: Any, fresh: Any) -> bool:
    """Whether two answers say the same, but for case and white space. One without text says the
    same as no other."""
    one, other = _text(kept), _text(fresh)
    return bool(one) and one == other


def _text(answer: Any) -> list[str]:
    message = loads(body_of(answer))["choices"][0].get("message", {})
    content = message.get("content")
    return content.casefold().split() if isinstance(content, str) else []


def events_of(answer: Any, tells_usage: bool) -> bytes:
    """The bytes of a stream: as they were kept, or the whole answer as one chunk. tells_usage: to a
    caller who has asked for it; where the provider did not tell it, nobody does."""
    if isinstance(answer, Stream):
        kept = b"".join(answer.kept or [])
        return kept if tells_usage else b"".join(map(_without_usage, Events().feed(kept)))
    data = loads(answer.body)
    choices = [
        {**{key: value for key, value in choice.items() if key != "message"}, "delta": delta}
        for choice in data["choices"]
        for delta in [_numbered(choice["message"])]
    ]
    chunk = {**data, "object": "chat.completion.chunk", "choices": choices}
    usage = chunk.pop("usage", None)
    chunks = [chunk]
    if tells_usage and usage is not None:
        chunks = [{**chunk, "usage": None}, {**chunk, "choices": [], "usage": usage}]
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks) + DONE


def _without_usage(event: Event) -> bytes:
    if event.data is None or event.data.strip() == b"[DONE]":
        return event.raw
    return without_usage(event.raw, loads(event.data))


def _numbered(message: dict[str, Any]) -> dict[str, Any]:
    """A message as a delta, in which calls of tools have numbers."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [
        {"index": place, **call} for place, call in enumerate(calls) if isinstance(call, dict)
    ]
    return {**message, "tool_calls": numbered}


def _chunks(kept: list[bytes]) -> list[dict[str, Any]]:
    events = Events().feed(b"".join(kept))
    return [loads(data) for _, data in events if data is not None and data.strip() != b"[DONE]"]


def _joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for chunk in chunks:
        whole |= {key: value for key, value in chunk.items() if key != "choices"}
        for choice in chunk.get("choices") or []:
            place = choice.get("index") if isinstance(choice.get("index"), int) else 0
            held = choices.setdefault(place, {"index": place, "message": {}, "finish_reason": None})
            held["message"] = _merged(held["message"], choice.get("delta") or {})
            held["finish_reason"] = choice.get("finish_reason") or held["finish_reason"]
    return {**whole, "object": "chat.completion", "choices": list(choices.values())}


def _merged(held: Any, more: Any) -> Any:
    """Two parts of a message: texts one after the other, lists by their `index`."""
    if held is None or more is None:
        return more if held is None else held
    if isinstance(held, str) and isinstance(more, str):
        return held + more
    if isinstance(held, dict) and isinstance(more, dict):
        single = {"role", "id", "type", "index"}
        return held | {
            key: value if key in single else _merged(held.get(key), value)
            for key, value in more.items()
        }
    if isinstance(held, list) and isinstance(more, list):
        places = {part.get("index"): part for part in held if isinstance(part, dict)}
        for part in more:
            place = part.get("index") if isinstance(part, dict) else None
            places[place] = _merged(places.get(place), part)
        return list(places.values())
    return more
