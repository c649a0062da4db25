"""What callers may ask for, and how two of them are told apart."""

import asyncio

import pytest

from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.bodies import parse, read_request

HELLO = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"messages": None}, "messages"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"api_base": "http://x"}, "api_base"),
        ({"base_url": "http://x"}, "base_url"),
        ({"api_key": "sk"}, "api_key"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": {"task": "a\r\nb"}}, "task"),
        ({"metadata": {"feature": 3}}, "feature"),
        ({"user": ["x"]}, "user"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "UTF-8"),
    ],
)
def test_a_wrong_body_is_told_before_anything_is_sent(more, names):
    """One InputError that names the key, and none of the prompt."""
    with pytest.raises(InputError, match=names):
        read_request({**HELLO, **more}, 0, 0.0)


@pytest.mark.parametrize("raw", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_an_input_error(raw):
    """Whatever it is instead."""
    with pytest.raises(InputError):
        parse(raw)


def test_all_mistakes_come_together():
    """Two of them."""
    with pytest.raises(InputError) as error:
        read_request({"messages": [], "max_tokens": "many"}, 0, 0.0)
    assert len(error.value.lines) == 2


def key(body, client=""):
    return read_request(body, 0, 0.0, client).key


def test_requests_are_equal_when_their_answers_may_be():
    """Not by who asks within a client, nor by how it is sent; but by client, prompt, parameters."""
    assert key(HELLO) == key({**HELLO, "stream": True, "user": "me", "metadata": {"a": "b"}})
    assert key(HELLO) != key(HELLO, "other")
    assert key(HELLO) != key({**HELLO, "temperature": 0})
    assert key(HELLO) != key({"messages": [{"role": "user", "content": "hullo"}]})


def test_a_client_s_tags_come_before_those_of_the_body():
    """What is stated for a client cannot be talked away."""
    body = {**HELLO, "metadata": {"feature": "theirs", "task": "chat"}, "user": "u"}
    request = read_request(body, 0, 0.0, tags={"feature": "ours"})
    assert (request.feature, request.task, request.user) == ("ours", "chat", "u")


@pytest.mark.parametrize("body", ["text", b"{}", ["messages"], 7, [("messages", HELLO)]])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_no_body_is_refused_by_the_library_too(body, streamed):
    """Before anything is sent, in the words of the server."""

    async def main():
        entry = {"provider": "openai", "model": "gpt-4o", "base_url": "http://127.0.0.1:1/v1"}
        async with Gateway({"timeout": {"total": "5s"}}, {"a": entry}) as gateway:
            if streamed:
                return [chunk async for chunk in gateway.stream(body, temperature=0)]
            return await gateway.complete(body, temperature=0)

    with pytest.raises(InputError, match="no JSON object"):
        asyncio.run(main())
