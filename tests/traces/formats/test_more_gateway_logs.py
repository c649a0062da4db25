"""OpenRouter's activity, Bedrock, Cloudflare, AIPerf, Langfuse's pages and logs of one's own:
figures worked out by hand from rows of their forms."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, sheet, table
from hostile import VALUES
from simroute.traces import ReadOptions, TraceError, read


def activity(number: int, **more: Any) -> dict[str, Any]:
    """A row of OpenRouter's export."""
    return {
        "generation_id": f"gen-{number}",
        "created_at": f"2026-06-28 05:17:{number:02}.500",
        "cost_total": "0.002",
        "cost_web_search": "0",
        "cost_cache": "-0.0006",
        "byok_usage_inference": "0",
        "tokens_prompt": "1000",
        "tokens_completion": "100",
        "tokens_reasoning": "40",
        "tokens_cached": "512",
        "model_permaslug": "openai/gpt-4.1-mini-2025-04-14",
        "provider_name": "Azure",
        "variant": "standard",
        "cancelled": "false",
        "streamed": "true",
        "user": "ann",
        "finish_reason_raw": "stop",
        "finish_reason_normalized": "stop",
        "generation_time_ms": "3000",
        "time_to_first_token_ms": "500",
        "api_key_name": "prod",
        "app_name": "shop",
        **more,
    }


def test_openrouters_activity_has_money_times_and_who(tmp_path: Path) -> None:
    """Cancelled ones failed and keep their cost, one's own key is billed beside, and what was not
    streamed has no first token."""
    rows = [
        activity(30, cancelled="true", finish_reason_normalized=""),
        activity(20, streamed="false", time_to_first_token_ms="", user=""),
        activity(10, byok_usage_inference="0.01", tokens_cached="0"),
        activity(5, finish_reason_normalized="error", finish_reason_raw="server_error"),
    ]
    turned = [dict(reversed(row.items())) for row in rows]
    for content in (sheet(rows), sheet(turned), gzip.compress(sheet(rows).encode())):
        found = table(tmp_path, content)
        assert figures(found) == near(
            {
                "format": "openrouter_activity",
                "requests": 4,
                "skipped": {},
                "first": "2026-06-28 05:17:05.500",
                "last": "2026-06-28 05:17:30.500",
                "input": 4000,
                "cached": 1536,
                "output": 400,
                "cost": 0.018,
                "attempts": None,
                "failed": 2,
                "users": 1,
                "sessions": None,
                "models": 1,
                "latency": 3.0,
                "ttft": 0.5,
            }
        )
        assert found.rows(
            "SELECT streamed, failed, error, team, feature FROM requests ORDER BY arrival_ns"
        ) == [
            (True, True, "server_error", "prod", "shop"),
            (True, False, None, "prod", "shop"),
            (False, False, None, "prod", "shop"),
            (True, True, "cancelled", "prod", "shop"),
        ]


def test_openrouters_sdk_says_the_same_in_camel_case(tmp_path: Path) -> None:
    """A generation and its sends, whichever way their names are written."""
    row = {
        "id": "gen-1",
        "created_at": "2026-06-28T05:17:36.938Z",
        "model": "openai/gpt-4o",
        "provider_name": "OpenAI",
        "streamed": True,
        "finish_reason": "stop",
        "latency": 400,
        "generation_time": 2000,
        "tokens_prompt": 90,
        "native_tokens_prompt": 100,
        "total_cost": 0.01,
        "native_tokens_completion": 20,
        "native_tokens_cached": 64,
        "is_byok": False,
        "external_user": "ann",
        "provider_responses": [
            {
                "provider_name": "Azure",
                "status": 503,
                "latency": 100,
                "model_permaslug": "openai/gpt-4o",
            },
            {
                "provider_name": "OpenAI",
                "status": 200,
                "latency": 400,
                "model_permaslug": "openai/gpt-4o",
            },
        ],
    }

    def camel(held: Any) -> Any:
        if isinstance(held, list):
            return [camel(one) for one in held]
        if not isinstance(held, dict):
            return held
        return {
            (words := name.split("_"))[0] + "".join(map(str.capitalize, words[1:])): camel(value)
            for name, value in held.items()
        }

    query = "SELECT * FROM requests"
    assert table(tmp_path, lines([{"data": camel(row)}])).rows(query) == table(
        tmp_path, lines([{"data": row}])
    ).rows(query)
    assert table(tmp_path, json.dumps([camel(row)])).rows(
        "SELECT attempts, tries[1].status, input_tokens FROM requests"
    ) == [(2, 503, 100)]


