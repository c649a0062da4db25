"""Logs of Portkey, Helicone and OpenRouter: figures worked out by hand from rows in the shape that
each documents."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, sheet, table
from simroute.traces.formats import all_formats

PORTKEY: list[dict[str, Any]] = [  # cost in cents, time in ms; nothing of the bodies is read
    {
        "id": "p1",
        "trace_id": "t1",
        "created_at": "2026-05-04T12:00:00.500Z",
        "request": {"body": {"messages": "my secret prompt"}},
        "is_success": 1,
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "req_units": 400,
        "res_units": 100,
        "total_units": 500,
        "cost": 0.25,
        "cost_currency": "USD",
        "response_time": 1800,
        "response_status_code": 200,
        "mode": "single",
        "prompt_slug": "support",
        "metadata": {"_user": "ann"},
        "cache_status": "MISS",
        "stream_mode": 1,
        "retry_success_count": 0,
        "last_used_option_index": 0,
    },
    {
        "id": "p2",
        "trace_id": "t1",
        "created_at": "2026-05-04T12:00:10.000Z",
        "request": {"body": {"messages": "my secret prompt"}},
        "is_success": 1,
        "ai_org": "anthropic",
        "ai_model": "claude-sonnet-4",
        "req_units": 300,
        "res_units": 50,
        "total_units": 350,
        "cost": 1.75,
        "cost_currency": "USD",
        "response_time": 4200,
        "response_status_code": 200,
        "mode": "fallback",
        "prompt_slug": "",
        "metadata": {"_user": "bob"},
        "cache_status": "DISABLED",
        "stream_mode": 0,
        "retry_success_count": 2,
        "last_used_option_index": 1,
    },
    {
        "id": "p3",
        "trace_id": "t2",
        "created_at": "2026-05-04T12:00:20.000Z",
        "request": {},
        "is_success": 1,
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "req_units": 400,
        "res_units": 100,
        "total_units": 500,
        "cost": 0,
        "cost_currency": "USD",
        "response_time": 30,
        "response_status_code": 200,
        "mode": "single",
        "prompt_slug": "",
        "metadata": {"_user": "ann"},
        "cache_status": "SEMANTIC HIT",
        "stream_mode": 0,
        "retry_success_count": 0,
        "last_used_option_index": 0,
    },
    {
        "id": "p4",
        "trace_id": "t3",
        "created_at": "2026-05-04T12:00:25.250Z",
        "request": {},
        "is_success": 0,
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "req_units": 0,
        "res_units": 0,
        "total_units": 0,
        "cost": 0,
        "cost_currency": "USD",
        "response_time": 970,
        "response_status_code": 429,
        "mode": "single",
        "prompt_slug": "",
        "metadata": {},
        "cache_status": "MISS",
        "stream_mode": 0,
        "retry_success_count": -1,
        "last_used_option_index": 0,
    },
]

PORTKEYS = {
    "format": "portkey",
    "requests": 4,
    "skipped": {},
    "first": "2026-05-04 12:00:00.500",
    "last": "2026-05-04 12:00:25.250",
    "input": 1100,
    "cached": None,
    "output": 250,
    "cost": 0.02,
    "attempts": 1 + 4 + 0 + 1,
    "failed": 1,
    "users": 2,
    "sessions": 3,
    "models": 2,
    "latency": (1.8 + 4.2 + 0.03 + 0.97) / 4,
    "ttft": None,
}


@pytest.mark.parametrize(
    "content",
    [lines(PORTKEY), lines(reversed(PORTKEY)), gzip.compress(lines(PORTKEY).encode())],
    ids=["jsonl", "newest first", "gzip"],
)
def test_portkeys_cents_are_dollars_and_its_milliseconds_seconds(
    tmp_path: Path, content: str | bytes
) -> None:
    """2 cents in all; two retries on the second target of a fallback are four sends, a hit of the
    cache is none, a failure at least one."""
    assert figures(table(tmp_path, content)) == near(PORTKEYS)


def test_portkeys_export_without_its_analytics_tells_no_attempts(tmp_path: Path) -> None:
    """Cache, stream and retries are not among the fields of every export: NULL, not 0; the bodies
    are never read."""
    documented = (
        "id",
        "trace_id",
        "created_at",
        "request",
        "is_success",
        "ai_org",
        "ai_model",
        "req_units",
        "res_units",
        "cost",
        "response_time",
        "response_status_code",
        "metadata",
    )
    found = table(tmp_path, lines({name: row[name] for name in documented} for row in PORTKEY))
    assert figures(found) == near(PORTKEYS | {"attempts": None})
    assert found.rows("SELECT DISTINCT cached, streamed FROM requests") == [(None, None)]
    assert found.rows("SELECT status, failed FROM requests WHERE status <> 200") == [(429, True)]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))


NOBODY = "00000000-0000-0000-0000-000000000000"
HELICONE: list[dict[str, Any]] = [
    # prompt_tokens leave out 900 that were read from the provider's cache and 60 written to it:
    # 1210 = 150 + 900 + 60 + 100
    {
        "request_id": "h4",
        "request_created_at": "2026-06-01T08:00:30.000Z",
        "response_created_at": "2026-06-01T08:00:33.100Z",
        "response_status": 200,
        "request_model": "claude-sonnet-4",
        "response_model": "claude-sonnet-4-20250514",
        "provider": "ANTHROPIC",
        "delay_ms": 3000,
        "time_to_first_token": 700,
        "prompt_tokens": 150,
        "completion_tokens": 100,
        "total_tokens": 1210,
        "prompt_cache_read_tokens": 900,
        "prompt_cache_write_tokens": 60,
        "cost": 0.004,
        "request_user_id": "bob",
        "request_properties": {"Helicone-Session-Id": "s2", "Helicone-Session-Name": "search"},
        "cache_enabled": False,
        "cache_reference_id": NOBODY,
        "request_body": "my secret prompt",
        "response_body": "my secret answer",
    },
    {  # cancelled by the caller: Helicone's own status, and nulls
        "request_id": "h3",
        "request_created_at": "2026-06-01T08:00:20.000Z",
        "response_created_at": "2026-06-01T08:00:21.000Z",
        "response_status": -3,
        "request_model": "gpt-4o",
        "response_model": None,
        "provider": "OPENAI",
        "delay_ms": 1000,
        "time_to_first_token": None,
        "prompt_tokens": None,
        "completion_tokens": None,
        "total_tokens": None,
        "prompt_cache_read_tokens": None,
        "prompt_cache_write_tokens": None,
        "cost": None,
        "request_user_id": "ann",
        "request_properties": {},
        "cache_enabled": False,
        "cache_reference_id": NOBODY,
        "request_body": "my secret prompt",
        "response_body": None,
    },
    {  # answered by Helicone's cache, and yet with a cost
        "request_id": "h2",
        "request_created_at": "2026-06-01T08:00:10.000Z",
        "response_created_at": "2026-06-01T08:00:10.040Z",
        "response_status": 200,
        "request_model": "gpt-4o",
        "response_model": "gpt-4o",
        "provider": "OPENAI",
        "delay_ms": 20,
        "time_to_first_token": None,
        "prompt_tokens": 300,
        "completion_tokens": 40,
        "total_tokens": 340,
        "prompt_cache_read_tokens": 0,
        "prompt_cache_write_tokens": 0,
        "cost": 0.001,
        "request_user_id": "ann",
        "request_properties": {"Helicone-Session-Id": "s1"},
        "cache_enabled": True,
        "cache_reference_id": "6a1b1c3e-0d7f-4a4e-9d7f-1f2e3d4c5b6a",
        "request_body": "my secret prompt",
        "response_body": "my secret answer",
    },
    {  # 128 of 300 tokens were cached, and are among them: 340 = 300 + 40
        "request_id": "h1",
        "request_created_at": "2026-06-01T08:00:00.000Z",
        "response_created_at": "2026-06-01T08:00:02.100Z",
        "response_status": 200,
        "request_model": "gpt-4o",
        "response_model": "gpt-4o",
        "provider": "OPENAI",
        "delay_ms": 1980,
        "time_to_first_token": 300,
        "prompt_tokens": 300,
        "completion_tokens": 40,
        "total_tokens": 340,
        "prompt_cache_read_tokens": 128,
        "prompt_cache_write_tokens": 0,
        "cost": 0.001,
        "request_user_id": "ann",
        "request_properties": {"Helicone-Session-Id": "s1"},
        "cache_enabled": False,
        "cache_reference_id": NOBODY,
        "request_body": "my secret prompt",
        "response_body": "my secret answer",
    },
]

HELICONES = {
    "format": "helicone",
    "requests": 4,
    "skipped": {},
    "first": "2026-06-01 08:00:00.000",
    "last": "2026-06-01 08:00:30.000",
    "input": 300 + 300 + 1110,
    "cached": 128 + 0 + 900,
    "written": 60,
    "output": 40 + 40 + 100,
    "cost": 0.006,
    "attempts": None,
    "failed": 1,
    "users": 2,
    "sessions": 2,
    "models": 2,
    "latency": (1.98 + 0.02 + 1 + 3) / 4,
    "ttft": 0.5,
}


@pytest.mark.parametrize(
    "content",
    [
        lines(HELICONE),
        json.dumps({"data": HELICONE, "error": None}),
        json.dumps(HELICONE, indent=2),
        sheet(HELICONE),
    ],
    ids=["jsonl", "answer of the API", "array", "csv"],
)
def test_helicones_total_settles_whether_cached_tokens_are_among_those_sent(
    tmp_path: Path, content: str
) -> None:
    """150 + 900 + 60 with a total of 1210, 300 with a total of 340."""
    assert figures(table(tmp_path, content)) == near(HELICONES)


def test_helicones_own_statuses_are_failures_and_its_cache_is_told(tmp_path: Path) -> None:
    """A cached answer keeps the cost that the log gives it, and says that it was cached."""
    found = table(tmp_path, lines(HELICONE))
    assert found.rows(
        "SELECT request_id, failed, status, cached, streamed, cost_usd, model, feature FROM "
        "requests"
    ) == [
        ("h1", False, 200, "no", True, 0.001, "gpt-4o", None),
        ("h2", False, 200, "exact", None, 0.001, "gpt-4o", None),
        ("h3", True, None, "no", None, None, "gpt-4o", None),
        ("h4", False, 200, "no", True, 0.004, "claude-sonnet-4-20250514", "search"),
    ]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))


@pytest.mark.parametrize("latency", ["2000", "2.0"], ids=["ms", "s"])
def test_helicones_page_exports_latency_in_either_unit(tmp_path: Path, latency: str) -> None:
    """The two dates are 2.1 s apart, so that 2000 are milliseconds and 2.0 seconds."""
    header = (
        "response_id,response_created_at,response_status,request_created_at,request_body,"
        "request_properties,request_user_id,model,"
        "prompt_tokens,completion_tokens,latency,cost"
    )
    times = "2026-06-01 08:00:02.100,200,2026-06-01 08:00:00.000"
    row = f'x1,{times},"my, secret",{{}},ann,gpt-4o,300,40,{latency},0.001'
    found = figures(table(tmp_path, f"{header}\n{row}\n"))
    assert found == near(
        {
            "format": "helicone",
            "requests": 1,
            "skipped": {},
            "first": "2026-06-01 08:00:00.000",
            "last": "2026-06-01 08:00:00.000",
            "input": 300,
            "cached": None,
            "output": 40,
            "cost": 0.001,
            "attempts": None,
            "failed": 0,
            "users": 1,
            "sessions": None,
            "models": 1,
            "latency": 2.0,
            "ttft": None,
        }
    )


OPENROUTER: list[dict[str, Any]] = [
    # the second provider answered; latency is the whole time, and cannot be less than that of
    # generating
    {
        "id": "gen-1",
        "created_at": "2026-07-15T23:33:19.433+00:00",
        "model": "sao10k/l3-stheno-8b",
        "provider_name": "Infermatic",
        "streamed": True,
        "cancelled": False,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "latency": 1250,
        "generation_time": 1200,
        "moderation_latency": 50,
        "tokens_prompt": 90,
        "tokens_completion": 20,
        "native_tokens_prompt": 100,
        "native_tokens_completion": 25,
        "native_tokens_reasoning": 5,
        "native_tokens_cached": 30,
        "cache_discount": None,
        "total_cost": 0.0015,
        "usage": 0.0015,
        "upstream_inference_cost": 0.0012,
        "is_byok": False,
        "session_id": "s1",
        "external_user": "ann",
        "response_cache_source_id": None,
        "provider_responses": [
            {
                "endpoint_id": "e1",
                "id": None,
                "is_byok": False,
                "latency": 400,
                "model_permaslug": "sao10k/l3",
                "provider_name": "Lepton",
                "status": 503,
            },
            {
                "endpoint_id": "e2",
                "id": "u1",
                "is_byok": False,
                "latency": 850,
                "model_permaslug": "sao10k/l3",
                "provider_name": "Infermatic",
                "status": 200,
            },
        ],
    },
    {  # with one's own key; the first token came after 600 ms, the last after 3 s
        "id": "gen-2",
        "created_at": "2026-07-15T23:34:19.433+00:00",
        "model": "openai/gpt-4o",
        "provider_name": "OpenAI",
        "streamed": True,
        "cancelled": False,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "latency": 600,
        "generation_time": 3000,
        "tokens_prompt": 700,
        "tokens_completion": 90,
        "native_tokens_prompt": 800,
        "native_tokens_completion": 100,
        "native_tokens_reasoning": 0,
        "native_tokens_cached": 0,
        "total_cost": 0.0001,
        "usage": 0.0001,
        "upstream_inference_cost": 0.002,
        "is_byok": True,
        "session_id": "s1",
        "external_user": "bob",
        "response_cache_source_id": None,
        "provider_responses": [
            {
                "endpoint_id": "e3",
                "latency": 600,
                "model_permaslug": "openai/gpt-4o",
                "provider_name": "OpenAI",
                "status": 200,
            }
        ],
    },
    {  # nobody answered: nulls
        "id": "gen-3",
        "created_at": "2026-07-15T23:35:19.433+00:00",
        "model": "openai/gpt-4o",
        "provider_name": None,
        "streamed": False,
        "cancelled": False,
        "finish_reason": "error",
        "native_finish_reason": "upstream said: my secret prompt",
        "latency": 500,
        "generation_time": None,
        "tokens_prompt": None,
        "tokens_completion": None,
        "native_tokens_prompt": None,
        "native_tokens_completion": None,
        "native_tokens_cached": None,
        "total_cost": 0,
        "usage": 0,
        "is_byok": False,
        "session_id": None,
        "external_user": None,
        "provider_responses": [
            {"endpoint_id": "e3", "latency": 200, "provider_name": "OpenAI", "status": 429},
            {"endpoint_id": "e4", "latency": 300, "provider_name": "Azure", "status": 500},
        ],
    },
    {  # answered by OpenRouter's cache
        "id": "gen-4",
        "created_at": "2026-07-15T23:36:19.433+00:00",
        "model": "openai/gpt-4o",
        "provider_name": "OpenAI",
        "streamed": False,
        "cancelled": False,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "latency": 10,
        "generation_time": 0,
        "tokens_prompt": 700,
        "tokens_completion": 90,
        "native_tokens_prompt": 800,
        "native_tokens_completion": 100,
        "native_tokens_cached": 0,
        "total_cost": 0,
        "usage": 0,
        "is_byok": False,
        "session_id": "s2",
        "external_user": "bob",
        "response_cache_source_id": "gen-2",
        "provider_responses": None,
    },
]

OPENROUTERS = {
    "format": "openrouter",
    "requests": 4,
    "skipped": {},
    "first": "2026-07-15 23:33:19.433",
    "last": "2026-07-15 23:36:19.433",
    "input": 100 + 800 + 800,
    "cached": 30,
    "output": 25 + 100 + 100,
    "cost": 0.0036,
    "attempts": 2 + 1 + 2 + 0,
    "failed": 1,
    "users": 2,
    "sessions": 2,
    "models": 2,
    "latency": (1.25 + 3 + 0.5 + 0.01) / 4,
    "ttft": 0.6,
}


@pytest.mark.parametrize(
    "content",
    [
        lines(OPENROUTER),
        lines({"data": row} for row in reversed(OPENROUTER)),
        json.dumps(OPENROUTER, indent=2),
        gzip.compress(lines({"data": row} for row in OPENROUTER).encode()),
    ],
    ids=["jsonl", "answers of the API", "array", "gzip"],
)
def test_openrouter_bills_native_tokens_and_tells_every_send(
    tmp_path: Path, content: str | bytes
) -> None:
    """0.0015 + 0.0001 and 0.002 on one's own key; 30 of the 100 native tokens were cached."""
    assert figures(table(tmp_path, content)) == near(OPENROUTERS)


