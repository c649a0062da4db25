"""Portkey's log export. `cost` is in US cents and `response_time` in milliseconds; times are UTC.

The export has no row for each attempt: `retry_success_count` and, of a fallback, `last_used_option_index` count the failed ones before the answer,
where they were exported. Tokens read from a provider's cache are not told. `trace_id` is taken as the session.
"""

from simroute.traces.files import Sample

ABOUT = "Portkey log export (JSONL; cost in cents, times in ms)"
FIELDS = (
    "id", "trace_id", "created_at", "is_success", "ai_org", "ai_model", "req_units", "res_units", "cost", "response_time", "response_status_code",
    "mode", "cache_status", "stream_mode", "retry_success_count", "last_used_option_index", "prompt_slug", "workspace_slug", "_user", "metadata",
)  # fmt: skip
CLOCK = "utc"
COLUMNS = {
    "time": "created_at",
    "request_id": "word(id)",
    "input_tokens": "whole(req_units)",
    "output_tokens": "whole(res_units)",
    "provider": "word(ai_org)",
    "model": "word(ai_model)",
    "streamed": "flag(stream_mode)",
    "failed": "NOT coalesce(flag(is_success), whole(response_status_code) BETWEEN 200 AND 399)",
    "status": "whole(response_status_code)",
    "latency_s": "num(response_time) / 1000",
    "cost_usd": "num(cost) / 100",
    "cached": "CASE upper(trim(cache_status)) WHEN 'HIT' THEN 'exact' WHEN 'SEMANTIC HIT' THEN 'semantic' WHEN 'MISS' THEN 'no'"
    " WHEN 'DISABLED' THEN 'no' END",
    "user": "coalesce(word(part(metadata, '$._user')), word(_user))",
    "team": "word(workspace_slug)",
    "session": "word(trace_id)",
    "feature": "word(prompt_slug)",
    "attempts": "CASE WHEN upper(trim(cache_status)) LIKE '%HIT' THEN 0 WHEN whole(retry_success_count) >= 0 THEN 1 + whole(retry_success_count)"
    " + CASE WHEN mode = 'fallback' THEN greatest(0, coalesce(whole(last_used_option_index), 0)) ELSE 0 END END",
}


def recognises(found: Sample) -> bool:
    """By its names for tokens and model."""
    return {"created_at", "ai_model", "req_units", "res_units"} <= found.keys
