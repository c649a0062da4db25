"""OpenTelemetry's spans in OTLP's JSON: figures worked out by hand from spans in the shape of the
conventions, with their older names too."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from figures import figures, lines, near, table
from simroute.traces import TraceError
from simroute.traces.detection import ReadOptions
from simroute.traces.importer import read

START = 1_780_000_000_000_000_000  # 2026-05-28 20:26:40 UTC
MS = 1_000_000


def value(plain: Any) -> dict[str, Any]:
    """As OTLP writes it in JSON: whole numbers are texts."""
    match plain:
        case bool():
            return {"boolValue": plain}
        case int():
            return {"intValue": str(plain)}
        case float():
            return {"doubleValue": plain}
        case list():
            return {"arrayValue": {"values": [value(one) for one in plain]}}
    return {"stringValue": plain}


def span(
    number: int, after_ms: int, took_ms: int, code: int = 0, **attributes: Any
) -> dict[str, Any]:
    """A span; `__` in a name stands for a full stop."""
    named = {name.replace("__", "."): plain for name, plain in attributes.items()}
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "parentSpanId": "00000000000000ff",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(START + after_ms * MS),
        "endTimeUnixNano": str(START + (after_ms + took_ms) * MS),
        "attributes": [{"key": name, "value": value(plain)} for name, plain in named.items()],
        "status": {"code": code, "message": "my secret prompt"} if code else {},
    }


def export(*spans: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    """A request of an exporter."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}
        ]
    }


AGENT = span(
    1,
    0,
    9000,
    gen_ai__operation__name="invoke_agent",
    gen_ai__agent__name="helper",
    gen_ai__request__model="gpt-4o",
    gen_ai__usage__input_tokens=1500,
    gen_ai__usage__output_tokens=150,
)
TOOL = span(2, 2500, 100, gen_ai__operation__name="execute_tool", gen_ai__tool__name="search")
WEB = span(3, 10, 5, http__request__method="POST")
CHAT = span(
    4,
    500,
    2000,
    gen_ai__operation__name="chat",
    gen_ai__provider__name="openai",
    gen_ai__request__model="gpt-4o",
    gen_ai__response__model="gpt-4o-2024-08-06",
    gen_ai__request__stream=True,
    gen_ai__response__time_to_first_chunk=0.25,
    gen_ai__usage__input_tokens=500,
    gen_ai__usage__cache_read__input_tokens=128,
    gen_ai__usage__output_tokens=50,
    gen_ai__response__finish_reasons=["stop"],
    gen_ai__conversation__id="c1",
    user__id="ann",
    gen_ai__input__messages="my secret prompt",
)
OLD = span(
    5,
    3000,
    3000,
    gen_ai__system="anthropic",
    gen_ai__request__model="claude-3-opus",
    gen_ai__usage__prompt_tokens=100,
    gen_ai__usage__cache_read_input_tokens=880,
    gen_ai__usage__cache_creation_input_tokens=20,
    gen_ai__usage__completion_tokens=100,
    llm__usage__total_tokens=1100,
    gen_ai__conversation__id="c1",
    gen_ai__prompt__0__content="my secret prompt",
)
FAILED = span(
    6,
    7000,
    1000,
    2,
    gen_ai__operation__name="chat",
    gen_ai__provider__name="openai",
    gen_ai__request__model="gpt-4o",
    error__type="429",
    enduser__id="bob",
)
EMBED = span(
    7,
    8500,
    80,
    gen_ai__operation__name="embeddings",
    gen_ai__provider__name="openai",
    gen_ai__request__model="text-embedding-3-small",
    gen_ai__usage__input_tokens=8,
    simroute__cost_usd=0.0001,
    simroute__attempts=2,
    simroute__cached="no",
)

