"""Our own table of requests, which `simroute trace convert` writes as Parquet; CSV and JSON lines
with the same columns are read as well.

arrival_ns counts nanoseconds since 1970, or, while all are below 1e17, from the trace's own start.
Any other column may be missing.
"""

from pathlib import Path
from typing import Any

from simroute.traces.columns import COLUMNS as ALL
from simroute.traces.columns import TRY, VERSION
from simroute.traces.raw_text import TraceError
from simroute.traces.records import RecordSample
from simroute.traces.sql import parquet_source, text_literal

ABOUT = (
    f"simroute's own table of requests (version {VERSION}), as `simroute trace convert` writes it"
)
FIELDS = tuple(ALL)
CLOCK = "ns"
READ = {
    "BIGINT": "whole",
    "INTEGER": "whole",
    "DOUBLE": "num",
    "BOOLEAN": "flag",
    "VARCHAR": "word",
}
OBJECTS = "CAST(CASE WHEN json_valid(tries) THEN tries END AS JSON)"
COLUMNS = {
    name: f'{READ[column.kind]}("{name}")'
    for name, column in ALL.items()
    if column.kind in READ and name != "arrival_ns"
} | {
    "time": "arrival_ns",
    "failed": "coalesce(flag(failed), whole(status) >= 400)",
    "blocks": "TRY_CAST(blocks AS BIGINT[])",
    "tries": f"TRY_CAST({OBJECTS} AS {TRY}[])",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by arrival_ns, which no other log has."""
    return "arrival_ns" in sample.keys


def source(path: Path, run: Any) -> str:
    """SQL for the rows of a Parquet file. Raises TraceError when a later version wrote it."""
    metadata = f"parquet_kv_metadata({text_literal(str(path))})"
    values = dict(run(f"SELECT decode(key), decode(value) FROM {metadata}").fetchall())
    version = values.get("simroute_trace_version", "1")
    if not version.isdigit() or int(version) > VERSION:
        raise TraceError(
            f"{path}: is a trace of version {version[:20]}; this simroute reads up to {VERSION}: "
            f"update it"
        )
    return parquet_source(path)
