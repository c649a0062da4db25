"""Spans of OpenInference, Vercel's AI SDK, OpenLLMetry, LiteLLM and Logfire in the forms that their
exporters write: figures worked out by hand."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, table
from hostile import VALUES
from simroute.traces import ReadOptions, TraceError, read
from simroute.traces.analysis.profile import summarize
from simroute.traces.dialects import FIELDS
from simroute.traces.nesting import WRAPPER

START = 1_785_000_000_000_000_000  # 2026-07-25 17:20:00 UTC
MS = 1_000_000
OTHER = "span that is no call of a model"
Span = dict[str, Any]


def span(
    number: int,
    name: str,
    after_ms: int,
    took_ms: int,
    told: dict[str, Any],
    inside: int | None = None,
    **more: Any,
) -> Span:
    """A span as plain data: ids, times in nanoseconds, attributes as an object."""
    return {
        "trace": "5b8efff798038103d269b633813fc60c",
        "span": f"{number:016x}",
        "inside": None if inside is None else f"{inside:016x}",
        "name": name,
        "begins": START + after_ms * MS,
        "ends": START + (after_ms + took_ms) * MS,
        "told": told,
        "code": 0,
        "events": [],
        **more,
    }


def boxed(value: Any, snake: bool = False) -> dict[str, Any]:
    """A value as OTLP writes it in JSON."""
    kind = {bool: "bool", int: "int", float: "double", list: "array"}.get(type(value), "string")
    if kind == "array":
        value = {"values": [boxed(one, snake) for one in value]}
    return {f"{kind}_value" if snake else f"{kind}Value": str(value) if kind == "int" else value}


def listed(told: dict[str, Any], snake: bool = False) -> list[dict[str, Any]]:
    return [{"key": name, "value": boxed(value, snake)} for name, value in told.items()]


def camel(one: Span) -> dict[str, Any]:
    """A span of OTLP."""
    return {
        "traceId": one["trace"],
        "spanId": one["span"],
        **({"parentSpanId": one["inside"]} if one["inside"] else {}),
        "name": one["name"],
        "kind": 3,
        "startTimeUnixNano": str(one["begins"]),
        "endTimeUnixNano": str(one["ends"]),
        "attributes": listed(one["told"]),
        "status": {"code": one["code"], "message": "my secret prompt"} if one["code"] else {},
        "events": [
            {"name": name, "timeUnixNano": str(at), "attributes": listed(told)}
            for name, at, told in one["events"]
        ],
    }


def snake(one: Span) -> dict[str, Any]:
    """The same as protobuf's own names write it."""
    return {
        "trace_id": one["trace"],
        "span_id": one["span"],
        "parent_span_id": one["inside"] or "",
        "name": one["name"],
        "start_time_unix_nano": str(one["begins"]),
        "end_time_unix_nano": str(one["ends"]),
        "attributes": listed(one["told"], True),
        "status": {"code": "STATUS_CODE_ERROR"} if one["code"] else {},
        "events": [
            {"name": name, "time_unix_nano": str(at), "attributes": listed(told, True)}
            for name, at, told in one["events"]
        ],
    }


def date(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def nested(told: dict[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} as {"a": {"b": 1}}; a name that is also the beginning of another stays as it
    is."""
    made: dict[str, Any] = {}
    for name, value in told.items():
        if any(other.startswith(f"{name}.") for other in told):
            made[name] = value
            continue
        *path, last = name.split(".")
        held = made
        for part in path:
            held = held.setdefault(part, {})
        held[last] = value
    return made


def console(one: Span, service: str = "shop", deep: bool = False) -> dict[str, Any]:
    """A span as Python's console exporter writes it, with dates and objects."""
    return {
        "name": one["name"],
        "context": {"trace_id": one["trace"], "span_id": one["span"]},
        "kind": "SpanKind.CLIENT",
        "parent_id": one["inside"],
        "start_time": date(one["begins"]),
        "end_time": date(one["ends"]),
        "status": {"status_code": "ERROR" if one["code"] else "UNSET"},
        "attributes": nested(one["told"]) if deep else one["told"],
        "resource": {"attributes": {"service.name": service}},
        "events": [
            {"name": name, "timestamp": date(at), "attributes": told}
            for name, at, told in one["events"]
        ],
    }


def export(spans: list[Any], service: str = "shop") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": spans}]}
        ]
    }