def invocation(number: int, **more: Any) -> dict[str, Any]:
    """A line of Bedrock's log."""
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": f"2026-03-11T00:38:{number:02}Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/app/ann"},
        "region": "us-east-1",
        "requestId": f"r{number}",
        "operation": "Converse",
        "modelId": "anthropic.claude-sonnet-4-20250514-v1:0",
        **more,
    }


PROMPT = {
    "inputContentType": "application/json",
    "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "my secret prompt"}]}]},
}
BEDROCK = [
    invocation(  # 100 sent beside 400 read from the cache and 50 written to it
        10,
        input=PROMPT
        | {
            "inputTokenCount": 100,
            "cacheReadInputTokenCount": 400,
            "cacheWriteInputTokenCount": 50,
        },
        output={
            "outputTokenCount": 30,
            "outputBodyJson": {
                "metrics": {"latencyMs": 2000},
                "output": {"message": "my secret answer"},
            },
        },
        requestMetadata={"userId": "bob", "team": "t1", "session_id": "s1", "feature": "search"},
    ),
    invocation(
        20,
        operation="InvokeModelWithResponseStream",
        input=PROMPT | {"inputTokenCount": 10},
        modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
        "us.anthropic.claude-3-5-haiku-20241022-v1:0",
        output={
            "outputTokenCount": 5,
            "outputBodyJson": [
                {"type": "message_start"},
                {
                    "type": "message_stop",
                    "amazon-bedrock-invocationMetrics": {
                        "inputTokenCount": 10,
                        "outputTokenCount": 5,
                        "invocationLatency": 1500,
                        "firstByteLatency": 300,
                    },
                },
            ],
        },
    ),
    invocation(30, operation="ConverseStream", errorCode="ThrottlingException", input=PROMPT),
    invocation(
        40,
        operation="InvokeModel",
        modelId="amazon.titan-embed-text-v2:0",
        input=PROMPT | {"inputTokenCount": 8},
        output={},
    ),
]
HOLDERS = {
    "lines": lambda: lines(BEDROCK),
    "gzip": lambda: gzip.compress(lines(BEDROCK).encode()),
    "array": lambda: json.dumps(BEDROCK),
    "events": lambda: json.dumps(
        {
            "events": [
                {"timestamp": 1, "message": json.dumps(row), "eventId": "1"} for row in BEDROCK
            ]
        }
    ),
    "query": lambda: lines({"@timestamp": "x", "@message": json.dumps(row)} for row in BEDROCK),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_bedrocks_invocations_are_read_from_s3_and_cloudwatch(tmp_path: Path, holder: str) -> None:
    """Cached tokens are added to the others, a stream's latency stands at its end, and an error has
    its API's status."""
    found = table(tmp_path, HOLDERS[holder]())
    assert figures(found) == near(
        {
            "format": "bedrock",
            "requests": 4,
            "skipped": {},
            "first": "2026-03-11 00:38:10.000",
            "last": "2026-03-11 00:38:40.000",
            "input": 550 + 10 + 8,
            "cached": 400,
            "written": 50,
            "output": 35,
            "cost": None,
            "attempts": None,
            "failed": 1,
            "users": 2,
            "sessions": 1,
            "models": 3,
            "latency": 1.75,
            "ttft": 0.3,
        }
    )
    assert "secret" not in str(found.rows("SELECT * FROM requests"))
    assert found.rows(
        'SELECT model, streamed, status, error, "user", team, feature, task FROM requests ORDER '
        "BY arrival_ns"
    ) == [
        ("anthropic.claude-sonnet-4-20250514-v1:0", False, None, None, "bob", "t1", "search", None),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", True, None, None, "ann", None, None, None),
        (
            "anthropic.claude-sonnet-4-20250514-v1:0",
            True,
            429,
            "ThrottlingException",
            "ann",
            None,
            None,
            None,
        ),
        ("amazon.titan-embed-text-v2:0", False, None, None, "ann", None, None, "embedding"),
    ]


@pytest.mark.parametrize(
    "name", ["identity", "input", "output", "modelId", "errorCode", "requestMetadata", "message"]
)
def test_no_value_in_bedrocks_objects_breaks_the_reading(tmp_path: Path, name: str) -> None:
    """Whatever stands where an object or a number should; a whole line is read beside them."""
    counts = [
        invocation(
            2,
            input={"inputTokenCount": value, "cacheReadInputTokenCount": value},
            output={"outputBodyJson": value},
        )
        for value in VALUES
    ]
    broken = [invocation(1) | {name: value} for value in VALUES]
    wrong = [
        log
        for log in counts
        if not (
            isinstance(log["input"]["inputTokenCount"], int) and log["input"]["inputTokenCount"] < 0
        )
    ]
    path = tmp_path / "log"
    path.write_text(lines([BEDROCK[0], *broken, *wrong]))
    assert read([path]).requests > 0


def logged(number: int, **more: Any) -> dict[str, Any]:
    """A row of Cloudflare's API."""
    return {
        "id": f"l{number}",
        "created_at": f"2026-03-11T00:38:{number:02}.250Z",
        "provider": "openai",
        "model": "gpt-4o",
        "path": "chat/completions",
        "duration": 2000,
        "status_code": 200,
        "success": True,
        "cached": False,
        "tokens_in": 100,
        "tokens_out": 20,
        "cost": 0.001,
        "step": 0,
        "request_type": "chat",
        "response_content_type": "text/event-stream",
        "metadata": '{"user_id":"ann","team":"t1","session":"s1"}',
        **more,
    }


CLOUDFLARE = [
    logged(10),
    logged(20, cached=True, cost=0, duration=5, metadata=None),
    logged(
        30,
        success=False,
        status_code=429,
        tokens_in=None,
        tokens_out=None,
        cost=0,
        response_content_type="application/json",
    ),
    logged(40, response_content_type="application/json", metadata={"feature": "search"}),
    logged(
        50,
        model="text-embedding-3-small",
        path="embeddings",
        request_type="",
        tokens_in=8,
        tokens_out=None,
        metadata="{}",
        response_content_type="application/json",
    ),
]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(
            {
                "result": CLOUDFLARE,
                "success": True,
                "errors": [],
                "messages": [],
                "result_info": {"page": 1},
            }
        ),
        lines(CLOUDFLARE),
        json.dumps(CLOUDFLARE),
        lines({"success": True, "result": row} for row in CLOUDFLARE),
        sheet(CLOUDFLARE),
    ],
    ids=["answer", "lines", "array", "one each", "csv"],
)
def test_cloudflares_rows_are_read_alike(tmp_path: Path, content: str) -> None:
    """Its cache, failures, streams by what came back, and the caller's own metadata."""
    found = table(tmp_path, content)
    assert figures(found) == near(
        {
            "format": "cloudflare",
            "requests": 5,
            "skipped": {},
            "first": "2026-03-11 00:38:10.250",
            "last": "2026-03-11 00:38:50.250",
            "input": 308,
            "cached": None,
            "output": 60,
            "cost": 0.003,
            "attempts": None,
            "failed": 1,
            "users": 1,
            "sessions": 1,
            "models": 2,
            "latency": (2 * 4 + 0.005) / 5,
            "ttft": None,
        }
    )
    assert found.rows(
        'SELECT streamed, cached, status, "user", team, feature, task FROM requests ORDER BY '
        "arrival_ns"
    ) == [
        (True, "no", 200, "ann", "t1", None, None),
        (True, "exact", 200, None, None, None, None),
        (None, "no", 429, "ann", "t1", None, None),
        (False, "no", 200, None, None, "search", None),
        (False, "no", 200, None, None, None, "embedding"),
    ]


