"""LiteLLM's StandardLoggingPayload, as its callbacks write it to files and buckets. Times are
seconds since 1970, cost is USD.

There is a payload for each attempt: those with one `trace_id` are a request, up to one that
succeeded (a client may give all calls of a session the same). The proxy logs failures once, so that
later ones can be missing: what `attempted_retries` and `attempted_fallbacks` of the metadata say
beyond the rows is added; a row with none of either begins a request (retries start anew at each
group). Where they do not say that there was no fallback, the count of sends is a lower bound.
`response_time` of a stream ends with its first token, and is not its latency. `prompt_tokens`
include those read from or written to a provider's cache, Anthropic's too. Waits between attempts
show as gaps only.
"""

from simroute.traces.records import RecordSample

ABOUT = "LiteLLM's StandardLoggingPayload (JSONL or CSV), a row for each attempt"
FIELDS = (
    "id",
    "trace_id",
    "stream",
    "response_cost",
    "status",
    "custom_llm_provider",
    "prompt_tokens",
    "completion_tokens",
    "startTime",
    "endTime",
    "completionStartTime",
    "response_time",
    "model",
    "model_group",
    "metadata",
    "hidden_params",
    "cache_hit",
    "request_tags",
    "end_user",
    "error_information",
)
CLOCK = "utc"
PARTS = {
    "streams": 'coalesce(flag(stream), CASE WHEN num("completionStartTime") < num("endTime") '
    "THEN true"
    " WHEN status = 'success' AND num(\"endTime\") IS NOT NULL THEN false END)",
    "counts": "coalesce(part(metadata, '$.usage_object'), part(hidden_params, '$.usage_object'))",
}
RETRIES = "whole(part(metadata, '$.attempted_retries'))"
FALLBACKS = "whole(part(metadata, '$.attempted_fallbacks'))"
ATTEMPT_COLUMNS = {
    "cached": "CASE flag(cache_hit) WHEN true THEN 'exact' WHEN false THEN 'no' END",
    "feature": "list_filter(TRY_CAST(request_tags AS VARCHAR[]), lambda tag: tag NOT LIKE "
    "'User-Agent%')[1]",
    "attempts": "CASE WHEN flag(cache_hit) THEN 0 ELSE 1 END",
    "attempts_at_least": f"NOT coalesce(flag(cache_hit), false) AND NOT coalesce({RETRIES} >= 0 "
    f"AND {FALLBACKS} = 0, false)",
    "nth": f"CASE WHEN {FALLBACKS} BETWEEN 0 AND 999 AND {RETRIES} BETWEEN 0 AND 999 THEN 1000 * "
    f"{FALLBACKS} + {RETRIES} END",
    "sends": f"CASE WHEN NOT coalesce(flag(cache_hit), false) THEN 1 + coalesce({RETRIES}, 0) + "
    f"coalesce({FALLBACKS}, 0) END",
}
"""Columns that all of LiteLLM's logs tell alike: a row for each attempt."""
COLUMNS = ATTEMPT_COLUMNS | {
    "time": '"startTime"',
    "end": '"endTime"',
    "first_token": "CASE WHEN streams AND status <> 'failure' THEN \"completionStartTime\" END",
    "trace": "word(trace_id)",
    "request_id": "word(id)",
    "input_tokens": "whole(prompt_tokens)",
    "cached_tokens": "whole(coalesce(part(counts, '$.prompt_tokens_details.cached_tokens'), "
    "part(counts, '$.cache_read_input_tokens')))",
    "written_tokens": "whole(coalesce(part(counts, "
    "'$.prompt_tokens_details.cache_creation_tokens'), part(counts, "
    "'$.cache_creation_input_tokens')))",
    "output_tokens": "whole(completion_tokens)",
    "provider": "coalesce(word(custom_llm_provider), word(part(error_information, "
    "'$.llm_provider')))",
    "model": "coalesce(word(model), word(model_group))",
    "model_group": "word(model_group)",
    "streamed": "streams",
    "failed": "word(status) = 'failure'",
    "status": "whole(part(error_information, '$.error_code'))",
    "error": "code(part(error_information, '$.error_class'))",
    "latency_s": "CASE WHEN NOT streams THEN num(response_time) END",
    "ttft_s": "CASE WHEN streams AND status <> 'failure' THEN num(response_time) END",
    "cost_usd": "num(response_cost)",
    "user": "coalesce(word(end_user), word(part(metadata, '$.user_api_key_end_user_id')), "
    "word(part(metadata, '$.user_api_key_user_id')))",
    "team": "word(part(metadata, '$.user_api_key_team_id'))",
    "session": "word(part(metadata, '$.requester_metadata.session_id'))",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for money, tokens and time."""
    return {
        "response_cost",
        "prompt_tokens",
        "completion_tokens",
        "startTime",
        "endTime",
    } <= sample.keys
