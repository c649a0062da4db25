"""OpenRouter's activity, as its page exports it: a CSV row for each generation. Times are UTC
without zone, durations ms, costs USD.

`cost_total` has the discount of cached tokens (`cost_cache`, negative) and web search in it; what
one's own key was billed (`byok_usage_inference`) is added. Cached tokens are in `tokens_prompt`,
reasoning in `tokens_completion`. A generation that was cancelled, or ended by an error, failed: the
caller has no whole answer; what it cost is kept. The application is taken as the feature, the key's
name as the team. No status, attempts, sessions or requested model are told.
"""

from simroute.traces.records import RecordSample

ABOUT = "OpenRouter's activity export (CSV, a row for each generation)"
FIELDS = (
    "generation_id",
    "created_at",
    "cost_total",
    "byok_usage_inference",
    "tokens_prompt",
    "tokens_completion",
    "tokens_cached",
    "model_permaslug",
    "provider_name",
    "cancelled",
    "streamed",
    "user",
    "finish_reason_raw",
    "finish_reason_normalized",
    "generation_time_ms",
    "time_to_first_token_ms",
    "api_key_name",
    "app_name",
)
CLOCK = "utc"
PARTS = {
    "stopped": "coalesce(flag(cancelled), false)",
    "broken": "coalesce(lower(finish_reason_normalized) = 'error', false)",
}
COLUMNS = {
    "time": "created_at",
    "request_id": "word(generation_id)",
    "input_tokens": "whole(tokens_prompt)",
    "cached_tokens": "whole(tokens_cached)",
    "output_tokens": "whole(tokens_completion)",
    "provider": "word(provider_name)",
    "model": "word(model_permaslug)",
    "streamed": "flag(streamed)",
    "failed": "stopped OR broken",
    "error": "CASE WHEN stopped THEN 'cancelled' WHEN broken THEN "
    "coalesce(code(finish_reason_raw), 'error') END",
    "latency_s": "num(generation_time_ms) / 1000",
    "ttft_s": "CASE WHEN coalesce(flag(streamed), true) THEN num(time_to_first_token_ms) / 1000 "
    "END",
    "cost_usd": "num(cost_total) + coalesce(num(byok_usage_inference), 0)",
    "user": 'word("user")',
    "team": "word(api_key_name)",
    "feature": "word(app_name)",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for the model and for tokens."""
    return {"created_at", "model_permaslug", "tokens_prompt", "tokens_completion"} <= sample.keys