def test_cloudflares_logpush_tells_what_was_asked_for(tmp_path: Path) -> None:
    """Its names are others, its bodies are sealed, and rows without tokens are counted as such."""
    row = {
        "Cached": False,
        "Endpoint": "chat/completions",
        "Gateway": "g",
        "Metadata": {"user": "ann"},
        "Model": "gpt-4o-mini",
        "Provider": "openai",
        "Metrics": {"cost": 0.0042, "durationMs": 1234, "inputTokens": 100, "outputTokens": 20},
        "RateLimited": False,
        "RequestedModel": "cloudflare/auto",
        "StatusCode": 200,
        "Timestamp": "2026-03-11T00:38:10Z",
        "RequestBody": {"type": "encrypted"},
    }
    lost = row | {"Metrics": {"cost": 0.1, "durationMs": 1}}
    limited = lost | {"StatusCode": 429, "RateLimited": True, "Timestamp": "2026-03-11T00:39:10Z"}
    found = table(tmp_path, lines([row, lost, limited]))
    assert (found.format, found.skipped) == ("cloudflare", {"no token counts": 1})
    assert found.rows(
        'SELECT model, requested_model, latency_s, cost_usd, "user", failed, status FROM '
        "requests ORDER BY arrival_ns"
    ) == [
        ("gpt-4o-mini", "cloudflare/auto", 1.234, 0.0042, "ann", False, 200),
        ("gpt-4o-mini", "cloudflare/auto", 0.001, 0.1, "ann", True, 429),
    ]


