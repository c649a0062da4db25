"""What is read of an answer, whatever the provider says."""

import json

import pytest

from simroute.worlds.live.answers import (
    StreamFacts,
    Usage,
    estimate,
    failure_word,
    loads,
    outcome_status,
    read_usage,
    read_whole,
    without_usage,
)


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": None, "completion_tokens": 5}, Usage(0, 5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            Usage(10, 5, 4),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 99},
            },
            Usage(10, 5, 10),
        ),
        (None, Usage(7, 3, 0, True)),
        ({}, Usage(7, 3, 0, True)),
        ([], Usage(7, 3, 0, True)),
        ({"prompt_tokens": 10}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": -1, "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": "10", "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": True, "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": 1.5, "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": float("inf"), "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": float("nan"), "completion_tokens": 5}, Usage(7, 3, 0, True)),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, Usage(7, 3, 0, True)),
    ],
)
def test_usage_that_cannot_be_is_estimated(usage, used):
    """Seven tokens were sent, nine characters came back: three tokens of four."""
    assert (read_usage(usage) or estimate(7, 9)) == used


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": {"0": {}}}',
        b'{"error": {"message": "no"}}',
        b'{"error": {"message": "no"}, "choices": [{"message": {"content": "x"}}]}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"choices": [{"message": {"content": "\xff"}}]}',
    ],
)
def test_what_is_no_answer_is_a_value_error(body):
    """Nothing else is raised."""
    with pytest.raises(ValueError):
        read_whole(body, 1)


def test_an_answer_of_any_content_is_handed_on():
    """Lists, calls of tools, refusals, several choices, nothing at all."""
    for message in (
        {"content": ["part"]},
        {"content": None, "tool_calls": [{"id": "1", "function": {"arguments": "{}"}}]},
        {"refusal": "no"},
        {},
    ):
        body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}] * 2}).encode()
        assert read_whole(body, 1).body == body
        assert read_whole(body, 1).text == ""
    filtered = {"choices": [{"message": {}, "finish_reason": "content_filter"}], "error": None}
    assert read_whole(json.dumps(filtered).encode(), 1).finish == "content_filter"


@pytest.mark.parametrize(
    ("status", "seen"),
    [(400, 400), (409, 409), (413, 413), (422, 422), (429, 429), (500, 500), (503, 503), (529, 529)]
    + [(status, 502) for status in (101, 201, 204, 301, 304, 308, 401, 402, 403, 404, 600, 999)],
)
def test_what_is_not_the_caller_s_fault_is_not_told_as_such(status, seen):
    """A wrong key, a moved address, a missing model: 502."""
    assert outcome_status(status)[0] == seen


def chunk(**choice):
    return json.dumps({"choices": [{"index": 0, **choice}]}).encode()


@pytest.mark.parametrize(
    ("data", "begun"),
    [
        (chunk(delta={"role": "assistant", "content": ""}), False),
        (chunk(delta={"content": "a"}), True),
        (chunk(delta={"reasoning_content": "a"}), True),
        (chunk(delta={"refusal": "a"}), True),
        (chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}), True),
        (chunk(delta={}, finish_reason="stop"), True),
        (chunk(delta=None), False),
        (b'{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}', False),
    ],
)
def test_the_first_token_is_the_first_thing_in_a_delta(data, begun):
    """Or the reason why nothing came."""
    facts = StreamFacts()
    facts.read(data)
    assert facts.begun is begun


def test_a_stream_is_finished_when_each_of_its_choices_is():
    """Two choices, one after the other; [DONE] alone finishes nothing."""
    facts = StreamFacts()
    assert facts.read(b" [DONE]") is None
    assert facts.done
    assert not facts.is_finished
    facts.read(chunk(delta={"content": "four"}))
    facts.read(
        json.dumps({"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}).encode()
    )
    assert not facts.is_finished
    facts.read(chunk(delta={}, finish_reason="length"))
    assert facts.is_finished
    assert facts.finish == "length"
    assert facts.usage(9) == Usage(9, 1, 0, True)


@pytest.mark.parametrize(
    "data", [b'{"error": {"message": "x"}}', b"{", b"[]", b'{"choices": 3}', b'{"choices": [3]}']
)
def test_an_error_in_a_stream_is_a_value_error(data):
    """`"error": null` is none."""
    with pytest.raises(ValueError):
        StreamFacts().read(data)
    StreamFacts().read(b'{"error": null, "choices": []}')


def test_usage_is_taken_out_for_those_who_did_not_ask():
    """A chunk that tells it alone goes; one that says more stays, without it; all else as it is."""
    alone = b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'
    both = b'data: {"choices": [{"delta": {}}], "usage": {"prompt_tokens": 1}}\n\n'
    null = b'data: {"choices": [{"delta": {}}], "usage": null}\n\n'
    assert without_usage(alone, loads(alone[6:])) == b""
    assert loads(without_usage(both, loads(both[6:]))[6:]) == {"choices": [{"delta": {}}]}
    assert without_usage(null, loads(null[6:])) == null
    assert without_usage(b"data: [DONE]\n\n", None) == b"data: [DONE]\n\n"


def test_a_refusal_of_a_content_filter_is_told_from_other_bad_requests():
    """Azure's code beside status 400; the word alone says nothing."""
    refused = json.dumps({"error": {"code": "content_filter", "message": "no"}}).encode()
    spoken = json.dumps({"error": {"code": "bad", "message": "content_filter"}}).encode()
    assert failure_word(400, "http 400", refused) == "content_filter"
    assert failure_word(400, "http 400", spoken) == "http 400"