def spelled(spans: list[Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"string_value": "shop"}}]}
    return {
        "resource_spans": [
            {"resource": resource, "scope_spans": [{"scope": {"name": "s"}, "spans": spans}]}
        ]
    }


FORMS = {
    "document": lambda spans: json.dumps(export(list(map(camel, spans)))),
    "export a line": lambda spans: lines(export([camel(one)]) for one in spans),
    "array of exports": lambda spans: json.dumps([export([camel(one)]) for one in spans]),
    "array of resources": lambda spans: json.dumps(
        [export([camel(one)])["resourceSpans"][0] for one in spans]
    ),
    "snake case": lambda spans: json.dumps(spelled(list(map(snake, spans)))),
    "snake case, one a line": lambda spans: lines(spelled([snake(one)]) for one in spans),
    "span a line": lambda spans: lines(console(one) for one in spans),
    "nested attributes": lambda spans: lines(console(one, deep=True) for one in spans),
    "console": lambda spans: "\n".join(json.dumps(console(one), indent=4) for one in spans),
    "attributes as text": lambda spans: lines(
        console(one) | {"attributes": json.dumps(one["told"])} for one in spans
    ),
    "last first": lambda spans: lines(console(one) for one in reversed(spans)),
}

TEXTS = {"input.value": "my secret prompt", "output.value": "my secret answer"}
LLM = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.system": "openai",
    "session.id": "s1",
    "user.id": "ann",
    **TEXTS,
}
OPENINFERENCE = [
    span(1, "agent", 0, 9000, {"openinference.span.kind": "AGENT", "session.id": "s1", **TEXTS}),
    span(2, "chain", 10, 8000, {"openinference.span.kind": "CHAIN"}, 1),
    span(  # 256 of 1000 were read from the cache, and are among them
        3,
        "ChatCompletion",
        500,
        2000,
        LLM
        | {
            "llm.model_name": "gpt-4o-2024-08-06",
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 100,
            "llm.token_count.total": 1100,
            "llm.token_count.prompt_details.cache_read": 256,
            "llm.token_count.completion_details.reasoning": 40,
            "llm.cost.total": 0.0035,
            "llm.cost.prompt": 0.0025,
            "llm.cost.completion": 0.001,
            "llm.invocation_parameters": json.dumps({"model": "gpt-4o", "stream": True}),
        },
        2,
        events=[("First Token Stream Event", START + 750 * MS, {})],
    ),
    span(4, "search", 2600, 100, {"openinference.span.kind": "TOOL", "tool.name": "search"}, 1),
    span(  # a prompt whose cached tokens stand beside it: more were read than sent
        5,
        "messages",
        3000,
        3000,
        LLM
        | {
            "llm.model_name": "claude-sonnet-4",
            "llm.provider": "anthropic",
            "llm.token_count.prompt": 20,
            "llm.token_count.completion": 50,
            "llm.token_count.prompt_details.cache_read": 400,
            "llm.token_count.prompt_details.cache_write": 80,
            "llm.cost.prompt": 0.001,
            "llm.cost.completion": 0.0005,
            "llm.invocation_parameters": json.dumps({"stream": False}),
        },
        1,
    ),
    span(  # it failed: the model that was asked for, and the class of what was raised
        6,
        "ChatCompletion",
        7000,
        1000,
        LLM | {"llm.model_name": "gpt-4o", "llm.invocation_parameters": "{}"},
        1,
        code=2,
        events=[
            (
                "exception",
                START + 8000 * MS,
                {
                    "exception.type": "openai.RateLimitError",
                    "exception.message": "my secret prompt",
                },
            )
        ],
    ),
    span(
        7,
        "CreateEmbeddings",
        8500,
        100,
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "text-embedding-3-small",
            "llm.token_count.prompt": 8,
            "llm.token_count.total": 8,
            "embedding.embeddings.0.embedding.text": "my secret prompt",
        },
    ),
]
FIGURES = {
    "format": "otel",
    "requests": 4,
    "skipped": {OTHER: 3},
    "first": "2026-07-25 17:20:00.500",
    "last": "2026-07-25 17:20:08.500",
    "input": 1000 + 500 + 8,
    "cached": 256 + 400,
    "written": 80,
    "output": 150,
    "cost": 0.005,
    "attempts": None,
    "failed": 1,
    "users": 1,
    "sessions": 1,
    "models": 4,
    "latency": (2 + 3 + 1 + 0.1) / 4,
    "ttft": 0.25,
}


