"""A format told by its user: canonical column -> a column of the log, as plain data. Names are
quoted; nothing of it is executed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simroute.traces.columns import COLUMNS
from simroute.traces.field_paths import Place, entered, place
from simroute.traces.formats.mapping_sql import (
    MONEY,
    SPAN_FAILED,
    TIMES,
    UNITS,
    Told,
    _columns,
    _condition,
    _values,
)
from simroute.traces.raw_text import Record
from simroute.traces.records import RecordSample, unwrap_data

KEYS = (
    *TIMES,
    "delay",
    "trace",
    *(name for name in COLUMNS if name not in ("arrival_ns", "tries")),
)
"""What can be mapped: the canonical columns, the times of request, end and first token, the delay
after a session's turn before, and what attempts at one request have in common."""
OWN = ("records", "where")
"""What else a mapping says: where in a document its rows stand, and which of them are requests."""
DURATIONS = (*TIMES, "delay", "latency_s", "ttft_s")
ASKED = ("failed", "streamed", "cached")
"""What may be told by a value of any column."""
TOLD = ("column", "value", "unit", "includes_cached", "when", "equals")

NO_CALL = (
    "lower(first_of(attributes, ['/gen_ai.operation.name'])) IN ('create_agent', 'invoke_agent', "
    "'execute_tool', 'invoke_workflow', 'retrieval')"
    " OR upper(first_of(attributes, ['/openinference.span.kind'])) NOT IN ('LLM', 'EMBEDDING')"
)
MOST_LOOKED = 62
"""Columns whose presence in the log is checked; one bit each."""
KINDS = {"csv": "CSV", "parquet": "Parquet"}
"""Containers without documents."""
SKIPPED = "not what `where` asks for"


