"""Spans as flat fields, out of whatever holds them: OTLP's requests in both spellings, exporters'
lines, rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simroute.traces.dialects import PREFIXES
from simroute.traces.raw_text import Record

SPAN = (
    "span",
    "around",
    "time",
    "end",
    "duration",
    "code",
    "is_exception",
    "exception",
    "first_at",
    "row_kind",
    "gen_ai",
)
"""Fields of the span itself, beside its attributes. span, around: its own id and that of the span
around it. code: of its status. exception: the type of its exception. first_at: when its first token
came. gen_ai: whether any attribute is of a known dialect."""

FIRST_TOKEN_EVENTS = {
    "First Token Stream Event",
    "ai.stream.firstChunk",
    "llm.content.completion.chunk",
    "gen_ai.content.completion.chunk",
}
"""Names of events of a first token; the earliest counts."""

START_FIELDS = (
    "startTimeUnixNano",
    "start_time_unix_nano",
    "start_timestamp",
    "start_time",
    "startTime",
)
END_FIELDS = ("endTimeUnixNano", "end_time_unix_nano", "end_timestamp", "end_time", "endTime")
SPAN_KINDS = {
    "LLM",
    "EMBEDDING",
    "CHAIN",
    "TOOL",
    "AGENT",
    "RETRIEVER",
    "RERANKER",
    "GUARDRAIL",
    "EVALUATOR",
    "PROMPT",
    "DECISION",
}
"""Kinds of OpenInference, which Phoenix exports beside the attributes."""
HOLDERS = (
    "resourceSpans",
    "resource_spans",
    "scopeSpans",
    "scope_spans",
    "instrumentationLibrarySpans",
    "spans",
    "data",
    "rows",
    "result",
)
MAX_DEPTH = 10


def unfold(record: Record) -> Iterator[Record]:
    """The spans in a record, each with its attributes as fields; one empty record where there are
    none, as in metrics and logs."""
    spans = [_flatten_span(*item) for item in _find_spans(record, {}, 0)]
    return iter(spans or [{}])


def _find_spans(holder: Record, resource: Record, depth: int) -> Iterator[tuple[Record, Record]]:
    """(span, attributes of its resource)."""
    if isinstance(resource_attributes := holder.get("resource"), dict):
        resource = flat_attributes(resource_attributes.get("attributes", resource_attributes))
    if _first_value(holder, *START_FIELDS) is not None or {"spanId", "span_id"} & holder.keys():
        yield holder, resource
        return
    within = next(
        (holder[name] for name in HOLDERS if isinstance(holder.get(name), list | dict)), None
    )
    if within is None and isinstance(columns := holder.get("columns"), list):
        within = list(_column_rows(columns))
    for item in [within] if isinstance(within, dict) else within or ():
        if isinstance(item, dict) and depth < MAX_DEPTH:
            yield from _find_spans(item, resource, depth + 1)


def _column_rows(columns: list[Any]) -> Iterator[Record]:
    """Columns, each with its values, as rows."""
    values = {
        str(column.get("name")): column["values"]
        for column in columns
        if isinstance(column, dict) and isinstance(column.get("values"), list)
    }
    return (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=False))


def _flatten_span(span: Record, resource: Record) -> Record:
    fields = {
        name.removeprefix("attributes."): value for name, value in span.items() if "." in name
    } | flat_attributes(span.get("attributes"))
    context = context_value if isinstance(context_value := span.get("context"), dict) else {}
    trace_id = _first_value(span, "traceId", "trace_id", "context.trace_id") or _first_value(
        context, "trace_id", "traceId"
    )
    span_id = _first_value(span, "spanId", "span_id", "context.span_id") or _first_value(
        context, "span_id", "spanId"
    )
    parent_id = _first_value(span, "parentSpanId", "parent_span_id", "parent_id", "parentId")
    status = span.get("status")
    code = (
        _first_value(status, "code", "status_code", "statusCode")
        if isinstance(status, dict)
        else status
    )
    events = _first_list(span.get("events"), span.get("otel_events"))
    first_times = [
        time
        for event in events
        if event.get("name", event.get("event_name")) in FIRST_TOKEN_EVENTS
        for time in [_event_time(event)]
        if time is not None
    ]
    service = _first_value(span, "service_name") or flat_attributes(
        span.get("otel_resource_attributes")
    ).get("service.name")
    if str(span.get("span_kind")).upper() in SPAN_KINDS:
        fields.setdefault("openinference.span.kind", span["span_kind"])
    if span.get("http_response_status_code") is not None:
        fields.setdefault("http.response.status_code", span["http_response_status_code"])
    return fields | {
        "service.name": service or resource.get("service.name") or fields.get("service.name"),
        "span": f"{trace_id}:{span_id}" if span_id else None,
        "around": f"{trace_id}:{parent_id}" if parent_id else None,
        "time": _first_value(span, *START_FIELDS),
        "end": _first_value(span, *END_FIELDS),
        "duration": span.get("duration"),
        "code": code if code is not None else _first_value(span, "otel_status_code", "status_code"),
        "is_exception": span.get("is_exception"),
        "exception": span.get("exception_type")
        or next(filter(None, map(_exception_type, events)), None)
        or fields.get("exception.type"),
        "first_at": min(first_times, key=str, default=None),
        "row_kind": span.get("kind"),
        "gen_ai": True if any(name.startswith(PREFIXES) for name in fields) else None,
    }


def _first_value(holder: Record, *names: str) -> Any:
    """The value of the first of these names that has one."""
    return next((holder[name] for name in names if holder.get(name) not in (None, "")), None)


def _first_list(*values: Any) -> list[Record]:
    """The objects in the first of these values that is a list, or a list as text."""
    for value in values:
        items = parse_json(value)
        if isinstance(items, list):
            return [item for item in items if isinstance(item, dict)]
    return []


def _event_time(event: Record) -> Any:
    return _first_value(
        event, "timeUnixNano", "time_unix_nano", "timestamp", "event_timestamp", "time"
    )


def _exception_type(event: Record) -> Any:
    fields = flat_attributes(event.get("attributes"))
    return (
        fields.get("exception.type") or event.get("exception_type") or event.get("exception.type")
    )


def parse_json(value: Any) -> Any:
    """The value in a text of JSON; anything else as it is."""
    for _ in range(2):  # a cell may hold a text that holds an object
        if not isinstance(value, str) or value[:1] not in ("{", "[", '"'):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


def flat_attributes(value: Any) -> Record:
    """Attributes as one flat mapping, from [{key, value: {stringValue: …}}] or an object, nested or
    flat, or either as text."""
    value = parse_json(value)
    if isinstance(value, list):
        value = {
            str(item.get("key")): _plain_value(item.get("value"))
            for item in value
            if isinstance(item, dict)
        }
    return dict(_flatten(value, "", 0)) if isinstance(value, dict) else {}


def _flatten(mapping: Record, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in mapping.items():
        yield f"{prefix}{name}", value
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flatten(value, f"{prefix}{name}.", depth + 1)


def _plain_value(value: Any, depth: int = 0) -> Any:
    """The value in {stringValue: …}, {int_value: …} …; lists and objects too."""
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return value
    if len(value) == 1:
        (name, inner), *_ = value.items()
        kind = str(name).replace("_", "").lower()
        if kind in ("arrayvalue", "kvlistvalue"):
            values = inner.get("values") if isinstance(inner, dict) else None
            items = (
                [item for item in values if isinstance(item, dict)]
                if isinstance(values, list)
                else []
            )
            return (
                [_plain_value(item, depth + 1) for item in items]
                if kind == "arrayvalue"
                else {
                    str(item.get("key")): _plain_value(item.get("value"), depth + 1)
                    for item in items
                }
            )
        if kind.endswith("value"):
            return inner
    return value or None