@pytest.mark.parametrize("form", FORMS)
def test_openinference_is_read_alike_from_every_form(tmp_path: Path, form: str) -> None:
    """Agents, chains and tools are no calls; a prompt's cached tokens are added only where they
    cannot be in it."""
    found = table(tmp_path, FORMS[form](OPENINFERENCE))
    assert figures(found) == near(FIGURES)
    assert "secret" not in str(found.rows("SELECT * FROM requests"))
    assert found.rows(
        "SELECT model, requested_model, streamed, failed, status, error, task, feature FROM "
        "requests ORDER BY arrival_ns"
    ) == [
        ("gpt-4o-2024-08-06", "gpt-4o", True, False, None, None, None, "shop"),
        ("claude-sonnet-4", "claude-sonnet-4", False, False, None, None, None, "shop"),
        ("gpt-4o", "gpt-4o", None, True, 429, "openai.RateLimitError", None, "shop"),
        (
            "text-embedding-3-small",
            "text-embedding-3-small",
            None,
            False,
            None,
            None,
            "embedding",
            "shop",
        ),
    ]


def test_phoenixs_exports_are_read(tmp_path: Path) -> None:
    """Its API wraps spans in `data`, its data frames have a column for each attribute; both have
    the kind of a span beside them."""

    def told(one: Span) -> Span:
        return {
            "id": "x",
            "name": one["name"],
            "context": {"trace_id": one["trace"], "span_id": one["span"]},
            "parent_id": one["inside"],
            "span_kind": one["told"]["openinference.span.kind"],
            "start_time": date(one["begins"]),
            "end_time": date(one["ends"]),
            "status_code": "ERROR" if one["code"] else "OK",
            "status_message": "my secret prompt",
            "events": [
                {"name": name, "timestamp": date(at), "attributes": more}
                for name, at, more in one["events"]
            ],
            "attributes": {
                name: value
                for name, value in one["told"].items()
                if name != "openinference.span.kind"
            },
        }

    assert figures(
        table(tmp_path, json.dumps({"data": list(map(told, OPENINFERENCE)), "next_cursor": None}))
    ) == near(FIGURES)
    frame = [
        {
            "name": one["name"],
            "span_kind": one["told"]["openinference.span.kind"],
            "parent_id": one["inside"],
            "start_time": date(one["begins"]),
            "end_time": date(one["ends"]),
            "status_code": "ERROR" if one["code"] else "OK",
            "context.span_id": one["span"],
            "context.trace_id": one["trace"],
            "events": json.dumps(
                [{"name": name, "timestamp": date(at)} for name, at, _ in one["events"]]
            ),
            **{f"attributes.{name}": value for name, value in one["told"].items()},
        }
        for one in OPENINFERENCE
    ]
    for content in (lines(frame), sheet(frame)):
        assert figures(table(tmp_path, content)) == near(FIGURES)


