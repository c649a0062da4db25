"""LiteLLM's two logs: rows of the proxy's table of spend, and payloads of its callbacks. Field names as in LiteLLM 1.83.14."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, sheet, table

SPEND: list[dict[str, Any]] = [  # newest first, as the proxy's pages list them
    {
        "request_id": "r4", "call_type": "acompletion", "spend": 0, "total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0,
        "startTime": "2026-03-02T09:00:30.000Z", "endTime": "2026-03-02T09:00:31.000Z", "completionStartTime": None, "model": "",
        "model_group": "big", "custom_llm_provider": "openai", "user": "owner", "end_user": "", "team_id": "t1", "session_id": "s2",
        "metadata": json.dumps(
            {
                "status": "failure", "attempted_retries": 2, "max_retries": 2,
                "error_information": {"error_code": "429", "error_class": "RateLimitError", "error_message": "rate limit on: my secret prompt"},
            }
        ),
        "cache_hit": "False", "request_tags": "[]", "status": "failure", "messages": "my secret prompt",
    },
    {
        "request_id": "r3_cache_hit1772442020.0", "call_type": "acompletion", "spend": 0.0, "total_tokens": 60, "prompt_tokens": 50,
        "completion_tokens": 10, "startTime": "2026-03-02T09:00:20.000Z", "endTime": "2026-03-02T09:00:20.100Z",
        "completionStartTime": "2026-03-02T09:00:20.100Z", "model": "gpt-4o", "model_group": "big", "custom_llm_provider": "openai",
        "user": "owner", "end_user": "ann", "team_id": "t1", "session_id": "s1", "metadata": json.dumps({"attempted_retries": 0}),
        "cache_hit": "True", "request_tags": "[]", "status": "success", "messages": "my secret prompt",
    },
    {
        "request_id": "r2", "call_type": "acompletion", "spend": 0.002, "total_tokens": 1100, "prompt_tokens": 1000, "completion_tokens": 100,
        "startTime": "2026-03-02T09:00:10.000Z", "endTime": "2026-03-02T09:00:14.000Z", "completionStartTime": "2026-03-02T09:00:11.500Z",
        "model": "claude-sonnet-4", "model_group": "big", "custom_llm_provider": "anthropic", "user": "owner", "end_user": "bob", "team_id": "t2",
        "session_id": "s1", "cache_hit": "False",
        "metadata": json.dumps({"attempted_retries": 1, "usage_object": {"cache_read_input_tokens": 600}}),
        "request_tags": json.dumps(["User-Agent: curl", "search"]), "status": "success", "messages": "my secret prompt",
    },
    {
        "request_id": "r1", "call_type": "acompletion", "spend": 0.001, "total_tokens": 250, "prompt_tokens": 200, "completion_tokens": 50,
        "startTime": "2026-03-02T09:00:00.000Z", "endTime": "2026-03-02T09:00:02.000Z", "completionStartTime": "2026-03-02T09:00:02.000Z",
        "model": "gpt-4o", "model_group": "big", "custom_llm_provider": "openai", "user": "owner", "end_user": "ann", "team_id": "t1",
        "session_id": "s1", "cache_hit": "None",
        "metadata": json.dumps({"attempted_retries": 0, "usage_object": {"prompt_tokens_details": {"cached_tokens": 64}}}),
        "request_tags": json.dumps(["chat"]), "status": "success", "messages": "my secret prompt",
    },
]  # fmt: skip

SPENT = {
    "format": "litellm_spend", "requests": 4, "skipped": {}, "first": "2026-03-02 09:00:00.000", "last": "2026-03-02 09:00:30.000",
    "input": 200 + 1000 + 50, "cached": 64 + 600, "output": 50 + 100 + 10, "cost": 0.003, "attempts": 1 + 2 + 0 + 3, "failed": 1,
    "users": 3, "sessions": 2, "models": 3, "latency": (2 + 4 + 0.1 + 1) / 4, "ttft": 1.5,
}  # fmt: skip


@pytest.mark.parametrize("content", [lines(SPEND), sheet(SPEND), json.dumps(SPEND, indent=1), gzip.compress(lines(SPEND).encode())], ids=lambda _: "")
def test_spend_rows_give_the_proxys_own_figures(tmp_path: Path, content: str | bytes) -> None:
    """Tokens include cached ones, retries are in the metadata, "True" means that the cache answered, and an unstreamed answer has no first token."""
    assert figures(table(tmp_path, content)) == near(SPENT)


def test_who_asked_and_what_went_wrong_are_told_without_a_message(tmp_path: Path) -> None:
    """The end user before the owner of the key, the class of an error and its code, and the first tag that is not a browser's."""
    found = table(tmp_path, lines(SPEND))
    assert found.rows('SELECT "user", team, feature, cached, failed, status, error, streamed FROM requests') == [
        ("ann", "t1", "chat", None, False, None, None, False),
        ("bob", "t2", "search", "no", False, None, None, True),
        ("ann", "t1", None, "exact", False, None, None, False),
        ("owner", "t1", None, "no", True, 429, "RateLimitError", None),
    ]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))