def test_traces_like_mooncakes_need_no_blocks(tmp_path: Path) -> None:
    """Some rows with, some without, none, null, and other fields beside them: milliseconds since
    the start."""
    rows = [
        {"timestamp": 0, "input_length": 100, "output_length": 5, "hash_ids": [1, 2]},
        {"timestamp": 500, "input_length": 200, "output_length": 6},
        {
            "timestamp": 1500,
            "input_length": 300,
            "output_length": 7,
            "hash_ids": None,
            "extra": {"a": {"b": 1}},
        },
    ]
    bare = [
        {name: row[name] for name in ("input_length", "output_length", "timestamp")} for row in rows
    ]
    for content, blocks in (
        (lines(rows), [[1, 2], None, None]),
        (lines(bare), [None] * 3),
        (sheet(bare), [None] * 3),
        (json.dumps(bare), [None] * 3),
    ):
        found = table(tmp_path, content)
        assert found.format == "mooncake"
        told = zip([0, 500_000_000, 1_500_000_000], [100, 200, 300], blocks, strict=True)
        assert found.rows("SELECT arrival_ns, input_tokens, blocks FROM requests") == list(told)


def test_a_sessions_turns_follow_each_other_by_their_delays(tmp_path: Path) -> None:
    """From the end of the turn before, in the order of the file, whatever lies between; and what
    that assumes is said."""
    rows = [
        {
            "session_id": "a",
            "timestamp": 0,
            "input_length": 300,
            "output_length": 40,
            "hash_ids": [0],
        },
        {
            "session_id": "b",
            "timestamp": 1000,
            "input_length": 500,
            "output_length": 20,
            "hash_ids": [2],
        },
        {
            "session_id": "a",
            "delay": 2000,
            "input_length": 50,
            "output_length": 40,
            "hash_ids": [1],
        },
        {"session_id": "a", "delay": 500, "input_length": 60, "output_length": 40},
        {"session_id": "b", "timestamp": 9000, "input_length": 60, "output_length": 30},
        {"session_id": "b", "delay": 250.5, "input_length": 70, "output_length": 30},
        {"session_id": "c", "delay": 1, "input_length": 70, "output_length": 30},  # after nothing
    ]
    found = table(tmp_path, lines(rows))
    assert (found.format, found.skipped) == ("aiperf", {"no readable time": 1})
    assert found.rows(
        "SELECT session, arrival_ns // 1000, input_tokens FROM requests ORDER BY session, "
        "arrival_ns"
    ) == [
        ("a", 0, 300),
        ("a", 2_000_000, 50),
        ("a", 2_500_000, 60),
        ("b", 1_000_000, 500),
        ("b", 9_000_000, 60),
        ("b", 9_250_500, 70),
    ]
    assert sum("3 requests come a delay after the end" in note for note in found.notes) == 1


