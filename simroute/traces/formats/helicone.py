"""Helicone's requests, as its API gives them (JSON, JSONL) and as its page exports them (CSV).
Times are UTC, `delay_ms` and TTFT ms, cost USD.

Some versions leave tokens read from or written to a provider's cache out of `prompt_tokens`: they
are added where `total_tokens` says that they are not in it, or where more were read than sent.
`latency` of the CSV is in ms, or in seconds where that fits the two dates better. A request that
names another as its `cache_reference_id` was answered by Helicone's cache; what the log says that
it cost is kept. Statuses below 100 are Helicone's own (timed out, cancelled, …): failures without a
status. Sends behind one answer are not told.
"""

from simroute.traces.records import RecordSample

ABOUT = "Helicone requests (API rows as JSON or JSONL, exports as CSV)"
FIELDS = (
    "request_id",
    "response_id",
    "request_created_at",
    "response_created_at",
    "response_status",
    "request_model",
    "response_model",
    "model",
    "model_override",
    "provider",
    "delay_ms",
    "latency",
    "time_to_first_token",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cache_read_tokens",
    "prompt_cache_write_tokens",
    "cost",
    "costUSD",
    "request_user_id",
    "request_properties",
    "properties",
    "cache_enabled",
    "cache_reference_id",
)
CLOCK = "utc"
SENT, READ, WRITTEN = (
    "whole(prompt_tokens)",
    "coalesce(whole(prompt_cache_read_tokens), 0)",
    "coalesce(whole(prompt_cache_write_tokens), 0)",
)
DATES = "(moment(response_created_at, 1) - moment(request_created_at, 1)) / 1e9"
PROPERTIES = "coalesce(word(request_properties), properties)"
COLUMNS = {
    "time": "request_created_at",
    "request_id": "coalesce(word(request_id), word(response_id))",
    "input_tokens": f"{SENT} + beside({SENT}, {READ}, {WRITTEN}, whole(completion_tokens), "
    f"whole(total_tokens))",
    "cached_tokens": "whole(prompt_cache_read_tokens)",
    "written_tokens": "whole(prompt_cache_write_tokens)",
    "output_tokens": "whole(completion_tokens)",
    "provider": "word(provider)",
    "model": "coalesce(word(response_model), word(model), word(model_override), "
    "word(request_model))",
    "requested_model": "word(request_model)",
    "streamed": "num(time_to_first_token) > 0 OR NULL",
    "failed": "whole(response_status) NOT BETWEEN 200 AND 399",
    "status": "CASE WHEN whole(response_status) BETWEEN 100 AND 599 THEN whole(response_status) "
    "END",
    "latency_s": f"coalesce(num(delay_ms) / 1000, CASE WHEN abs(num(latency) - {DATES}) < "
    f"abs(num(latency) / 1000 - {DATES}) THEN num(latency)"
    f" ELSE num(latency) / 1000 END, {DATES})",
    "ttft_s": "CASE WHEN num(time_to_first_token) > 0 THEN num(time_to_first_token) / 1000 END",
    "cost_usd": 'coalesce(num("costUSD"), num(cost))',
    "cached": "CASE WHEN cache_reference_id LIKE '%-%' AND cache_reference_id <> "
    "'00000000-0000-0000-0000-000000000000' THEN 'exact'"
    " WHEN cache_reference_id IS NOT NULL OR NOT flag(cache_enabled) THEN 'no' END",
    "user": "word(request_user_id)",
    "session": f"word(part({PROPERTIES}, '$.\"Helicone-Session-Id\"'))",
    "feature": f"word(part({PROPERTIES}, '$.\"Helicone-Session-Name\"'))",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its name for the time of a request, beside tokens."""
    return {"request_created_at", "prompt_tokens", "completion_tokens"} <= sample.keys
