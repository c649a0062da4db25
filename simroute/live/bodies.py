"""What a caller asks for: the body of a chat completion, checked before anything is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from simroute.errors import InputError
from simroute.worlds.live import LiveRequest
from simroute.worlds.live.answers import CHARACTERS_A_TOKEN, MOST_TOKENS, loads, text_length
from simroute.worlds.live.http import encoded_body

if TYPE_CHECKING:
    from simroute.live.semantics import Question

MOST_TOKENS_DEFAULT = 4096
"""What a caller who says nothing is taken to allow."""
FORBIDDEN = ("api_base", "base_url", "api_key")
NOT_IN_KEY = frozenset({"stream", "stream_options", "user", "metadata"})
TAGS = ("task", "user", "feature", "session")
MOST_TAG = 200


def parse(raw: bytes) -> Any:
    """A body's JSON. Raises InputError."""
    try:
        return loads(raw)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"the body is no JSON ({type(error).__name__})") from None


def read_request(
    body: Any,
    number: int,
    arrival: float,
    client: str = "",
    tags: Mapping[str, str] | None = None,
    forbids: frozenset[str] = frozenset(),
) -> LiveRequest:
    """The request of a body. client: whose it is; caches tell clients apart. Raises InputError."""
    problems = _mistakes(body)
    if problems:
        raise InputError(*problems)
    streamed = body.get("stream") is True
    try:
        sent = encoded_body(body, streamed)
    except (ValueError, TypeError, UnicodeError, RecursionError):
        raise InputError("the body holds what JSON in UTF-8 cannot say") from None
    options = body.get("stream_options")
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    request = LiveRequest(
        number,
        Key(client, body),
        arrival,
        input_tokens=max(1, text_length(body["messages"]) // CHARACTERS_A_TOKEN),
        max_output_tokens=MOST_TOKENS_DEFAULT if most is None else most,
        streamed=streamed,
        forbids=forbids,
        payload=sent,
        is_repeatable=body.get("temperature") == 0 or body.get("seed") is not None,
        wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
        question=partial(question, client, body),
        plain=partial(plain_key, client, body),
    )
    for name, value in _tags(body, tags or {}).items():
        setattr(request, name, value)
    return request


def question(client: str, body: Mapping[str, Any]) -> Question | None:
    """A body as a semantic cache sees it; None where the last user message is not text alone."""
    from simroute.live.semantics import Question

    said = body["messages"]
    last = max((n for n, each in enumerate(said) if each.get("role") == "user"), default=None)
    if last is None:
        return None
    parts = said[last].get("content")
    if isinstance(parts, str):
        text = parts
    elif isinstance(parts, list) and all(map(_is_text, parts)):
        text = "\n".join(part["text"] for part in parts)
    else:
        return None
    rest = [*said[:last], {**said[last], "content": None}, *said[last + 1 :]]
    return Question(digest_of(client, {**body, "messages": rest}), text)


def plain_key(client: str, body: Mapping[str, Any], ignored: Sequence[str]) -> Key:
    """The key of a body whose messages' texts are written alike."""
    said = [{**each, "content": _plain(each.get("content"), ignored)} for each in body["messages"]]
    return Key(client, {**body, "messages": said})


def _plain(content: Any, ignored: Sequence[str]) -> Any:
    """What is said in a message: a text, or parts of which some are."""
    if isinstance(content, list):
        return [
            {**part, "text": _plain(part["text"], ignored)} if _is_text(part) else part
            for part in content
        ]
    if isinstance(content, str):
        content = content.casefold() if "case" in ignored else content
        content = " ".join(content.split()) if "space" in ignored else content
    return content


def _is_text(part: Any) -> bool:
    return (
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
    )


def digest_of(client: str, body: Mapping[str, Any]) -> bytes:
    """What is equal for two bodies of one client that ask for the same."""
    asked = {name: said for name, said in body.items() if name not in NOT_IN_KEY}
    return hashlib.sha256(SORTED.encode([client, asked]).encode()).digest()


SORTED = json.JSONEncoder(sort_keys=True)


class Key:
    """What is equal for requests whose answers may be: by client, prompt and parameters. It is
    worked out when a cache asks for it.

    is_compared: false for a request whose answer nobody will keep; it is equal to no other.
    """

    __slots__ = ("_body", "_client", "_digest", "is_compared")

    def __init__(self, client: str, body: Mapping[str, Any]) -> None:
        self._client, self._body = client, body
        self._digest: bytes | None = None
        self.is_compared = True

    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = digest_of(self._client, self._body)
            self._body = {}
        return self._digest

    def __hash__(self) -> int:
        return hash(self.digest()) if self.is_compared else id(self)

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Key):
            return self is other
        are_compared = self.is_compared and other.is_compared
        return are_compared and self.digest() == other.digest()


def _mistakes(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return ["the body is no JSON object"]
    problems = [f"{name}: cannot be set by a caller" for name in FORBIDDEN if name in body]
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        problems.append("messages: expected a list of at least one message")
    elif not all(isinstance(message, dict) for message in messages):
        problems.append("messages: expected objects with role and content")
    for name in ("max_tokens", "max_completion_tokens"):
        most = body.get(name)
        if most is not None and (
            isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_TOKENS
        ):
            problems.append(f"{name}: expected a whole number from 1 to {MOST_TOKENS:,}")
    for name, kinds, expected in (
        ("stream", (bool,), "true or false"),
        ("stream_options", (dict,), "an object"),
        ("metadata", (dict,), "an object"),
        ("model", (str,), "a name"),
        ("user", (str,), "a name"),
    ):
        if body.get(name) is not None and not isinstance(body[name], kinds):
            problems.append(f"{name}: expected {expected}")
    return problems


def _tags(body: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Task, user, feature and session: as given, else as the body's `metadata` and `user` say."""
    said = {**(body.get("metadata") or {}), **({"user": body["user"]} if body.get("user") else {})}
    if not said and not given:
        return {}
    tags = {name: given.get(name, said.get(name)) for name in TAGS}
    problems = [
        f"{name}: expected a word of at most {MOST_TAG} printable characters"
        for name, value in tags.items()
        if value is not None
        and not (isinstance(value, str) and 0 < len(value) <= MOST_TAG and value.isprintable())
    ]
    if problems:
        raise InputError(*problems)
    return {name: value for name, value in tags.items() if value is not None}


def merged(body: Any, more: Mapping[str, Any], streamed: bool) -> Any:
    """A body with more, and a form; what is no body stays what it is, to be refused."""
    if body is not None and not isinstance(body, Mapping):
        return body
    return {**(body or {}), **more, "stream": streamed}
