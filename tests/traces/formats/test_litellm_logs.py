"""LiteLLM's two logs: rows of the proxy's table of spend, and payloads of its callbacks. Field
names as in LiteLLM 1.83.14."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, sheet, table

SPEND: list[dict[str, Any]] = [  # newest first, as the proxy's pages list them
    {
        "request_id": "r4",
        "call_type": "acompletion",
        "spend": 0,
        "total_tokens": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "startTime": "2026-03-02T09:00:30.000Z",
        "endTime": "2026-03-02T09:00:31.000Z",
        "completionStartTime": None,
        "model": "",
        "model_group": "big",
        "custom_llm_provider": "openai",
        "user": "owner",
        "end_user": "",
        "team_id": "t1",
        "session_id": "s2",
        "metadata": json.dumps(
            {
                "status": "failure",
                "attempted_retries": 2,
                "max_retries": 2,
                "error_information": {
                    "error_code": "429",
                    "error_class": "RateLimitError",
                    "error_message": "rate limit on: my secret prompt",
                },
            }
        ),
        "cache_hit": "False",
        "request_tags": "[]",
        "status": "failure",
        "messages": "my secret prompt",
    },
    {
        "request_id": "r3_cache_hit1772442020.0",
        "call_type": "acompletion",
        "spend": 0.0,
        "total_tokens": 60,
        "prompt_tokens": 50,
        "completion_tokens": 10,
        "startTime": "2026-03-02T09:00:20.000Z",
        "endTime": "2026-03-02T09:00:20.100Z",
        "completionStartTime": "2026-03-02T09:00:20.100Z",
        "model": "gpt-4o",
        "model_group": "big",
        "custom_llm_provider": "openai",
        "user": "owner",
        "end_user": "ann",
        "team_id": "t1",
        "session_id": "s1",
        "metadata": json.dumps({"attempted_retries": 0}),
        "cache_hit": "True",
        "request_tags": "[]",
        "status": "success",
        "messages": "my secret prompt",
    },
    {
        "request_id": "r2",
        "call_type": "acompletion",
        "spend": 0.002,
        "total_tokens": 1100,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "startTime": "2026-03-02T09:00:10.000Z",
        "endTime": "2026-03-02T09:00:14.000Z",
        "completionStartTime": "2026-03-02T09:00:11.500Z",
        "model": "claude-sonnet-4",
        "model_group": "big",
        "custom_llm_provider": "anthropic",
        "user": "owner",
        "end_user": "bob",
        "team_id": "t2",
        "session_id": "s1",
        "cache_hit": "False",
        "metadata": json.dumps(
            {
                "attempted_retries": 1,
                "usage_object": {"cache_read_input_tokens": 600, "cache_creation_input_tokens": 90},
            }
        ),
        "request_tags": json.dumps(["User-Agent: curl", "search"]),
        "status": "success",
        "messages": "my secret prompt",
    },
    {
        "request_id": "r1",
        "call_type": "acompletion",
        "spend": 0.001,
        "total_tokens": 250,
        "prompt_tokens": 200,
        "completion_tokens": 50,
        "startTime": "2026-03-02T09:00:00.000Z",
        "endTime": "2026-03-02T09:00:02.000Z",
        "completionStartTime": "2026-03-02T09:00:02.000Z",
        "model": "gpt-4o",
        "model_group": "big",
        "custom_llm_provider": "openai",
        "user": "owner",
        "end_user": "ann",
        "team_id": "t1",
        "session_id": "s1",
        "cache_hit": "None",
        "metadata": json.dumps(
            {
                "attempted_retries": 0,
                "usage_object": {"prompt_tokens_details": {"cached_tokens": 64}},
            }
        ),
        "request_tags": json.dumps(["chat"]),
        "status": "success",
        "messages": "my secret prompt",
    },
]

SPENT = {
    "format": "litellm_spend",
    "requests": 4,
    "skipped": {},
    "first": "2026-03-02 09:00:00.000",
    "last": "2026-03-02 09:00:30.000",
    "input": 200 + 1000 + 50,
    "cached": 64 + 600,
    "written": 90,
    "output": 50 + 100 + 10,
    "cost": 0.003,
    "attempts": 1 + 2 + 0 + 3,
    "failed": 1,
    "users": 3,
    "sessions": 2,
    "models": 3,
    "latency": (2 + 4 + 0.1 + 1) / 4,
    "ttft": 1.5,
}


@pytest.mark.parametrize(
    "content",
    [lines(SPEND), sheet(SPEND), json.dumps(SPEND, indent=1), gzip.compress(lines(SPEND).encode())],
    ids=lambda _: "",
)
def test_spend_rows_give_the_proxys_own_figures(tmp_path: Path, content: str | bytes) -> None:
    """Tokens include cached ones, retries are in the metadata, "True" means that the cache
    answered, and an unstreamed answer has no first token."""
    assert figures(table(tmp_path, content)) == near(SPENT)


def test_who_asked_and_what_went_wrong_are_told_without_a_message(tmp_path: Path) -> None:
    """The end user before the owner of the key, the class of an error and its code, and the first
    tag that is not a browser's."""
    found = table(tmp_path, lines(SPEND))
    assert found.rows(
        'SELECT "user", team, feature, cached, failed, status, error, streamed FROM requests'
    ) == [
        ("ann", "t1", "chat", None, False, None, None, False),
        ("bob", "t2", "search", "no", False, None, None, True),
        ("ann", "t1", None, "exact", False, None, None, False),
        ("owner", "t1", None, "no", True, 429, "RateLimitError", None),
    ]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))