FIGURES = {
    "format": "otel",
    "requests": 4,
    "skipped": {"span that is no call of a model": 2, "span without gen_ai attributes": 1},
    "first": "2026-05-28 20:26:40.500",
    "last": "2026-05-28 20:26:48.500",
    "input": 500 + 1000 + 8,
    "cached": 128 + 880,
    "written": 20,
    "output": 50 + 100 + 0,
    "cost": 0.0001,
    "attempts": 2,
    "failed": 1,
    "users": 2,
    "sessions": 1,
    "models": 4,
    "latency": (2 + 3 + 1 + 0.08) / 4,
    "ttft": 0.25,
}

WHOLE = export(EMBED, FAILED, OLD, TOOL, WEB, CHAT, AGENT)
APART = [export(one) for one in (EMBED, FAILED, OLD, TOOL, WEB, CHAT, AGENT)]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(WHOLE),
        json.dumps(WHOLE, indent=2),
        lines(APART),
        json.dumps(APART),
        gzip.compress(lines(APART).encode()),
    ],
    ids=["document", "indented", "one a line", "array", "gzip"],
)
def test_calls_of_models_are_read_from_spans_and_no_others(
    tmp_path: Path, content: str | bytes
) -> None:
    """An agent's span sums up its calls and is none; 100 tokens of 1,100 in all exclude 880 and 20
    of the cache."""
    assert figures(table(tmp_path, content)) == near(FIGURES)


def test_what_the_attributes_tell(tmp_path: Path) -> None:
    """Old names for the provider, a status that is an error's type, the service; no text of a
    prompt or a status."""
    found = table(tmp_path, json.dumps(WHOLE))
    assert found.rows(
        "SELECT provider, model, streamed, failed, status, error, feature, cached FROM requests"
    ) == [
        ("openai", "gpt-4o-2024-08-06", True, False, None, None, "shop", None),
        ("anthropic", "claude-3-opus", None, False, None, None, "shop", None),
        ("openai", "gpt-4o", None, True, 429, None, "shop", None),
        ("openai", "text-embedding-3-small", None, False, None, None, "shop", "no"),
    ]
    assert "secret" not in str(found.rows("SELECT * FROM requests"))


def test_a_named_error_is_kept_and_a_message_is_not(tmp_path: Path) -> None:
    """error.type should be a class, but some libraries write what was said."""
    errors = ["openai.RateLimitError", "rate limit on my secret prompt"]
    spans = [
        span(n, n, 10, 2, gen_ai__request__model="m", error__type=error)
        for n, error in enumerate(errors)
    ]
    assert table(tmp_path, json.dumps(export(*spans))).rows("SELECT error FROM requests") == [
        ("openai.RateLimitError",),
        (None,),
    ]


def test_spans_that_are_no_calls_are_no_errors_of_the_file(tmp_path: Path) -> None:
    """Strict reading stops at a call without tokens, not at an agent, a tool or a line of metrics
    before it."""
    path = tmp_path / "spans"
    path.write_text(lines([export(AGENT, TOOL, WEB), {"resourceMetrics": []}, export(CHAT)]))
    assert read([path], ReadOptions(strict=True)).requests == 1
    path.write_text(
        lines([export(AGENT), export(CHAT), export(span(9, 0, 1, gen_ai__request__model="m"))])
    )
    with pytest.raises(TraceError, match="row 3: no token counts"):
        read([path], ReadOptions(strict=True))


@pytest.mark.parametrize(
    "broken",
    [
        {"resourceSpans": None},
        {"resourceSpans": [1, {"scopeSpans": [{"spans": [None, 3]}]}]},
        {
            "resourceSpans": [
                {
                    "resource": 1,
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "attributes": [{"key": "gen_ai.x"}, {"value": {}}],
                                    "status": "bad",
                                }
                            ]
                        }
                    ],
                }
            ]
        },
    ],
)
def test_spans_of_another_shape_cost_no_more_than_themselves(
    tmp_path: Path, broken: dict[str, Any]
) -> None:
    """The call after them is read."""
    assert table(tmp_path, lines([broken, export(CHAT)])).requests == 1
