"""The row files of a run of our own: requests.parquet, and attempts.parquet beside it for each
send. One run: one policy, one replication.

A request's model is its deployment's name, since row files name no other.
"""

from pathlib import Path
from typing import Any

from simroute.traces.columns import TRY
from simroute.traces.raw_text import TraceError
from simroute.traces.records import RecordSample
from simroute.traces.sql import parquet_source, text_literal

ABOUT = "requests.parquet of a run of simroute (--rows), with the attempts.parquet beside it"
FIELDS = (
    "replica",
    "request_id",
    "arrival_s",
    "task",
    "user",
    "feature",
    "session",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "outcome",
    "error",
    "target",
    "provider",
    "attempts",
    "latency_s",
    "ttft_s",
    "cost_usd",
    "cached",
    "status",
    "tries",
)
CLOCK = "relative_s"
COLUMNS = {
    "time": "arrival_s",
    "request_id": "concat(replica, '/', request_id)",
    "input_tokens": "whole(input_tokens)",
    "cached_tokens": "whole(cached_tokens)",
    "output_tokens": "whole(output_tokens)",
    "provider": "word(provider)",
    "model": "word(target)",
    "streamed": "num(ttft_s) IS NOT NULL",
    "failed": "outcome <> 'ok'",
    "status": "whole(status)",
    "error": "word(error)",
    "latency_s": "num(latency_s)",
    "ttft_s": "num(ttft_s)",
    "cost_usd": "num(cost_usd)",
    "cached": "word(cached)",
    "user": 'word("user")',
    "session": "word(session)",
    "feature": "word(feature)",
    "task": "word(task)",
    "attempts": "whole(attempts)",
    "tries": f"TRY_CAST(CAST(CASE WHEN json_valid(tries) THEN tries END AS JSON) AS {TRY}[])",
}
ONE_RUN = "filter it down to one policy and replication, or run with --replications 1"


def recognises(sample: RecordSample) -> bool:
    """Tell the format by columns that only our requests have."""
    return {"policy", "replication", "arrival_s", "outcome", "wasted_usd", "target"} <= sample.keys


def source(path: Path, run: Any) -> str:
    """SQL for the requests with their attempts. Raises TraceError when the file holds several runs.

    From attempts.parquet: tries, and the sum of cached_tokens and the last status of each request.
    """
    requests = parquet_source(path)
    runs = run(f"SELECT count(DISTINCT (policy, replication)) FROM {requests}").fetchone()[0]
    if runs > 1:
        raise TraceError(
            f"{path}: holds {runs} runs (policies or replications); a trace is one: {ONE_RUN}"
        )
    beside = path.with_name(path.name.removesuffix("requests.parquet") + "attempts.parquet")
    if not path.name.endswith("requests.parquet") or not beside.is_file():
        return f"(SELECT *, NULL AS cached_tokens, NULL AS status, NULL AS tries FROM {requests})"
    attempt = """{'offset_s': a.start_s - r.arrival_s, 'latency_s': a.end_s - a.start_s,
        'provider': a.provider, 'model': a.target, 'status': a.status, 'error': a.error}"""
    sends = f"""
        SELECT r.file_row_number, list({attempt} ORDER BY a.start_s, a.attempt) AS tries,
            sum(a.cached_tokens) AS cached_tokens, arg_max(a.status, a.end_s) AS status
        FROM {requests} AS r
        JOIN read_parquet({text_literal(str(beside))}) AS a
            USING (policy, replication, replica, request_id)
        WHERE NOT a.probe GROUP BY 1"""
    return f"(SELECT * FROM {requests} LEFT JOIN ({sends}) USING (file_row_number))"