START = 1_772_442_000.0  # 2026-03-02 09:00:00 UTC


def attempt(number: int, trace: str, after: float, took: float, **more: Any) -> dict[str, Any]:
    """A payload of an attempt that began so many seconds after START; its texts must never be seen
    again."""
    return {
        "id": f"c{number}",
        "trace_id": trace,
        "call_type": "acompletion",
        "stream": False,
        "response_cost": 0.0,
        "status": "success",
        "custom_llm_provider": "openai",
        "total_tokens": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "startTime": START + after,
        "endTime": START + after + took,
        "completionStartTime": START + after + took,
        "response_time": took,
        "model": "a",
        "model_group": "a",
        "metadata": {"user_api_key_user_id": "owner", "user_api_key_team_id": "t1"},
        "cache_hit": None,
        "request_tags": [],
        "end_user": "",
        "messages": "my secret prompt",
        "error_str": None,
        "error_information": None,
        **more,
    }


LIMITED = {
    "status": "failure",
    "error_str": "RateLimitError: my secret prompt",
    "error_information": {
        "error_code": "429",
        "error_class": "RateLimitError",
        "error_message": "my secret prompt",
    },
}

PAYLOADS = [
    # a session of one client: two calls that succeeded under one trace id are two requests; the
    # second answer came from the cache
    attempt(
        6,
        "chain",
        60.5,
        0.25,
        prompt_tokens=40,
        completion_tokens=5,
        total_tokens=45,
        cache_hit=True,
        end_user="bob",
        response_cost=0.0,
    ),
    attempt(
        5,
        "chain",
        50.0,
        1.0,
        prompt_tokens=40,
        completion_tokens=5,
        total_tokens=45,
        cache_hit=False,
        end_user="bob",
        response_cost=0.0005,
    ),
    # all attempts failed
    attempt(4, "lost", 30.0, 2.0, **LIMITED),
    # two failures of `a`, then a stream of `b`, whose response_time ends with its first token
    attempt(
        3,
        "won",
        12.0,
        4.0,
        model="b",
        model_group="b",
        custom_llm_provider="anthropic",
        stream=True,
        completionStartTime=START + 12.5,
        response_time=0.5,
        prompt_tokens=1000,
        completion_tokens=100,
        total_tokens=1100,
        response_cost=0.002,
        end_user="ann",
        metadata={"user_api_key_team_id": "t2", "usage_object": {"cache_read_input_tokens": 600}},
        request_tags=["search"],
    ),
    attempt(2, "won", 11.0, 0.5, **LIMITED),
    attempt(1, "won", 10.0, 0.25, **LIMITED),
]

