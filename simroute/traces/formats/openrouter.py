"""OpenRouter's generations, each as `GET /api/v1/generation` gives it, in its `data` or bare. Times
are UTC with zone, durations ms, cost USD.

Billed are `native_tokens_*`: cached ones are in `native_tokens_prompt`, reasoning in
`native_tokens_completion`. `tokens_*` are another tokenizer's count, read only where the native one
is missing. `latency` is documented as the whole time; where `generation_time` is longer it cannot
be, and is taken as the time to the first token. With one's own key (`is_byok`) the provider's own
bill is added to OpenRouter's. `provider_responses` are the sends, one after another. A generation
failed if none of them has a status of 2xx, or if it finished by "error". Rows of the SDK, which
writes the names in camelCase (`nativeTokensPrompt`), are read as well.
"""

import re
from collections.abc import Iterator
from typing import Any

from simroute.traces.raw_text import Record
from simroute.traces.records import RecordSample, unwrap_data
from simroute.traces.spans import parse_json

ABOUT = "OpenRouter generations (JSON or JSONL of /api/v1/generation, or as the SDK names them)"
FIELDS = (
    "id",
    "created_at",
    "model",
    "provider_name",
    "streamed",
    "finish_reason",
    "native_finish_reason",
    "latency",
    "generation_time",
    "tokens_prompt",
    "tokens_completion",
    "native_tokens_prompt",
    "native_tokens_completion",
    "native_tokens_cached",
    "total_cost",
    "usage",
    "upstream_inference_cost",
    "is_byok",
    "session_id",
    "external_user",
    "response_cache_source_id",
    "provider_responses",
)
CLOCK = "utc"
SHEETS = True
PARTS = {
    "sends": "CASE WHEN json_valid(provider_responses) THEN from_json(provider_responses,"
    """ '[{"latency":"DOUBLE","provider_name":"VARCHAR","""
    """"model_permaslug":"VARCHAR","status":"INTEGER"}]') END""",
    "answered": "len(list_filter(sends, lambda s: s.status BETWEEN 200 AND 299)) > 0",
    "lost": "coalesce(finish_reason = 'error' OR NOT answered, finish_reason = 'error')",
}
COLUMNS = {
    "time": "created_at",
    "request_id": "word(id)",
    "input_tokens": "coalesce(whole(native_tokens_prompt), whole(tokens_prompt))",
    "cached_tokens": "whole(native_tokens_cached)",
    "output_tokens": "coalesce(whole(native_tokens_completion), whole(tokens_completion))",
    "provider": "word(provider_name)",
    "model": "word(model)",
    "streamed": "flag(streamed)",
    "failed": "lost",
    "status": "sends[-1].status",
    "error": "CASE WHEN lost THEN coalesce(code(native_finish_reason), code(finish_reason)) END",
    "latency_s": "greatest(num(latency), num(generation_time)) / 1000",
    "ttft_s": "CASE WHEN flag(streamed) AND num(latency) < num(generation_time) THEN "
    "num(latency) / 1000 END",
    "cost_usd": "coalesce(num(total_cost), num(usage)) + CASE WHEN flag(is_byok) THEN "
    "coalesce(num(upstream_inference_cost), 0) ELSE 0 END",
    "cached": "CASE WHEN word(response_cache_source_id) IS NOT NULL THEN 'exact' END",
    "user": "word(external_user)",
    "session": "word(session_id)",
    "attempts": "CASE WHEN word(response_cache_source_id) IS NOT NULL THEN 0 ELSE "
    "nullif(len(sends), 0) END",
    "tries": "list_transform(sends, lambda s, i: {'offset_s': CASE WHEN i = 1 THEN 0 ELSE "
    "list_sum(list_transform(sends[1:i - 1],"
    " lambda earlier: earlier.latency)) / 1000 END, 'latency_s': s.latency / 1000, 'provider': "
    "s.provider_name, 'model': s.model_permaslug,"
    " 'status': s.status, 'error': NULL})",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for tokens and time."""
    keys = {_snake_name(name) for name in sample.keys}
    return {"id", "created_at", "model"} <= keys and bool(
        {"native_tokens_prompt", "tokens_prompt"} & keys
    )


def unfold(record: Record) -> Iterator[Record]:
    """The generations in it, by the names of the API."""
    for row in unwrap_data(record):
        yield _with_snake_names(row) if "createdAt" in row else row


def _with_snake_names(row: Record) -> Record:
    renamed: dict[str, Any] = {_snake_name(name): value for name, value in row.items()}
    sends = parse_json(renamed.get("provider_responses"))
    if isinstance(sends, list):
        renamed["provider_responses"] = [
            _with_snake_names(send) if isinstance(send, dict) else send for send in sends
        ]
    return renamed


def _snake_name(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).lower()