def sheet(rows: list[dict[str, Any]]) -> str:
    """CSV with what any row has; objects as JSON."""
    names, made = list(dict.fromkeys(name for row in rows for name in row)), io.StringIO()
    writer = csv.writer(made)
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow(
            [
                json.dumps(cell) if isinstance(cell, dict | list) else "" if cell is None else cell
                for cell in cells
            ]
        )
    return made.getvalue()


def vercel(operation: str, **told: Any) -> dict[str, Any]:
    return {
        "operation.name": f"{operation} chat",
        "ai.operationId": operation,
        "ai.model.id": "gpt-4o-mini",
        "ai.model.provider": "openai.responses",
        "ai.telemetry.functionId": "chat",
        "ai.prompt": "my secret prompt",
        **{name.replace("__", "."): value for name, value in told.items()},
    }


DONE = {
    "gen_ai.system": "openai.responses",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "ai.usage.inputTokens": 100,
    "ai.usage.outputTokens": 20,
    "ai.usage.totalTokens": 120,
    "ai.usage.cachedInputTokens": 64,
    "ai.usage.reasoningTokens": 5,
}
ASKED = {"gen_ai.system": "openai.responses", "gen_ai.request.model": "gpt-4o-mini"}
WHO = {"ai__telemetry__metadata__userId": "ann", "ai__telemetry__metadata__sessionId": "s1"}
RAISED = (
    "exception",
    START + 2000 * MS,
    {"exception.type": "AI_APICallError", "exception.message": "my secret prompt"},
)
VERCEL = [
    span(
        1,
        "ai.streamText",
        0,
        5000,
        vercel("ai.streamText", ai__usage__inputTokens=200, ai__usage__outputTokens=40, **WHO),
    ),
    span(
        2,
        "ai.streamText.doStream",
        0,
        2000,
        vercel("ai.streamText.doStream", **DONE, ai__response__msToFirstChunk=250.0),
        1,
    ),
    span(3, "ai.toolCall", 2000, 10, vercel("ai.toolCall", ai__toolCall__name="search"), 1),
    span(
        4,
        "ai.streamText.doStream",
        2100,
        1000,
        vercel("ai.streamText.doStream", **DONE, ai__response__msToFirstChunk=350.0),
        1,
    ),
    span(
        5,
        "ai.generateText",
        6000,
        3000,
        vercel("ai.generateText", ai__telemetry__metadata__userId="bob"),
        code=2,
    ),
    span(
        6,
        "ai.generateText.doGenerate",
        6000,
        1000,
        vercel("ai.generateText.doGenerate", **ASKED),
        5,
        code=2,
        events=[RAISED],
    ),
    span(
        7, "ai.generateText.doGenerate", 7500, 1500, vercel("ai.generateText.doGenerate", **DONE), 5
    ),
    span(
        8,
        "ai.embedMany",
        9500,
        100,
        {**vercel("ai.embedMany", ai__usage__tokens=30), "ai.model.id": "text-embedding-3-small"},
    ),
    span(
        9,
        "ai.embedMany.doEmbed",
        9500,
        40,
        {
            **vercel("ai.embedMany.doEmbed", ai__usage__tokens=10),
            "ai.model.id": "text-embedding-3-small",
        },
        8,
    ),
    span(
        10,
        "ai.embedMany.doEmbed",
        9540,
        60,
        {
            **vercel("ai.embedMany.doEmbed", ai__usage__tokens=20),
            "ai.model.id": "text-embedding-3-small",
        },
        8,
    ),
]


