"""Amazon Bedrock's model invocation logs, as they are delivered to S3 (JSON lines), to CloudWatch
(events with the log as `message`) or its queries.

`inputTokenCount` leaves out what was read from or written to the prompt cache: both are added.
Latency is `latencyMs` of Converse or the `invocationLatency` (ms) at the end of an answer, time to
the first token its `firstByteLatency`; neither is told of bodies kept in S3 by themselves. The
operation says whether a call was streamed. A call failed if it has an `errorCode`, whose status is
the API's own (ThrottlingException: 429). The model is what was asked for, without the path of its
ARN. `requestMetadata` is yours: `user`, `team`, `session` and `feature`, also as user_id or userId,
are read; without a user it is the last part of the caller's ARN. Cost, attempts and the answering
model are not told.
"""

from collections.abc import Iterator
from typing import Any

from simroute.traces.raw_text import Record
from simroute.traces.records import RecordSample
from simroute.traces.spans import parse_json

ABOUT = "Amazon Bedrock model invocation logs (S3 or CloudWatch; JSON lines)"
FIELDS = (
    "timestamp",
    "requestId",
    "operation",
    "modelId",
    "errorCode",
    "arn",
    "metadata",
    "sent",
    "read",
    "written",
    "given",
    "latency",
    "first",
)
CLOCK = "utc"
SHEETS = True
STREAMS = (
    "CASE WHEN word(operation) LIKE '%Stream' THEN true WHEN word(operation) IS NOT NULL "
    "THEN false END"
)
MODEL = "regexp_extract(word(\"modelId\"), '[^/]*$')"

COLUMNS = {
    "time": '"timestamp"',
    "request_id": 'word("requestId")',
    "input_tokens": "whole(sent) + coalesce(whole(read), 0) + coalesce(whole(written), 0)",
    "cached_tokens": "whole(read)",
    "written_tokens": "whole(written)",
    "output_tokens": f"coalesce(whole(given), CASE WHEN contains({MODEL}, 'embed') THEN 0 END)",
    "provider": "'bedrock'",
    "model": MODEL,
    "requested_model": MODEL,
    "streamed": STREAMS,
    "failed": 'word("errorCode") IS NOT NULL',
    "status": 'http_status("errorCode")',
    "error": 'code("errorCode")',
    "latency_s": "num(latency) / 1000",
    "ttft_s": f"CASE WHEN {STREAMS} THEN num(first) / 1000 END",
    "user": "coalesce(own(metadata, 'user'), regexp_extract(word(arn), '[^/]*$'))",
    "team": "own(metadata, 'team')",
    "session": "own(metadata, 'session')",
    "feature": "own(metadata, 'feature')",
    "task": f"CASE WHEN contains({MODEL}, 'embed') THEN 'embedding' END",
}
SKIP = {"line that is no invocation of a model": '"timestamp" IS NULL AND "modelId" IS NULL'}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by the type of its schema, or by an event of CloudWatch that holds it."""
    return any(
        log.get("schemaType") == "ModelInvocationLog"
        for record in sample.records
        for log in _find_logs(record)
    )


def unfold(record: Record) -> Iterator[Record]:
    """The invocations in it, of each what is no text of a prompt or an answer."""
    yield from (_flatten_log(log) for log in _find_logs(record))


def _find_logs(record: Record) -> list[Record]:
    if isinstance(events := record.get("events"), list):
        return [log for event in events if isinstance(event, dict) for log in _find_logs(event)]
    message = parse_json(record.get("message", record.get("@message")))
    return [message if isinstance(message, dict) and "modelId" not in record else record]


def _flatten_log(log: Record) -> Record:
    request, answer, caller = (
        _as_object(log.get(name)) for name in ("input", "output", "identity")
    )
    body = parse_json(answer.get("outputBodyJson"))
    parts = [
        part for part in (body if isinstance(body, list) else [body]) if isinstance(part, dict)
    ]
    timings = [_as_object(part.get("amazon-bedrock-invocationMetrics")) for part in parts]
    metrics = [_as_object(part.get("metrics")) for part in parts] + [
        _as_object(_as_object(part.get("metadata")).get("metrics")) for part in parts
    ]
    return {
        **{
            name: log.get(name)
            for name in ("timestamp", "requestId", "operation", "modelId", "errorCode")
        },
        "arn": caller.get("arn"),
        "metadata": log.get("requestMetadata"),
        "sent": request.get("inputTokenCount", _last_value(timings, "inputTokenCount")),
        "read": request.get("cacheReadInputTokenCount"),
        "written": request.get("cacheWriteInputTokenCount"),
        "given": answer.get("outputTokenCount", _last_value(timings, "outputTokenCount")),
        "latency": _last_value(metrics, "latencyMs") or _last_value(timings, "invocationLatency"),
        "first": _last_value(timings, "firstByteLatency"),
    }


def _as_object(value: Any) -> Record:
    value = parse_json(value)
    return value if isinstance(value, dict) else {}


def _last_value(objects: list[Record], name: str) -> Any:
    return next((item[name] for item in reversed(objects) if item.get(name) is not None), None)