class MappingError(ValueError):
    """All mistakes of a mapping: `problems` holds (key, what is wrong and what would be right)."""

    def __init__(self, problems: list[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(key)}: {text}" for key, text in problems))
        self.problems = problems


Problems = list[tuple[tuple[str, ...], str]]


@dataclass
class MappedFormat:
    """A `Format` made from a mapping. `told`: key -> what was said of it; `asked`: conditions of
    `where`; `records`: where rows stand in a document; `UNIT`: of times that are numbers; without
    one it is told by their size."""

    told: dict[str, Told]
    asked: tuple[Told, ...] = ()
    records: Place | None = None
    UNIT: str | None = None
    ABOUT: str = "as the mapping says"
    CLOCK: Any = "utc"
    FIELDS: tuple[str, ...] = field(init=False)
    COLUMNS: dict[str, str] = field(init=False)
    SKIP: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """The fields of a format that follow from what was said."""
        places = [*self.named().values(), *(one["column"] for one in self.asked)]
        self.FIELDS = tuple(
            dict.fromkeys(
                [*(root for one in places for root in one.roots), "attributes", SPAN_FAILED]
            )
        )
        looked = [
            f"CASE WHEN {one.sql} IS NOT NULL THEN {1 << bit} ELSE 0 END"
            for bit, (_, one, _) in enumerate(self.looked())
        ]
        self.COLUMNS = _columns(self.told) | ({"looked": " + ".join(looked)} if looked else {})
        conditions = " AND ".join(_condition(one) for one in self.asked)
        self.SKIP = (
            {SKIPPED: f"NOT ({conditions})"}
            if self.asked
            else {"span that is no call of a model": f"coalesce({NO_CALL}, false)"}
        )

    @staticmethod
    def recognises(found: RecordSample) -> bool:
        """A mapping is never guessed."""
        return False

    def named(self) -> dict[str, Place]:
        """Key -> the place that the mapping names for it."""
        return {
            key: told["column"] for key, told in self.told.items() if told["column"] is not None
        }

    def looked(self) -> list[tuple[str, Place, bool]]:
        """(key, place, whether a log may well lack it) for each column in which nothing looks like
        an answer: what is only compared, and errors."""
        told = [
            (key, one["column"], one["equals"] is None)
            for key, one in self.told.items()
            if one["when"] is not None
            or one["equals"] is not None
            or (key == "error" and one["column"] is not None)
        ]
        return [
            *told,
            *(("where", one["column"], one.get("present") is False) for one in self.asked),
        ][:MOST_LOOKED]

    def unplaced(self, found: RecordSample) -> str:
        """What is wrong with `records` in these whole records, none of which has rows there;
        nothing if one has."""
        if self.records is None:
            return ""
        if found.container != "json":
            return (
                f"`records: {self.records.text}` is for documents of JSON; each row of a "
                f"{KINDS[found.container]} file is a record: leave it out"
            )
        if any(row for record in found.records for row in self.unfold(record)):
            return ""
        said = f"`records: {self.records.text}` finds no list of rows"
        if (missing := self.records.missing(found.records)) is None:
            return f"{said}: what stands there is no list of objects, or an empty one"
        at, keys, near = (
            ".".join(map(str, missing.there)),
            ", ".join(missing.keys)[:160] or "no keys",
            missing.near(),
        )
        return (
            f"{said}: {at or 'the document'} has {keys}{f'; did you mean {near}?' if near else ''}"
        )

    def unfold(self, record: Record) -> Iterable[Record]:
        """The rows in a record: those that `records` names, spans of OTLP, or else the rows in
        `data`, or itself."""
        if self.records is not None:
            found = next(
                (held for way in self.records.ways if (held := entered(record, way)) is not None),
                None,
            )
            rows = [
                row
                for row in (found if isinstance(found, list) else [found])
                if isinstance(row, dict)
            ]
            return rows or [{}]
        return spans(record) if "resourceSpans" in record else unwrap_data(record)

    def settled(self, found: RecordSample) -> MappedFormat:
        """With names that contain dots read as this log's first records write them."""
        told = {
            key: one | {"column": one["column"] and one["column"].settled(found.records)}
            for key, one in self.told.items()
        }
        asked = tuple(one | {"column": one["column"].settled(found.records)} for one in self.asked)
        return replace(self, told=told, asked=asked)

    def absent(self, found: RecordSample) -> list[tuple[str, str]]:
        """(name, the nearest that is there) for each place that the log lacks; records of JSON may
        lack all but the time at first."""
        some = (
            self.named()
            if found.container != "json"
            else {"time": self.named()["time"]}
            if "delay" not in self.told
            else {}
        )
        needed = [
            *some.values(),
            *(one["column"] for one in self.asked if found.container != "json"),
        ]
        return [
            (one.text, nearest(one.text, found.keys))
            for one in needed
            if not {*one.roots} & found.keys
        ]


def nearest(name: str, keys: Iterable[str]) -> str:
    """The key that is written most like it, or nothing."""
    return next(iter(difflib.get_close_matches(name, [*keys], 1)), "")


def spans(record: Record) -> Iterable[Record]:
    """The spans in OTLP's JSON: their own fields, `attributes` and `resource` as objects, and
    whether their status is an error."""
    for resource in _listed(record.get("resourceSpans")):
        around = resource.get("resource")
        for scope in _listed(resource.get("scopeSpans")):
            for span in _listed(scope.get("spans")):
                status = span.get("status")
                code = status.get("code") if isinstance(status, dict) else status
                yield span | {
                    "attributes": _attributes(span),
                    "resource": _attributes(around),
                    "scope": scope.get("scope"),
                    SPAN_FAILED: str(code) in ("2", "STATUS_CODE_ERROR"),
                }


def _listed(value: Any) -> list[Record]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _attributes(holder: Any) -> Record:
    listed = holder.get("attributes") if isinstance(holder, dict) else None
    return {
        str(one.get("key")): next(iter(one["value"].values()), None)
        for one in _listed(listed)
        if isinstance(one.get("value"), dict)
    }


# -- what was written ------------------------------------------------------------------------------


def parse_mapping(data: Any) -> MappedFormat:
    """The format that a mapping describes. Raises MappingError."""
    problems: Problems = []
    if not isinstance(data, Mapping):
        raise MappingError([((), "expected lines such as `input_tokens: prompt_tokens`")])
    known: dict[str, Told] = {}
    for key, value in data.items():
        if key in OWN:
            continue
        if key not in KEYS:
            near = nearest(str(key), (*KEYS, *OWN))
            problems.append(
                (
                    (str(key),),
                    f"is no column of a trace; "
                    f"{f'did you mean {near}?' if near else 'known: ' + ', '.join((*KEYS, *OWN))}",
                )
            )
            continue
        known[key], wrong = _told(key, value)
        problems += [((key, *path), text) for path, text in wrong]
    if "time" not in data:
        problems.append(
            (
                (),
                "time is missing: name the column that tells when a request came, such as `time: "
                "created_at`",
            )
        )
    if "delay" in known and "session" not in known:
        problems.append((("delay",), "needs session: whose turn before it is counted from?"))
    units = {told["unit"] for key, told in known.items() if key in TIMES and told["unit"]}
    if len(units) > 1:
        problems.append(
            (
                ("time",),
                f"the times have several units ({', '.join(sorted(units))}); a log has one clock",
            )
        )
    if (
        known.get("input_tokens", {}).get("includes_cached") is False
        and "cached_tokens" not in known
    ):
        problems.append(
            (
                ("input_tokens", "includes_cached"),
                "needs cached_tokens: which column holds those read from the provider's cache?",
            )
        )
    asked, wrong = _asked(data.get("where", {}))
    problems += [(("where", *path), text) for path, text in wrong]
    records = None
    if "records" in data and (records := place(data["records"])) is None:
        problems.append(
            (
                ("records",),
                "expected where the rows stand in the document, such as `records: result` or a "
                "list of keys",
            )
        )
    if problems:
        raise MappingError(problems)
    return MappedFormat(known, asked, records, next(iter(units), None))


def _told(key: str, value: Any) -> tuple[Told, Problems]:
    """What is said of one column, and what is wrong with it."""
    told: Told = dict.fromkeys(TOLD)
    if isinstance(value, str | list):
        told["column"] = place(value)
        return told, [] if told["column"] else [
            ((), "expected the name of a column, or a list of keys")
        ]
    if not isinstance(value, Mapping):
        return told, [((), "expected the name of a column, or {column: NAME, unit: …}")]
    wrong: Problems = [
        ((str(name),), f"is not known here; known: {', '.join(told)}")
        for name in value
        if name not in told
    ]
    told |= {name: value[name] for name in told if name in value}
    if sum(told[name] is not None for name in ("column", "value", "when")) != 1:
        wrong.append(((), "needs either column (a name) or value (the same for all rows), or when"))
    for name in ("column", "when"):
        if told[name] is not None and place(told[name]) is None:
            wrong.append(((name,), "expected the name of a column, or a list of keys"))
    if (told["when"] is not None or told["equals"] is not None) and (
        key not in ASKED or told["value"] is not None
    ):
        wrong.append(
            (
                ("when" if told["when"] is not None else "equals",),
                f"is for a column at {', '.join(ASKED)}",
            )
        )
    if told["equals"] is not None and not _values(told["equals"]):
        wrong.append((("equals",), "expected a text, a number, true or false, or a list of them"))
    if told["value"] is not None and (
        key in (*TIMES, "delay") or not isinstance(told["value"], str | int | float | bool)
    ):
        wrong.append((("value",), "expected one text or number, for a column that is no time"))
    units = UNITS if key in DURATIONS else MONEY if key == "cost_usd" else {}
    if told["unit"] is not None and told["unit"] not in units:
        wrong.append(
            (
                ("unit",),
                f"expected one of {', '.join(units)}" if units else "has no unit; remove it",
            )
        )
    if told["includes_cached"] is not None and (
        key != "input_tokens" or not isinstance(told["includes_cached"], bool)
    ):
        wrong.append((("includes_cached",), "true or false, at input_tokens only"))
    return told | {"column": place(told["column"] if told["when"] is None else told["when"])}, wrong


def _asked(data: Any) -> tuple[tuple[Told, ...], Problems]:
    """The conditions of `where`: column -> a value, a list of values, or {equals, not, present}; or
    a list of {column: …} with one of these."""
    listed = data if isinstance(data, list) else None
    if isinstance(data, Mapping):
        listed = [
            {"column": name, **(one if isinstance(one, Mapping) else {"equals": one})}
            for name, one in data.items()
        ]
    if listed is None:
        return (), [((), "expected lines such as `operation: chat`")]
    made: list[Told] = []
    wrong: Problems = []
    for number, one in enumerate(listed):
        name = one.get("column") if isinstance(one, Mapping) else None
        where = (str(name),) if isinstance(data, Mapping) else (str(number),)
        found, asks = (
            place(name),
            {key: one[key] for key in ("equals", "not", "present") if key in one}
            if isinstance(one, Mapping)
            else {},
        )
        if found is None or len(asks) != 1 or len(one) != 2:
            wrong.append(
                (
                    where,
                    "expected a value, a list of values, or one of {equals: …}, {not: …} and "
                    "{present: true}",
                )
            )
        elif not (
            isinstance(asks["present"], bool)
            if "present" in asks
            else _values(next(iter(asks.values())))
        ):
            wrong.append((where, "expected a text, a number, true or false, or a list of them"))
        else:
            made.append({"column": found} | asks)
    return tuple(made), wrong


# -- SQL -------------------------------------------------------------------------------------------