@pytest.mark.parametrize("form", FORMS)
def test_vercels_calls_count_once_and_know_who_asked(tmp_path: Path, form: str) -> None:
    """What a function adds up is in its calls; its user and session are theirs; a retry has a span;
    an embedding has no answer."""
    found = table(tmp_path, FORMS[form](VERCEL))
    assert figures(found) == near(
        {
            "format": "otel",
            "requests": 6,
            "skipped": {OTHER: 4},
            "first": "2026-07-25 17:20:00.000",
            "last": "2026-07-25 17:20:09.540",
            "input": 300 + 30,
            "cached": 192,
            "output": 60,
            "cost": None,
            "attempts": None,
            "failed": 1,
            "users": 2,
            "sessions": 1,
            "models": 3,
            "latency": (2 + 1 + 1 + 1.5 + 0.04 + 0.06) / 6,
            "ttft": 0.3,
        }
    )
    assert found.rows(
        'SELECT "user", session, streamed, failed, requested_model, feature FROM requests WHERE '
        "task IS NULL ORDER BY arrival_ns"
    ) == [
        ("ann", "s1", True, False, "gpt-4o-mini", "chat"),
        ("ann", "s1", True, False, "gpt-4o-mini", "chat"),
        ("bob", None, False, True, "gpt-4o-mini", "chat"),
        ("bob", None, False, False, "gpt-4o-mini", "chat"),
    ]
    assert (summarize(found)["embeddings"], summarize(found)["embedding_tokens"]) == (2, 30)


def test_vercels_spans_by_the_conventions_count_once(tmp_path: Path) -> None:
    """Its newer spans: an agent, steps, calls within; an embedding has an outer span without usage,
    which is no broken call either."""
    embeds = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
    }
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    }
    used = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    spans = [
        span(
            1,
            "invoke_agent gpt-4o",
            0,
            3000,
            chat | used | {"gen_ai.operation.name": "invoke_agent"},
        ),
        span(2, "step 1", 0, 2000, {"gen_ai.operation.name": "agent_step"}, 1),
        span(
            3,
            "chat gpt-4o",
            0,
            1900,
            chat | used | {"gen_ai.client.operation.time_to_first_chunk": 0.4},
            2,
        ),
        span(4, "embeddings", 4000, 120, embeds),
        span(5, "embeddings", 4010, 100, embeds | {"gen_ai.usage.input_tokens": 8}, 4),
    ]
    path = tmp_path / "log"
    path.write_text(FORMS["document"](spans))
    found = read([path], ReadOptions(strict=True))
    assert (found.requests, found.skipped) == (2, {OTHER: 2, WRAPPER: 1})
    assert found.rows(
        "SELECT sum(input_tokens)::INT, sum(output_tokens)::INT, max(ttft_s), max(latency_s) "
        "FROM requests"
    ) == [(108, 20, 0.4, 1.9)]


@pytest.mark.parametrize("form", ["document", "last first", "span a line"])
def test_a_call_that_two_libraries_trace_counts_once_and_a_call_of_its_tool_counts_too(
    tmp_path: Path, form: str
) -> None:
    """The outer one is left out, also with a client's HTTP span between them; what a tool within a
    call asks is another call."""

    def chat(**more: Any) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            **{name.replace("__", "."): value for name, value in more.items()},
        }

    spans = [
        span(1, "ChatOpenAI", 0, 3000, chat(user__id="ann")),
        span(2, "POST", 10, 2900, {"http.request.method": "POST"}, 1),
        span(3, "openai.chat", 20, 2800, chat(), 2),
        span(4, "execute_tool", 100, 900, {"gen_ai.operation.name": "execute_tool"}, 3),
        span(5, "openai.chat", 110, 800, chat(), 4),
    ]
    found = table(tmp_path, FORMS[form](spans))
    assert (found.requests, found.skipped[WRAPPER]) == (2, 1)
    assert found.rows('SELECT latency_s, "user" FROM requests ORDER BY 1') == [
        (0.8, "ann"),
        (2.8, "ann"),
    ]


def test_spans_named_by_their_format_may_begin_with_others(tmp_path: Path) -> None:
    """A file of a collector whose first spans are no calls is read by name as well."""
    path = tmp_path / "log"
    path.write_text(
        FORMS["document"](
            [
                *(span(number, "GET", 0, 1, {"http.method": "GET"}) for number in range(30)),
                span(90, "chat", 0, 5, CHAT),
            ]
        )
    )
    assert read([path], ReadOptions(format="otel")).requests == 1