def test_openrouters_sends_follow_one_another(tmp_path: Path) -> None:
    """The second began when the first had failed after 0.4 s; what the provider said is not kept,
    its status is."""
    found = table(tmp_path, lines(OPENROUTER))
    tries = [row[0] for row in found.rows("SELECT tries FROM requests")]
    assert tries[0] == [
        {
            "offset_s": 0.0,
            "latency_s": 0.4,
            "provider": "Lepton",
            "model": "sao10k/l3",
            "status": 503,
            "error": None,
        },
        {
            "offset_s": 0.4,
            "latency_s": 0.85,
            "provider": "Infermatic",
            "model": "sao10k/l3",
            "status": 200,
            "error": None,
        },
    ]
    assert [None if sends is None else len(sends) for sends in tries] == [2, 1, 2, None]
    assert found.rows("SELECT failed, status, error, cached FROM requests") == [
        (False, 200, None, None),
        (False, 200, None, None),
        (True, 500, "error", None),
        (False, None, None, "exact"),
    ]


def test_no_format_reads_what_was_asked_or_answered() -> None:
    """Of no log is a field read that holds texts of prompts, answers or errors."""
    texts = {
        "messages",
        "prompt",
        "request",
        "response",
        "input",
        "output",
        "request_body",
        "response_body",
        "body",
        "content",
        "error_str",
        "error_message",
        "status_message",
        "statusMessage",
        "proxy_server_request",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.prompt",
        "gen_ai.completion",
    }
    assert {
        name: texts & set(form.FIELDS)
        for name, form in all_formats().items()
        if texts & set(form.FIELDS)
    } == {}
