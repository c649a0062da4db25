"""Spans of OpenTelemetry's conventions for generative AI, in OTLP's JSON: a document, or a request of an exporter on each line.

Current and older names (`gen_ai.system`, `prompt_tokens`, `completion_tokens`) are known. Times are nanoseconds since 1970, written as texts like all
64-bit integers; the time to the first chunk is seconds. Input includes cached tokens by the convention; where a total says that they are not in it,
or where more were read than sent, they are added. Spans of agents, tools and retrieval are no requests, as their model calls have spans of their own;
a call that two libraries trace counts twice. The service is taken as the feature.
The conventions have no cost, attempts or gateway's cache: `simroute.cost_usd`, `simroute.attempts` and `simroute.cached` (no, exact, semantic) are
read where somebody writes them, and `gen_ai.usage.cost` and `operation.cost` (USD) of some libraries.
"""

from collections.abc import Iterator
from typing import Any

from simroute.traces.files import Record, Sample

ABOUT = "OpenTelemetry GenAI spans (OTLP JSON: a document, or one export a line)"
FIELDS = (
    "span", "time", "end", "code", "gen_ai", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.request.model",
    "gen_ai.response.model", "gen_ai.request.stream", "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token",
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens",
    "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cost", "operation.cost",
    "gen_ai.conversation.id", "session.id", "user.id", "enduser.id", "service.name", "error.type", "http.response.status_code",
    "simroute.cost_usd", "simroute.attempts", "simroute.cached",
)  # fmt: skip
CLOCK = "utc"
PARTS = {
    "operation": 'lower(word("gen_ai.operation.name"))',
    "answering": 'coalesce(word("gen_ai.response.model"), word("gen_ai.request.model"))',
    "sent": 'coalesce(whole("gen_ai.usage.input_tokens"), whole("gen_ai.usage.prompt_tokens"))',
    "given": 'coalesce(whole("gen_ai.usage.output_tokens"), whole("gen_ai.usage.completion_tokens"),'
    " CASE WHEN operation = 'embeddings' THEN 0 END)",
    "read": 'coalesce(whole("gen_ai.usage.cache_read.input_tokens"), whole("gen_ai.usage.cache_read_input_tokens"))',
    "written": 'coalesce(whole("gen_ai.usage.cache_creation.input_tokens"), whole("gen_ai.usage.cache_creation_input_tokens"), 0)',
    "total": 'coalesce(whole("gen_ai.usage.total_tokens"), whole("llm.usage.total_tokens"))',
    "first": 'coalesce(num("gen_ai.response.time_to_first_chunk"), num("gen_ai.server.time_to_first_token"))',
}
COLUMNS = {
    "time": '"time"',
    "end": '"end"',
    "request_id": "word(span)",
    "input_tokens": "sent + beside(sent, coalesce(read, 0), written, given, total)",
    "cached_tokens": "read",
    "output_tokens": "given",
    "provider": 'coalesce(word("gen_ai.provider.name"), word("gen_ai.system"))',
    "model": "answering",
    "requested_model": 'word("gen_ai.request.model")',
    "streamed": 'coalesce(flag("gen_ai.request.stream"), first IS NOT NULL OR NULL)',
    "failed": "coalesce(code IN ('2', 'STATUS_CODE_ERROR'), false) OR word(\"error.type\") IS NOT NULL",
    "status": 'coalesce(whole("http.response.status_code"), CASE WHEN whole("error.type") BETWEEN 100 AND 599 THEN whole("error.type") END)',
    "error": 'code("error.type")',
    "ttft_s": "first",
    "cost_usd": 'coalesce(num("simroute.cost_usd"), num("gen_ai.usage.cost"), num("operation.cost"))',
    "cached": "CASE WHEN \"simroute.cached\" IN ('no', 'exact', 'semantic') THEN \"simroute.cached\" END",
    "user": 'coalesce(word("user.id"), word("enduser.id"))',
    "session": 'coalesce(word("gen_ai.conversation.id"), word("session.id"))',
    "feature": 'word("service.name")',
    "attempts": 'whole("simroute.attempts")',
}
NO_CALLS = "'create_agent', 'invoke_agent', 'execute_tool', 'invoke_workflow', 'retrieval'"
SKIP = {
    "span without gen_ai attributes": "gen_ai IS NULL",
    "span that is no call of a model": f"operation IN ({NO_CALLS}) OR operation IS NULL AND answering IS NULL",
}


def recognises(found: Sample) -> bool:
    """By the outermost name of OTLP's traces."""
    return "resourceSpans" in found.keys


def unfold(record: Record) -> Iterator[Record]:
    """The spans of an export, each with its attributes as fields; a line that has none (metrics, logs) is one that says nothing."""
    if "resourceSpans" not in record:
        yield {}
    for resource in _objects(record.get("resourceSpans")):
        service = _attributes(resource.get("resource")).get("service.name")
        for scope in _objects(resource.get("scopeSpans")):
            for span in _objects(scope.get("spans")):
                told = _attributes(span)
                status = span.get("status")
                yield told | {
                    "service.name": service,
                    "span": f"{span.get('traceId')}:{span.get('spanId')}",
                    "time": span.get("startTimeUnixNano"),
                    "end": span.get("endTimeUnixNano"),
                    "code": status.get("code") if isinstance(status, dict) else None,
                    "gen_ai": True if any(name.startswith("gen_ai.") for name in told) else None,
                }


def _objects(value: Any) -> list[Record]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _attributes(holder: Any) -> Record:
    """[{key, value: {stringValue: …}}] as a mapping; texts with no surroundings, numbers and truths as they are."""
    listed = holder.get("attributes") if isinstance(holder, dict) else None
    return {str(one.get("key")): next(iter(one["value"].values()), None) for one in _objects(listed) if isinstance(one.get("value"), dict)}