def test_spans_around_each_other_in_a_circle_are_calls_no_more(tmp_path: Path) -> None:
    """A log that nobody can have written ends, with each of them left out as one around another."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 1,
    }
    found = table(
        tmp_path,
        FORMS["document"](
            [span(1, "a", 0, 9, told, 2), span(2, "b", 0, 9, told, 1), span(3, "c", 5, 9, told)]
        ),
    )
    assert (found.requests, found.skipped) == (1, {WRAPPER: 2})


def test_openllmetry_tells_streams_users_and_workflows(tmp_path: Path) -> None:
    """Workflows and tools are no calls, association properties name who asked, on a workflow's span
    alone too; a first chunk is an event."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 300,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.total_tokens": 330,
        "traceloop.workflow.name": "answer",
        "gen_ai.usage.cache_read.input_tokens": 128,
        "gen_ai.input.messages": "my secret prompt",
    }
    prop = "traceloop.association.properties"
    old = {
        "llm.request.type": "chat",
        "gen_ai.system": "Anthropic",
        "gen_ai.request.model": "claude-3-opus",
        "gen_ai.usage.prompt_tokens": 10,
        "gen_ai.usage.completion_tokens": 4,
        "llm.usage.total_tokens": 14,
        "llm.is_streaming": False,
        "llm.user": "cid",
    }
    spans = [
        span(
            1,
            "answer.workflow",
            0,
            5000,
            {
                "traceloop.span.kind": "workflow",
                "traceloop.entity.name": "answer",
                f"{prop}.team_id": "t1",
            },
        ),
        span(
            2,
            "openai.chat",
            100,
            2000,
            told
            | {"gen_ai.is_streaming": True, f"{prop}.user_id": "ann", f"{prop}.session_id": "s1"},
            1,
            events=[
                ("llm.content.completion.chunk", START + 400 * MS, {}),
                ("llm.content.completion.chunk", START + 300 * MS, {}),
            ],
        ),
        span(3, "search.tool", 2200, 50, {"traceloop.span.kind": "tool"}, 1),
        span(4, "anthropic.chat", 2500, 1000, old, 1),
        span(
            5,
            "openai.embeddings",
            4000,
            100,
            {
                "llm.request.type": "embedding",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.prompt_tokens": 6,
            },
            1,
        ),
    ]
    found = table(tmp_path, FORMS["document"](spans))
    assert found.rows(
        'SELECT streamed, ttft_s, "user", team, session, feature, input_tokens, cached_tokens, '
        "output_tokens, task FROM requests"
        " ORDER BY arrival_ns"
    ) == [
        (True, pytest.approx(0.2), "ann", "t1", "s1", "answer", 300, 128, 30, None),
        (False, None, "cid", "t1", None, "shop", 10, None, 4, None),
        (None, None, None, "t1", None, "shop", 6, None, 0, "embedding"),
    ]


