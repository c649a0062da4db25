"""Pydantic Logfire's records, as its query API gives them: JSON by rows or by columns, NDJSON, or
CSV with attributes as text.

A row is a span; which of them are calls, and what they say, is read as of any spans (`otel`), from
its `attributes`. `duration` (s) is read where the end is missing. A call failed if its status is
ERROR or an exception was recorded on it, whose type is its error. Placeholders of spans that had
not ended (`pending_span`) are left out, as the span itself comes later. Costs are `operation.cost`
in USD.
"""

from simroute.traces.formats.otel import CLOCK, COLUMNS, FIELDS, PARTS, SHEETS, SKIP
from simroute.traces.records import RecordSample
from simroute.traces.spans import unfold

ABOUT = "Logfire records from its query API (JSON by rows or columns, NDJSON, CSV)"


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for times and attributes, or by the wrapping of an answer."""
    if {"start_timestamp", "attributes"} <= sample.keys:
        return True
    wrapped = [row for record in sample.records for row in _objects_in(record.get("rows"))]
    named = {
        str(column.get("name"))
        for record in sample.records
        for column in _objects_in(record.get("columns"))
    }
    return {"start_timestamp", "attributes"} <= named.union(*wrapped)


def _objects_in(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


__all__ = ["ABOUT", "CLOCK", "COLUMNS", "FIELDS", "PARTS", "SHEETS", "SKIP", "recognises", "unfold"]