def test_the_arrival_traces_of_the_cases_are_whole(shared: Path) -> None:
    """Three requests each, and four in sessions."""
    folder = shared / "cases" / "l10"
    assert [
        read([folder / name]).requests
        for name in ("custom_trace.jsonl", "no_hash.jsonl", "azure_lmm.csv", "sessions.jsonl")
    ] == [3, 3, 3, 4]


OBSERVATION = {
    "id": "o1",
    "traceId": "t1",
    "startTime": "2026-08-03T09:00:00.597Z",
    "endTime": "2026-08-03T09:00:02.597Z",
    "type": "GENERATION",
    "projectId": "p",
    "environment": "default",
    "parentObservationId": None,
    "level": "DEFAULT",
    "name": "answer",
    "statusMessage": None,
    "completionStartTime": "2026-08-03T09:00:01.097Z",
    "model": "gpt-4o",
    "latency": 2,
    "timeToFirstToken": 0.5,
    "traceName": "support",
    "usageDetails": {"input": 100, "output": 20, "total": 120},
    "costDetails": {"total": 0.01},
    "totalCost": 0.01,
    "userId": "ann",
    "input": "my secret prompt",
    "output": {"content": "my secret answer"},
    "scores": {},
}
EVENT = {
    name: value
    for name, value in OBSERVATION.items()
    if name not in ("model", "latency", "timeToFirstToken", "projectId")
} | {
    "providedModelName": "gpt-4o",
    "modelId": "m1",
    "latencyMs": 2000,
    "timeToFirstTokenMs": 500,
    "sessionId": "s1",
    "tags": ["a"],
    "parentObservationId": "o0",
}


def quoted(rows: list[dict[str, Any]], plain: bool) -> str:
    """CSV as Langfuse writes it: every cell in quotes, and what is no text as JSON; formerly texts
    too."""
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        cells = ["" if cell is None else cell for cell in row.values()]
        writer.writerow(
            [
                cell if plain and isinstance(cell, str) else json.dumps(cell, separators=(",", ":"))
                for cell in cells
            ]
        )
    return made.getvalue()


@pytest.mark.parametrize("row", [OBSERVATION, EVENT], ids=["observations", "events"])
def test_langfuses_pages_export_what_its_api_says(tmp_path: Path, row: dict[str, Any]) -> None:
    """CSV with plain or with quoted texts, JSON and JSONL; a span beside it is none."""
    rows = [
        row,
        row | {"id": "o2", "type": "SPAN"},
        row | {"id": "o3", "type": "EMBEDDING", "usageDetails": {"input": 8, "total": 8}},
    ]
    for content in (quoted(rows, True), quoted(rows, False), json.dumps(rows), lines(rows)):
        found = table(tmp_path, content)
        assert (found.format, found.skipped) == (
            "langfuse",
            {"observation that is no generation": 1},
        )
        assert found.rows(
            "SELECT request_id, input_tokens, output_tokens, latency_s, ttft_s, cost_usd, model, "
            '"user", feature, task FROM requests'
            " ORDER BY request_id"
        ) == [
            ("o1", 100, 20, 2.0, pytest.approx(0.5), 0.01, "gpt-4o", "ann", "support", None),
            ("o3", 8, 0, 2.0, pytest.approx(0.5), 0.01, "gpt-4o", "ann", "support", "embedding"),
        ]