PAID = {
    "format": "litellm_payload",
    "requests": 4,
    "skipped": {},
    "first": "2026-03-02 09:00:10.000",
    "last": "2026-03-02 09:01:00.500",
    "input": 1000 + 0 + 40 + 40,
    "cached": 600,
    "output": 100 + 0 + 5 + 5,
    "cost": 0.0025,
    "attempts": 3 + 1 + 1 + 0,
    "failed": 1,
    "users": 3,
    "sessions": None,
    "models": 2,
    "latency": (6 + 2 + 1 + 0.25) / 4,
    "ttft": 2.5,
}


@pytest.mark.parametrize(
    "content",
    [lines(PAYLOADS), sheet(PAYLOADS), gzip.compress(lines(PAYLOADS).encode())],
    ids=["jsonl", "csv", "gzip"],
)
def test_payloads_of_one_trace_are_one_request_up_to_a_success(
    tmp_path: Path, content: str | bytes
) -> None:
    """From 10 s to 16 s with the first token at 12.5 s, in three sends; rows are not requests."""
    assert figures(table(tmp_path, content)) == near(PAID)


def test_a_request_has_its_last_attempts_outcome_and_tells_all_of_them(tmp_path: Path) -> None:
    """After two 429s the answer of `b` has no status and no error of theirs."""
    found = table(tmp_path, lines(PAYLOADS))
    assert found.rows(
        'SELECT request_id, "user", team, model, provider, failed, status, error, cached, '
        "streamed, feature FROM requests"
    ) == [
        ("c3", "ann", "t2", "b", "anthropic", False, None, None, None, True, "search"),
        ("c4", "owner", "t1", "a", "openai", True, 429, "RateLimitError", None, False, None),
        ("c5", "bob", "t1", "a", "openai", False, None, None, "no", False, None),
        ("c6", "bob", "t1", "a", "openai", False, None, None, "exact", False, None),
    ]
    limited = {"provider": "openai", "model": "a", "status": 429, "error": "RateLimitError"}
    assert found.value("SELECT tries FROM requests") == [
        {"offset_s": 0.0, "latency_s": 0.25, **limited},
        {"offset_s": 1.0, "latency_s": 0.5, **limited},
        {
            "offset_s": 2.0,
            "latency_s": 4.0,
            "provider": "anthropic",
            "model": "b",
            "status": None,
            "error": None,
        },
    ]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))


def test_without_dates_of_the_end_response_time_is_the_streams_first_token(tmp_path: Path) -> None:
    """Of an answer that was not streamed it is the latency."""
    streamed, whole = (
        {
            name: cell
            for name, cell in attempt(
                number, f"t{number}", number, 3.0, stream=stream, prompt_tokens=5
            ).items()
            if name != "completionStartTime"
        }
        | {"endTime": None}
        for number, stream in ((1, True), (2, False))
    )
    assert table(tmp_path, lines([streamed, whole])).rows(
        "SELECT latency_s, ttft_s FROM requests"
    ) == [(None, 3.0), (3.0, None)]


def test_an_attempt_that_was_logged_twice_counts_once(tmp_path: Path) -> None:
    """Same id, same trace, same start: one send and one bill, with the second row counted as
    skipped; the same id at another time is an attempt."""
    retried = attempt(
        3, "won", 20.0, 1.0, prompt_tokens=10, completion_tokens=1, response_cost=0.001
    )
    failed = attempt(3, "won", 10.0, 1.0, **LIMITED)
    found = figures(table(tmp_path, lines([failed, retried, failed, retried])))
    assert (found["requests"], found["attempts"], found["cost"], found["skipped"]) == (
        1,
        2,
        0.001,
        {"request id seen before": 2},
    )


def test_an_answer_of_the_cache_was_sent_nowhere(tmp_path: Path) -> None:
    """It is none of the request's tries, and its time is not that of the model."""
    assert table(tmp_path, lines(PAYLOADS)).rows("SELECT len(tries) FROM requests") == [
        (3,),
        (1,),
        (1,),
        (None,),
    ]
