"""Spans of model calls: OTLP's JSON (a document, a request of an exporter, a resource or a span on
each line; camelCase or snake_case), the console exporter's, and Phoenix's. Attributes may be a
list, an object, nested or flat.

Whose attributes are known stands in `simroute.traces.dialects`: the GenAI conventions,
OpenInference, Vercel's AI SDK, OpenLLMetry and LiteLLM. Times are nanoseconds since 1970, or dates.
Input includes cached tokens by the conventions; where a total says that they are not in it, or
where more were read than sent, they are added. Spans of agents, chains, tools and retrieval are no
requests, as their model calls have spans of their own; nor is a call around another one, as two
libraries may trace it. Users, teams and sessions that only a span around a call names are the
call's too. The service is taken as the feature where nothing closer is told. An error is
`error.type` or the type of the span's exception; its status, where the log tells none, is that of
the providers' own classes of errors (RateLimitError: 429). Embeddings have the task `embedding` and
no output.
"""

from simroute.traces import dialects
from simroute.traces.records import RecordSample
from simroute.traces.spans import SPAN, unfold

ABOUT = (
    "OpenTelemetry spans (OTLP JSON: a document, an export or a span a line): GenAI conventions, "
    "OpenInference, Vercel AI SDK, OpenLLMetry, LiteLLM;"
    " Phoenix's exports"
)
FIELDS = (*SPAN, "simroute.attempts", "simroute.cached", *dialects.FIELDS)
CLOCK = "utc"
SHEETS = True
PARTS = dialects.PARTS | {
    "wrong": "coalesce(word_of_error, word(exception))",
    "named": "coalesce(answering, asked)",
    "what": "coalesce(kind, CASE WHEN named IS NOT NULL THEN 'call' END)",
    "lost": "coalesce(upper(code) IN ('2', 'STATUS_CODE_ERROR', 'ERROR'), false) OR "
    "coalesce(flag(is_exception), false) OR word_of_error IS NOT NULL",
}
COLUMNS = {
    "time": '"time"',
    "end": '"end"',
    "first_token": "CASE WHEN first IS NULL AND coalesce(streams, true) THEN word(first_at) END",
    "request_id": "word(span)",
    "inside": "word(around)",
    "input_tokens": "sent + beside(sent, coalesce(read, 0), coalesce(written, 0), "
    "coalesce(given, 0), total)",
    "cached_tokens": "read",
    "written_tokens": "written",
    "output_tokens": "coalesce(given, CASE WHEN what = 'embedding' THEN 0 END)",
    "provider": "provider",
    "model": "named",
    "requested_model": "coalesce(asked, CASE WHEN lost THEN answering END)",
    "streamed": "coalesce(streams, first IS NOT NULL OR word(first_at) IS NOT NULL OR NULL)",
    "failed": "lost",
    "status": "coalesce(code_of_error, CASE WHEN lost THEN http_status(wrong) END)",
    "error": "CASE WHEN lost THEN code(wrong) END",
    "latency_s": "num(duration)",
    "ttft_s": "CASE WHEN coalesce(streams, true) THEN first END",
    "cost_usd": "cost",
    "cached": "CASE WHEN \"simroute.cached\" IN ('no', 'exact', 'semantic') THEN "
    '"simroute.cached" END',
    "user": '"user"',
    "team": "team",
    "session": "session",
    "feature": 'coalesce(feature, word("service.name"))',
    "task": "CASE WHEN what = 'embedding' THEN 'embedding' END",
    "attempts": 'whole("simroute.attempts")',
}
SKIP = {
    "span without gen_ai attributes": "gen_ai IS NULL OR row_kind = 'pending_span'",
    "span that is no call of a model": "coalesce(what, 'other') = 'other'",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by the outermost names of OTLP's traces, or by spans with attributes."""
    if {"resourceSpans", "resource_spans", "scopeSpans", "scope_spans"} & sample.keys:
        return True
    has_attributes = "attributes" in sample.keys or any(
        name.startswith("attributes.") for name in sample.keys
    )
    has_times = {
        "startTimeUnixNano",
        "start_time_unix_nano",
        "start_time",
        "startTime",
    } & sample.keys
    has_ids = {"spanId", "span_id", "context", "context.span_id"} & sample.keys
    return has_attributes and bool(has_times) and bool(has_ids)


__all__ = ["ABOUT", "CLOCK", "COLUMNS", "FIELDS", "PARTS", "SHEETS", "SKIP", "recognises", "unfold"]
