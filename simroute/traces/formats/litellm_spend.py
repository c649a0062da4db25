"""Rows of the LiteLLM proxy's table LiteLLM_SpendLogs. Times are UTC, `spend` is USD,
`request_duration_ms` whole milliseconds.

`prompt_tokens` include those read from or written to a provider's cache, Anthropic's too. Of an
answer that was not streamed the first token is logged as its end, and is taken as not known;
streams always have one, so a finished answer without was not streamed. `user` owns the key;
`end_user`, where it is told, is who asked. A request may have a row for each attempt that failed,
with one `session_id`, or only its last one; `metadata`, JSON as text, has `attempted_retries` at
the group that answered, and since 2026-08 `attempted_fallbacks` (0: the group that was asked for
answered). What they say beyond the rows is added; a row with none of either begins a request
(retries start anew at each group). Retries at the groups before, and fallbacks in older versions,
are not told: then the count of sends is a lower bound.
"""

from simroute.traces.formats.litellm_payload import ATTEMPT_COLUMNS
from simroute.traces.records import RecordSample

ABOUT = "LiteLLM proxy's SpendLogs (JSONL or CSV of the table)"
FIELDS = (
    "request_id",
    "spend",
    "prompt_tokens",
    "completion_tokens",
    "startTime",
    "endTime",
    "completionStartTime",
    "request_duration_ms",
    "model",
    "model_group",
    "custom_llm_provider",
    "user",
    "end_user",
    "team_id",
    "metadata",
    "cache_hit",
    "request_tags",
    "session_id",
    "status",
)
CLOCK = "utc"
STATUS = "coalesce(word(status), word(part(metadata, '$.status')))"
COLUMNS = ATTEMPT_COLUMNS | {
    "trace": "word(session_id)",
    "time": '"startTime"',
    "end": '"endTime"',
    "first_token": 'CASE WHEN moment("completionStartTime", 1) < moment("endTime", 1) THEN '
    '"completionStartTime" END',
    "request_id": "word(request_id)",
    "input_tokens": "whole(prompt_tokens)",
    "cached_tokens": "whole(coalesce(part(metadata, "
    "'$.usage_object.prompt_tokens_details.cached_tokens'),"
    " part(metadata, '$.usage_object.cache_read_input_tokens'), part(metadata, "
    "'$.additional_usage_values.cache_read_input_tokens')))",
    "written_tokens": "whole(coalesce(part(metadata, "
    "'$.usage_object.prompt_tokens_details.cache_creation_tokens'),"
    " part(metadata, '$.usage_object.cache_creation_input_tokens'), part(metadata, "
    "'$.additional_usage_values.cache_creation_input_tokens')))",
    "output_tokens": "whole(completion_tokens)",
    "provider": "coalesce(word(custom_llm_provider), word(part(metadata, "
    "'$.error_information.llm_provider')))",
    "model": "coalesce(word(model), word(model_group))",
    "model_group": "word(model_group)",
    "streamed": 'CASE WHEN moment("completionStartTime", 1) < moment("endTime", 1) THEN true'
    f" WHEN {STATUS} = 'success' AND moment(\"endTime\", 1) IS NOT NULL THEN false END",
    "failed": f"{STATUS} = 'failure'",
    "status": "whole(part(metadata, '$.error_information.error_code'))",
    "error": "code(part(metadata, '$.error_information.error_class'))",
    "latency_s": "num(request_duration_ms) / 1000",
    "cost_usd": "num(spend)",
    "user": 'coalesce(word(end_user), word("user"))',
    "team": "word(team_id)",
    "session": "word(session_id)",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for money, tokens and time."""
    return {"request_id", "spend", "prompt_tokens", "completion_tokens", "startTime"} <= sample.keys
