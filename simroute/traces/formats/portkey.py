"""Portkey's log export. `cost` is in US cents and `response_time` in milliseconds; times are UTC.

There is a row for each target that a fallback tried, all with one `trace_id`, which is taken as the
session too, since clients give one to a whole conversation. Retries have no rows:
`retry_success_count` tells how many came before an answer, and is -1 where all failed.
`last_used_option_index` counts the targets of a fallback, from 0: it rises within a request, and
those without a row (an export may be filtered) are added. Without a fallback each row is a request.
A row has its time to the second in older exports.
What a limit (412) or a guardrail (446) refused may have been sent nowhere. Tokens read from a
provider's cache are not told.
"""

from simroute.traces.records import RecordSample

ABOUT = (
    "Portkey log export (JSONL; cost in cents, times in ms), a row for each target of a fallback"
)
FIELDS = (
    "id",
    "trace_id",
    "created_at",
    "is_success",
    "ai_org",
    "ai_model",
    "req_units",
    "res_units",
    "cost",
    "response_time",
    "response_status_code",
    "mode",
    "cache_status",
    "stream_mode",
    "retry_success_count",
    "last_used_option_index",
    "prompt_slug",
    "workspace_slug",
    "_user",
    "metadata",
)
CLOCK = "utc"
HIT = "upper(trim(cache_status)) LIKE '%HIT'"
COLUMNS = {
    "trace": "word(trace_id)",
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
    "cached": "CASE upper(trim(cache_status)) WHEN 'HIT' THEN 'exact' WHEN 'SEMANTIC HIT' THEN "
    "'semantic' WHEN 'MISS' THEN 'no'"
    " WHEN 'DISABLED' THEN 'no' END",
    "user": "coalesce(word(part(metadata, '$._user')), word(_user))",
    "team": "word(workspace_slug)",
    "session": "word(trace_id)",
    "feature": "word(prompt_slug)",
    "attempts": f"CASE WHEN {HIT} THEN 0 WHEN whole(response_status_code) IN (412, 446) THEN 0"
    " WHEN whole(retry_success_count) IS NOT NULL THEN 1 + greatest(0, "
    "whole(retry_success_count)) END",
    "attempts_at_least": f"NOT coalesce({HIT}, false) AND (coalesce(whole(retry_success_count), "
    f"-1) < 0 OR"
    " whole(response_status_code) IN (412, 446) OR mode = 'fallback' AND "
    "whole(last_used_option_index) > 0)",
    "nth": "CASE WHEN mode IN ('single', 'loadbalance') THEN 0 WHEN mode = 'fallback' AND "
    "whole(last_used_option_index) >= 0"
    " THEN whole(last_used_option_index) END",
    "sends": "CASE WHEN mode = 'fallback' THEN 1 + greatest(0, whole(last_used_option_index)) END",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for tokens and model."""
    return {"created_at", "ai_model", "req_units", "res_units"} <= sample.keys