def test_litellms_callback_tells_money_teams_and_codes(tmp_path: Path) -> None:
    """What it writes as text is read, None and blanks are nothing, and the raw request within a
    call is none."""
    told = {
        "metadata.user_api_key_team_id": "t1",
        "metadata.user_api_key_end_user_id": "",
        "metadata.user_api_key_user_id": "ann",
        "hidden_params": json.dumps({"response_cost": 0.02}),
        "gen_ai.request.model": "gpt-4o",
        "llm.request.type": "acompletion",
        "gen_ai.system": "openai",
        "llm.is_streaming": "True",
        "gen_ai.operation.name": "acompletion",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.total_tokens": 120,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.input_tokens": 100,
    }
    failed = {
        name: value
        for name, value in told.items()
        if "usage" not in name and "response.model" not in name
    } | {
        "error.code": "429",
        "error.type": "RateLimitError",
        "error.message": "my secret prompt",
        "llm.is_streaming": "False",
        "hidden_params": "{}",
        "metadata.user_api_key_end_user_id": "bob",
    }
    spans = [
        span(1, "Received Proxy Server Request", 0, 2100, {"http.method": "POST"}),
        span(2, "litellm_request", 10, 2000, told | {"gen_ai.cost.total_cost": 0.01}, 1),
        span(
            3,
            "raw_gen_ai_request",
            20,
            1900,
            {"llm.openai.messages": "my secret prompt", "llm.openai.model": "gpt-4o"},
            2,
        ),
        span(4, "Received Proxy Server Request", 3000, 500, failed, code=2),
        span(
            5,
            "Received Proxy Server Request",
            4000,
            500,
            told | {"metadata.user_api_key_team_id": "None"},
        ),
    ]
    found = table(tmp_path, FORMS["document"](spans))
    assert found.rows(
        'SELECT cost_usd, streamed, failed, status, error, "user", team FROM requests ORDER BY '
        "arrival_ns"
    ) == [
        (0.01, True, False, None, None, "ann", "t1"),
        (None, False, True, 429, "RateLimitError", "bob", "t1"),
        (0.02, True, False, None, None, "ann", None),
    ]


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.details.cached_tokens": 64,
    "operation.cost": 0.01,
}
RECORDS = [
    span(
        1,
        "agent run",
        0,
        4000,
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.usage.input_tokens": 100,
            "user.id": "ann",
        },
    ),
    span(2, "chat gpt-4o", 0, 2000, CHAT, 1),
    span(
        3,
        "chat gpt-4o",
        3000,
        500,
        {
            name: CHAT[name]
            for name in ("gen_ai.operation.name", "gen_ai.system", "gen_ai.request.model")
        },
        1,
        code=2,
        raised="openai.AuthenticationError",
    ),
    span(4, "chat gpt-4o", 5000, 10, CHAT, kind="pending_span"),
    span(5, "log", 6000, 0, {"logfire.msg": "hello"}, kind="log"),
]


def record(one: Span) -> dict[str, Any]:
    return {
        "kind": one.get("kind", "span"),
        "span_name": one["name"],
        "service_name": "assistant",
        "start_timestamp": date(one["begins"]),
        "end_timestamp": date(one["ends"]),
        "duration": (one["ends"] - one["begins"]) / 1e9,
        "trace_id": one["trace"],
        "span_id": one["span"],
        "parent_span_id": one["inside"],
        "is_exception": "raised" in one,
        "exception_type": one.get("raised"),
        "exception_message": "my secret prompt",
        "otel_status_code": "ERROR" if one["code"] else None,
        "attributes": one["told"],
    }


def columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": "Utf8", "nullable": True, "values": [row[name] for row in rows]}
        for name in rows[0]
    ]


