"""A format described by its user's mapping. Names are quoted; nothing of it is executed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from simroute.traces.field_paths import FieldPath, value_at
from simroute.traces.formats.mapping_sql import (
    SPAN_FAILED,
    ColumnOptions,
    condition_sql,
    mapped_columns,
)
from simroute.traces.raw_text import Record
from simroute.traces.records import RecordSample, unwrap_data

NOT_A_CALL = """
    lower(first_of(attributes, ['/gen_ai.operation.name'])) IN ('create_agent', 'invoke_agent',
        'execute_tool', 'invoke_workflow', 'retrieval')
    OR upper(first_of(attributes, ['/openinference.span.kind'])) NOT IN ('LLM', 'EMBEDDING')"""
MAX_CHECKED = 62
"""Columns whose presence in the log is checked; one bit each."""
TABLE_CONTAINERS = {"csv": "CSV", "parquet": "Parquet"}
"""Containers without documents."""
NOT_SELECTED = "not what `where` asks for"


@dataclass
class MappedFormat:
    """A `Format` made from a mapping.

    columns: key -> its options. conditions: of `where`. records: where rows stand in a document.
    UNIT: of times that are numbers; without one, the unit that fits their size.
    """

    columns: dict[str, ColumnOptions]
    conditions: tuple[ColumnOptions, ...] = ()
    records: FieldPath | None = None
    UNIT: str | None = None
    ABOUT: str = "as the mapping says"
    CLOCK: Any = "utc"
    FIELDS: tuple[str, ...] = field(init=False)
    COLUMNS: dict[str, str] = field(init=False)
    SKIP: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Set what a format needs and the mapping implies."""
        paths = [*self.column_paths().values(), *(test["column"] for test in self.conditions)]
        roots = (root for path in paths for root in path.roots)
        self.FIELDS = tuple(dict.fromkeys([*roots, "attributes", SPAN_FAILED]))
        checked = " + ".join(
            f"CASE WHEN {path.sql} IS NOT NULL THEN {1 << bit} ELSE 0 END"
            for bit, (_, path, _) in enumerate(self.checked_paths())
        )
        self.COLUMNS = mapped_columns(self.columns) | ({"looked": checked} if checked else {})
        conditions = " AND ".join(map(condition_sql, self.conditions))
        self.SKIP = (
            {NOT_SELECTED: f"NOT ({conditions})"}
            if self.conditions
            else {"span that is no call of a model": f"coalesce({NOT_A_CALL}, false)"}
        )

    @staticmethod
    def recognises(sample: RecordSample) -> bool:
        """False: a mapping is never guessed."""
        return False

    def column_paths(self) -> dict[str, FieldPath]:
        """Key -> the path that the mapping names for it."""
        return {
            key: options["column"]
            for key, options in self.columns.items()
            if options["column"] is not None
        }

    def checked_paths(self) -> list[tuple[str, FieldPath, bool]]:
        """(key, path, whether a log may well lack it) of each column that says nothing by itself,
        so that a wrong name would not show: what is only compared, and errors."""
        compared = [
            (key, options["column"], options["equals"] is None)
            for key, options in self.columns.items()
            if options["when"] is not None
            or options["equals"] is not None
            or (key == "error" and options["column"] is not None)
        ]
        conditions = (
            ("where", test["column"], test.get("present") is False) for test in self.conditions
        )
        return [*compared, *conditions][:MAX_CHECKED]

    def explain_no_rows(self, sample: RecordSample) -> str:
        """What is wrong with `records`, where none of these whole records has rows there; empty if
        one has."""
        if self.records is None:
            return ""
        if sample.container != "json":
            return (
                f"`records: {self.records.text}` is for documents of JSON; each row of a "
                f"{TABLE_CONTAINERS[sample.container]} file is a record: leave it out"
            )
        if any(row for record in sample.records for row in self.unfold(record)):
            return ""
        text = f"`records: {self.records.text}` finds no list of rows"
        if (missing := self.records.find_missing(sample.records)) is None:
            return f"{text}: what stands there is no list of objects, or an empty one"
        parent = ".".join(map(str, missing.found_keys)) or "the document"
        keys, near = ", ".join(missing.candidates)[:160] or "no keys", missing.nearest()
        return f"{text}: {parent} has {keys}{f'; did you mean {near}?' if near else ''}"

    def unfold(self, record: Record) -> Iterable[Record]:
        """The rows in a record: those that `records` names, spans of OTLP, or else the rows in
        `data`, or itself."""
        if self.records is None:
            return otlp_spans(record) if "resourceSpans" in record else unwrap_data(record)
        values = (value_at(record, reading) for reading in self.records.readings)
        rows = next((value for value in values if value is not None), None)
        return _objects_in(rows if isinstance(rows, list) else [rows]) or [{}]

    def resolve(self, sample: RecordSample) -> MappedFormat:
        """The format with names that contain dots read as this log's first records write them."""
        columns = {
            key: options
            | {"column": options["column"] and options["column"].resolve(sample.records)}
            for key, options in self.columns.items()
        }
        conditions = tuple(
            test | {"column": test["column"].resolve(sample.records)} for test in self.conditions
        )
        return replace(self, columns=columns, conditions=conditions)

    def missing_paths(self, sample: RecordSample) -> list[tuple[str, str]]:
        """(name, the nearest that is there) of each path that the log lacks; the first records of
        JSON may lack all but the time."""
        paths = self.column_paths()
        if sample.container != "json":
            needed = [*paths.values(), *(test["column"] for test in self.conditions)]
        else:
            needed = [] if "delay" in self.columns else [paths["time"]]
        return [
            (path.text, nearest(path.text, sample.keys))
            for path in needed
            if not {*path.roots} & sample.keys
        ]


def nearest(name: str, keys: Iterable[str]) -> str:
    """The key that is spelt most like the name, or an empty text."""
    return next(iter(difflib.get_close_matches(name, [*keys], 1)), "")


def otlp_spans(record: Record) -> Iterable[Record]:
    """The spans in OTLP's JSON: their own fields, `attributes` and `resource` as objects, and
    whether their status is an error."""
    for resource in _objects_in(record.get("resourceSpans")):
        for scope in _objects_in(resource.get("scopeSpans")):
            for span in _objects_in(scope.get("spans")):
                status = span.get("status")
                code = status.get("code") if isinstance(status, dict) else status
                yield span | {
                    "attributes": _attributes(span),
                    "resource": _attributes(resource.get("resource")),
                    "scope": scope.get("scope"),
                    SPAN_FAILED: str(code) in ("2", "STATUS_CODE_ERROR"),
                }


def _objects_in(value: Any) -> list[Record]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attributes(holder: Any) -> Record:
    attributes = holder.get("attributes") if isinstance(holder, dict) else None
    return {
        str(item.get("key")): next(iter(item["value"].values()), None)
        for item in _objects_in(attributes)
        if isinstance(item.get("value"), dict)
    }