@pytest.mark.parametrize(
    "quote",
    [lambda cell: cell, lambda cell: cell if cell in ("", "null") else json.dumps(cell)],
    ids=["plain", "quoted"],
)
def test_a_quoted_text_of_json_is_its_value_in_every_format(tmp_path: Path, quote: Any) -> None:
    """A date, numbers, a list, an object and nothing; what only begins with a quotation mark stays
    as it is."""
    header = [
        "arrival_ns",
        "input_tokens",
        "output_tokens",
        "model",
        "blocks",
        "user",
        "cost_usd",
        "session",
    ]
    row = ["1700000000000000000", "12", "3", "gpt-4o", "[1,2]", "", "0.5", "null"]
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(header)
    writer.writerow([quote(cell) for cell in row])
    writer.writerow(["1700000001000000000", "12", "3", '"so-called" model', "", "", "", ""])
    found = table(tmp_path, made.getvalue())
    assert found.rows(
        'SELECT input_tokens, output_tokens, model, blocks, "user", cost_usd, session FROM requests'
    ) == [
        (12, 3, "gpt-4o", [1, 2], None, 0.5, None),
        (12, 3, '"so-called" model', None, None, None, None),
    ]


def test_a_log_with_our_own_names_needs_no_mapping(tmp_path: Path) -> None:
    """`time` as a date or a number, or `arrival_s`, and any canonical columns, in any order; a
    message is no error."""
    rows = [
        {
            "model": "gpt-4o",
            "time": "2026-03-11T00:38:10Z",
            "end": "2026-03-11T00:38:12Z",
            "input_tokens": 100,
            "output_tokens": 20,
            "status": 200,
            "user": "ann",
            "error": "",
            "provider": "openai",
            "streamed": "true",
            "note": "x",
        },
        {
            "model": "gpt-4o",
            "time": "2026-03-11T00:39:10Z",
            "end": "2026-03-11T00:39:11Z",
            "input_tokens": "",
            "output_tokens": "",
            "status": 429,
            "user": "bob",
            "error": "limit on my secret prompt",
            "provider": "openai",
            "streamed": "",
            "note": "y",
        },
    ]
    wanted = [
        ("gpt-4o", "openai", 100, False, 200, None, "ann", 2.0, True),
        ("gpt-4o", "openai", None, True, 429, None, "bob", 1.0, None),
    ]
    query = (
        'SELECT model, provider, input_tokens, failed, status, error, "user", latency_s, '
        "streamed FROM requests ORDER BY arrival_ns"
    )
    for content in (sheet(rows), lines(rows), sheet([dict(reversed(row.items())) for row in rows])):
        found = table(tmp_path, content)
        assert (found.format, found.relative, found.rows(query)) == ("timed", False, wanted)
    seconds = [
        {name: cell for name, cell in row.items() if name not in ("time", "end")}
        | {"arrival_s": number, "latency_s": 2 - number}
        for number, row in enumerate(rows)
    ]
    found = table(tmp_path, sheet(seconds))
    assert (found.format, found.relative, found.rows(query)) == ("plain", True, wanted)


@pytest.mark.parametrize(
    "name", ["bedrock", "cloudflare", "logfire", "openrouter_activity", "aiperf"]
)
def test_rows_of_nothing_are_told_and_no_fault(tmp_path: Path, name: str) -> None:
    """A format asked for by name reads what has nothing of it as rows without use."""
    path = tmp_path / "log.jsonl"
    path.write_text(lines([{"a": 1}, {}]))
    with pytest.raises(TraceError, match=r"no rows|it has no"):
        read([path], ReadOptions(format=name))
