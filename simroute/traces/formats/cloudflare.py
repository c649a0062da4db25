"""Cloudflare AI Gateway's logs: its API's rows (in `result`, or bare) and what Logpush writes
(`ai_gateway_events`). Durations are ms, costs USD.

What the gateway's cache answered is told by `cached`; `success` and the status say whether a call
failed. An answer of `text/event-stream` was streamed; Logpush does not say. `metadata` is yours:
`user`, `team`, `session` and `feature`, also as user_id or userId, are read. Tokens of a provider's
cache, the time to the first token and the sends behind one answer (`step` is the part of a route
that answered) are not told, nor, but by Logpush, the model that was asked for. Logpush has tokens
among its `Metrics` only where the provider told them.
"""

from collections.abc import Iterator
from typing import Any

from simroute.traces.raw_text import Record
from simroute.traces.records import RecordSample
from simroute.traces.spans import parse_json

ABOUT = "Cloudflare AI Gateway logs (API answers as JSON or JSONL; Logpush)"
FIELDS = (
    "id",
    "created_at",
    "provider",
    "model",
    "requested",
    "path",
    "duration",
    "status_code",
    "success",
    "cached",
    "tokens_in",
    "tokens_out",
    "cost",
    "metadata",
    "request_type",
    "model_type",
    "response_content_type",
)
CLOCK = "utc"
SHEETS = True
EMBEDS = "coalesce(contains(lower(concat_ws(' ', request_type, model_type, path)), 'embed'), false)"
COLUMNS = {
    "time": "created_at",
    "request_id": "word(id)",
    "input_tokens": "whole(tokens_in)",
    "output_tokens": f"coalesce(whole(tokens_out), CASE WHEN {EMBEDS} THEN 0 END)",
    "provider": "word(provider)",
    "model": "coalesce(word(model), word(requested))",
    "requested_model": "word(requested)",
    "streamed": "CASE WHEN contains(response_content_type, 'event-stream') THEN true WHEN "
    "word(response_content_type) IS NOT NULL"
    " AND NOT coalesce(flag(cached), false) AND coalesce(flag(success), true) THEN false END",
    "failed": "NOT coalesce(flag(success), whole(status_code) BETWEEN 200 AND 399)",
    "status": "CASE WHEN whole(status_code) BETWEEN 100 AND 599 THEN whole(status_code) END",
    "latency_s": "num(duration) / 1000",
    "cost_usd": "num(cost)",
    "cached": "CASE flag(cached) WHEN true THEN 'exact' WHEN false THEN 'no' END",
    "user": "own(metadata, 'user')",
    "team": "own(metadata, 'team')",
    "session": "own(metadata, 'session')",
    "feature": "own(metadata, 'feature')",
    "task": f"CASE WHEN {EMBEDS} THEN 'embedding' END",
}
LOGPUSH_FIELDS = {
    "Timestamp": "created_at",
    "Provider": "provider",
    "Model": "model",
    "RequestedModel": "requested",
    "Endpoint": "path",
    "StatusCode": "status_code",
    "Cached": "cached",
    "Metadata": "metadata",
}
METRICS = {
    "cost": ("cost",),
    "duration": ("durationMs", "duration_ms", "duration"),
    "tokens_in": (
        "tokensIn",
        "tokens_in",
        "inputTokens",
        "input_tokens",
        "promptTokens",
        "prompt_tokens",
    ),
    "tokens_out": (
        "tokensOut",
        "tokens_out",
        "outputTokens",
        "output_tokens",
        "completionTokens",
        "completion_tokens",
    ),
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for tokens and time, or those of Logpush."""
    return any(
        {"created_at", "provider", "tokens_in", "tokens_out"} <= row.keys()
        or {"Timestamp", "Gateway", "Provider", "Model"} <= row.keys()
        for record in sample.records
        for row in _find_rows(record)
    )


def unfold(record: Record) -> Iterator[Record]:
    """The rows of an answer, those of Logpush by the names of the API."""
    for row in _find_rows(record):
        metrics = parse_json(row.get("Metrics"))
        named: dict[str, Any] = {
            ours: row[theirs] for theirs, ours in LOGPUSH_FIELDS.items() if theirs in row
        }
        for ours, names in METRICS.items() if isinstance(metrics, dict) else ():
            named[ours] = next(
                (metrics[name] for name in names if metrics.get(name) is not None), None
            )
        yield row | named


def _find_rows(record: Record) -> list[Record]:
    rows = record.get("result", record.get("data"))
    if isinstance(rows, dict) and isinstance(record.get("success"), bool):
        return [rows]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [record]