ROWS = list(map(record, RECORDS))
ANSWERS = {
    "schema and data": lambda: json.dumps({"schema": {"fields": []}, "data": ROWS}),
    "columns and rows": lambda: json.dumps(
        {"columns": [{"name": name} for name in ROWS[0]], "rows": ROWS}
    ),
    "columns": lambda: json.dumps({"columns": columns(ROWS)}),
    "ndjson": lambda: lines(ROWS),
    "ndjson, attributes as text": lambda: lines(
        row | {"attributes": json.dumps(row["attributes"])} for row in ROWS
    ),
    "csv": lambda: sheet(ROWS),
    "csv without ends": lambda: sheet(
        [{name: cell for name, cell in row.items() if name != "end_timestamp"} for row in ROWS]
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_logfires_answers_are_read_alike(tmp_path: Path, answer: str) -> None:
    """An agent and a placeholder are no calls; a failed one is named by its exception; the agent's
    user asked."""
    found = table(tmp_path, ANSWERS[answer]())
    assert (found.format, found.requests) == ("logfire", 2)
    assert sum(found.skipped.values()) == 3
    assert found.rows(
        "SELECT input_tokens, cached_tokens, output_tokens, cost_usd, latency_s, failed, status, "
        'error, "user", feature,'
        " requested_model FROM requests ORDER BY arrival_ns"
    ) == [
        (100, 64, 20, 0.01, 2.0, False, None, None, "ann", "assistant", "gpt-4o"),
        (
            None,
            None,
            None,
            None,
            0.5,
            True,
            401,
            "openai.AuthenticationError",
            "ann",
            "assistant",
            "gpt-4o",
        ),
    ]


@pytest.mark.parametrize("form", ["document", "nested attributes"])
def test_no_value_of_an_attribute_breaks_the_reading(tmp_path: Path, form: str) -> None:
    """Every attribute of every dialect, and a span's own fields, hold each of these; the log is
    blamed or read, never the reader."""
    spans = []
    for start in range(0, len(VALUES), 3):
        told = {
            name: VALUES[(start + 7 * place) % len(VALUES)] for place, name in enumerate(FIELDS)
        }
        spans.append(
            span(
                start,
                "x",
                start,
                5,
                {name: value for name, value in told.items() if value is not None},
            )
        )
    spans.append(span(900, "chat", 0, 5, CHAT))
    assert table(tmp_path, FORMS[form](spans)).requests >= 1


@pytest.mark.parametrize(
    "name",
    [
        "attributes",
        "events",
        "status",
        "context",
        "resource",
        "start_time",
        "end_time",
        "parent_id",
    ],
)
def test_no_value_of_a_spans_own_field_breaks_the_reading(tmp_path: Path, name: str) -> None:
    """Each of them in the place of an object, a list, a date; a whole span is read beside them, or
    the times are refused."""
    path = tmp_path / "broken"
    path.write_text(
        lines([*(console(RECORDS[1]) | {name: value} for value in VALUES), console(RECORDS[1])])
    )
    if name in ("start_time", "end_time"):
        with pytest.raises(TraceError, match="are the times swapped"):
            read([path], ReadOptions(format="otel"))
    else:
        assert read([path], ReadOptions(format="otel")).requests > 0


@pytest.mark.parametrize(
    ("name", "want", "format"),
    [
        ("l03/vercel.json.gz", "want", "otel"),
        ("l04/openinference.json.gz", "want", "otel"),
        ("l09/litellm_otel.json.gz", "want_litellm", "otel"),
        ("l09/openllmetry.json.gz", "want_openllmetry", "otel"),
        ("l07/logfire.json.gz", "want", "logfire"),
        ("l07/logfire.csv.gz", "want", "logfire"),
        ("l02/activity.csv", "want", "openrouter_activity"),
    ],
)
def test_the_cases_have_their_totals(shared: Path, name: str, want: str, format: str) -> None:
    """Tokens exactly, money and seconds within 0.1 %; embeddings are counted apart."""
    path = shared / "cases" / name
    wanted = json.loads((path.parent / f"{want}.json").read_text(encoding="utf-8"))
    found = read([path])
    got = found.record(
        "SELECT count(*) AS requests, sum(input_tokens)::BIGINT AS input, "
        "coalesce(sum(cached_tokens), 0)::BIGINT AS cached,"
        " sum(output_tokens)::BIGINT AS output, coalesce(sum(cost_usd), 0) AS cost, count(*) "
        "FILTER (failed) AS failed,"
        " count(*) FILTER (streamed) AS streamed, avg(latency_s) AS lat, count(*) FILTER (error "
        "= 'cancelled') AS cancelled,"
        " avg(ttft_s) AS ttft, count(ttft_s) AS n_ttft FROM requests WHERE task IS NULL"
    )
    got |= dict(
        zip(
            ("embeddings", "embedding_tokens"),
            (summarize(found)[key] for key in ("embeddings", "embedding_tokens")),
            strict=True,
        )
    )
    real = {"cost", "lat", "ttft"}
    if name.startswith("l02"):
        wanted.pop("ttft")  # 0 there, where nothing was counted
    assert found.format == format
    assert {key: got[key] for key in wanted} == {
        key: pytest.approx(value, rel=1e-3) if key in real else value
        for key, value in wanted.items()
    }
