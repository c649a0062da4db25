"""Langfuse's observations: the export to a bucket (snake_case; JSON, JSONL, CSV or Parquet), the
exports of the pages of observations and events (CSV, JSON, JSONL; older ones quote each cell as
JSON) and the API (camelCase, v1 and v2, in `data` or bare).

Generations and embeddings (task `embedding`) are requests; spans, events, tools and all else are
skipped. Times without a zone are UTC; cost is USD. `latency` and `time_to_first_token` are seconds,
or milliseconds in what integrations wrote before April 2026: the dates are used, or settle it.
Usage is a bucket for each kind of token, and they add up to `total`; where that is `input` and
`output` alone, the other buckets are inside these. Without a total, or with one that fits neither,
they are taken as apart. A generation failed if its level is ERROR; its message, which may quote a
prompt, is not read. No status, no attempts and no answers of a gateway's cache are told.
`trace_name` is taken as the feature.
"""

from simroute.traces.records import RecordSample

ABOUT = (
    "Langfuse observations (bucket export as JSON, JSONL, CSV or Parquet; exports of its "
    "pages as CSV, JSON or JSONL; API answers)"
)
FIELDS = (
    "id",
    "type",
    "start_time",
    "end_time",
    "completion_start_time",
    "level",
    "provided_model_name",
    "usage_details",
    "total_cost",
    "cost_details",
    "latency",
    "time_to_first_token",
    "user_id",
    "session_id",
    "trace_name",
    "startTime",
    "endTime",
    "completionStartTime",
    "providedModelName",
    "model",
    "usageDetails",
    "usage",
    "promptTokens",
    "completionTokens",
    "totalCost",
    "calculatedTotalCost",
    "costDetails",
    "timeToFirstToken",
    "userId",
    "sessionId",
    "traceName",
    "latencyMs",
    "timeToFirstTokenMs",
)
CLOCK = "utc"
PARTS = {
    "starts": 'coalesce(word(start_time), word("startTime"))',
    "ends_at": 'coalesce(word(end_time), word("endTime"))',
    "begins": 'coalesce(word(completion_start_time), word("completionStartTime"))',
    "wait": 'coalesce(num(time_to_first_token), num("timeToFirstToken"))',
    "took": "(moment(ends_at, 1) - moment(starts, 1)) / 1e9",
    "counts": 'coalesce(word(usage_details), word("usageDetails"), word(usage))',
    "sent": "coalesce(tally(counts, '^(input|prompt)(_tokens)?$'), 0)",
    "all_sent": "tally(counts, 'input|prompt|cache')",
    "given": "coalesce(tally(counts, '^(output|completion)(_tokens)?$'), 0)",
    "all_given": "tally(counts, 'output|completion|reasoning')",
    "total": "tally(counts, '^total(_tokens)?$')",
}
SENT_ASIDE, GIVEN_ASIDE, ASIDE = (
    "(all_sent - sent)",
    "(coalesce(all_given, 0) - given)",
    "(total - sent - given)",
)
COLUMNS = {
    "time": "starts",
    "end": "ends_at",
    "first_token": "begins",
    "request_id": "word(id)",
    "input_tokens": f"coalesce(CASE WHEN {SENT_ASIDE} <= sent AND ({ASIDE} = 0 OR {ASIDE} = "
    f"{GIVEN_ASIDE} AND {GIVEN_ASIDE} <> {SENT_ASIDE})"
    ' THEN sent ELSE all_sent END, whole("promptTokens"))',
    "cached_tokens": "tally(counts, 'cached|cache_read|cache_hit')",
    "written_tokens": "tally(counts, 'cache_creation|cache_write')",
    "output_tokens": f"coalesce(CASE WHEN {ASIDE} = 0 OR {ASIDE} = {SENT_ASIDE} THEN given ELSE "
    f'all_given END, whole("completionTokens"),'
    " CASE WHEN upper(type) = 'EMBEDDING' THEN 0 END)",
    "model": 'coalesce(word(provided_model_name), word("providedModelName"), word(model))',
    "streamed": "begins IS NOT NULL OR NULL",
    "failed": "upper(word(level)) = 'ERROR'",
    "latency_s": 'coalesce(num(latency), num("latencyMs") / 1000)',
    "ttft_s": 'coalesce(num("timeToFirstTokenMs") / 1000, wait / CASE WHEN greatest(num(latency) '
    "/ 100, wait / 10) > took THEN 1000 ELSE 1 END)",
    "cost_usd": 'coalesce(num(total_cost), num("totalCost"), num("calculatedTotalCost"), '
    "num(part(cost_details, '$.total')),"
    " num(part(\"costDetails\", '$.total')))",
    "user": 'coalesce(word(user_id), word("userId"))',
    "session": 'coalesce(word(session_id), word("sessionId"))',
    "task": "CASE WHEN upper(type) = 'EMBEDDING' THEN 'embedding' END",
    "feature": 'coalesce(word(trace_name), word("traceName"))',
}
SKIP = {"observation that is no generation": "upper(type) NOT IN ('GENERATION', 'EMBEDDING')"}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by the names of the fields that every observation has."""
    return {"id", "type", "trace_id", "start_time"} <= sample.keys or {
        "id",
        "type",
        "traceId",
        "startTime",
    } <= sample.keys
