"""A user's mapping, as plain data, to the format that it describes: canonical column -> a column of
the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simroute.traces.columns import COLUMNS
from simroute.traces.field_paths import parse_path
from simroute.traces.formats.mapped_format import MappedFormat, nearest
from simroute.traces.formats.mapping_sql import MONEY, TIMES, UNITS, ColumnOptions, scalar_values

KEYS = (
    *TIMES,
    "delay",
    "trace",
    *(name for name in COLUMNS if name not in ("arrival_ns", "tries")),
)
"""What can be mapped: the canonical columns, the times of request, end and first token, the delay
after a session's turn before, and what attempts at one request have in common."""
SECTIONS = ("records", "where")
"""What else a mapping says: where in a document its rows stand, and which of them are requests."""
DURATIONS = (*TIMES, "delay", "latency_s", "ttft_s")
CONDITIONAL_KEYS = ("failed", "streamed", "cached")
"""Keys that may be derived from the value of any column."""
COLUMN_OPTIONS = ("column", "value", "unit", "includes_cached", "when", "equals")

Problems = list[tuple[tuple[str, ...], str]]
"""(key, what is wrong and what would be right)."""


class MappingError(ValueError):
    """All mistakes of a mapping, as `problems`."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("; ".join(f"{'.'.join(key)}: {text}" for key, text in problems))
        self.problems = problems


def parse_mapping(data: Any) -> MappedFormat:
    """The format that a mapping describes. Raises MappingError."""
    if not isinstance(data, Mapping):
        raise MappingError([((), "expected lines such as `input_tokens: prompt_tokens`")])
    columns, problems = _read_columns(data)
    problems += _check_together(data, columns)
    conditions, wrong = _read_conditions(data.get("where", {}))
    problems += [(("where", *path), text) for path, text in wrong]
    records = None
    if "records" in data and (records := parse_path(data["records"])) is None:
        problems.append(
            (
                ("records",),
                "expected where the rows stand in the document, such as `records: result` or a "
                "list of keys",
            )
        )
    if problems:
        raise MappingError(problems)
    return MappedFormat(columns, conditions, records, next(iter(_units(columns)), None))


def _read_columns(data: Mapping[Any, Any]) -> tuple[dict[str, ColumnOptions], Problems]:
    columns: dict[str, ColumnOptions] = {}
    problems: Problems = []
    for key, value in data.items():
        if key in SECTIONS:
            continue
        if key in KEYS:
            columns[key], wrong = _read_column(key, value)
            problems += [((key, *path), text) for path, text in wrong]
        else:
            near = nearest(str(key), (*KEYS, *SECTIONS))
            remedy = f"did you mean {near}?" if near else f"known: {', '.join((*KEYS, *SECTIONS))}"
            problems.append(((str(key),), f"is no column of a trace; {remedy}"))
    return columns, problems


def _units(columns: dict[str, ColumnOptions]) -> set[str]:
    return {options["unit"] for key, options in columns.items() if key in TIMES and options["unit"]}


def _check_together(data: Mapping[Any, Any], columns: dict[str, ColumnOptions]) -> Iterable[Any]:
    """Problems of columns that need each other."""
    if "time" not in data:
        yield (
            (),
            "time is missing: name the column that tells when a request came, such as `time: "
            "created_at`",
        )
    if "delay" in columns and "session" not in columns:
        yield ("delay",), "needs session: whose turn before it is counted from?"
    units = _units(columns)
    if len(units) > 1:
        yield (
            ("time",),
            f"the times have several units ({', '.join(sorted(units))}); a log has one clock",
        )
    apart = columns.get("input_tokens", {}).get("includes_cached") is False
    if apart and "cached_tokens" not in columns:
        yield (
            ("input_tokens", "includes_cached"),
            "needs cached_tokens: which column holds those read from the provider's cache?",
        )


def _read_column(key: str, value: Any) -> tuple[ColumnOptions, Problems]:
    """The options of one column, and what is wrong with them."""
    options: ColumnOptions = dict.fromkeys(COLUMN_OPTIONS)
    if isinstance(value, str | list):
        options["column"] = parse_path(value)
        expected = "expected the name of a column, or a list of keys"
        return options, [] if options["column"] else [((), expected)]
    if not isinstance(value, Mapping):
        return options, [((), "expected the name of a column, or {column: NAME, unit: …}")]
    problems: Problems = [
        ((str(name),), f"is not known here; known: {', '.join(options)}")
        for name in value
        if name not in options
    ]
    options |= {name: value[name] for name in options if name in value}
    problems += _check_source(key, options)
    problems += _check_details(key, options)
    path = parse_path(options["column"] if options["when"] is None else options["when"])
    return options | {"column": path}, problems


def _check_source(key: str, options: ColumnOptions) -> Iterable[Any]:
    """Problems of where the value comes from: column, value, when, equals."""
    if sum(options[name] is not None for name in ("column", "value", "when")) != 1:
        yield (), "needs either column (a name) or value (the same for all rows), or when"
    for name in ("column", "when"):
        if options[name] is not None and parse_path(options[name]) is None:
            yield (name,), "expected the name of a column, or a list of keys"
    compared = "when" if options["when"] is not None else "equals"
    if options[compared] is not None and (
        key not in CONDITIONAL_KEYS or options["value"] is not None
    ):
        yield (compared,), f"is for a column at {', '.join(CONDITIONAL_KEYS)}"


def _check_details(key: str, options: ColumnOptions) -> Iterable[Any]:
    """Problems of equals, value, unit and includes_cached themselves."""
    equals, value, unit = options["equals"], options["value"], options["unit"]
    if equals is not None and not scalar_values(equals):
        yield ("equals",), "expected a text, a number, true or false, or a list of them"
    if value is not None and (
        key in (*TIMES, "delay") or not isinstance(value, str | int | float | bool)
    ):
        yield ("value",), "expected one text or number, for a column that is no time"
    units = UNITS if key in DURATIONS else MONEY if key == "cost_usd" else {}
    if unit is not None and unit not in units:
        expected = f"expected one of {', '.join(units)}" if units else "has no unit; remove it"
        yield ("unit",), expected
    includes = options["includes_cached"]
    if includes is not None and (key != "input_tokens" or not isinstance(includes, bool)):
        yield ("includes_cached",), "true or false, at input_tokens only"


def _read_conditions(data: Any) -> tuple[tuple[ColumnOptions, ...], Problems]:
    """The conditions of `where`: column -> a value, a list of values, or {equals, not, present}; or
    a list of {column: …} with one of these."""
    items = data if isinstance(data, list) else None
    if isinstance(data, Mapping):
        items = [
            {"column": name, **(item if isinstance(item, Mapping) else {"equals": item})}
            for name, item in data.items()
        ]
    if items is None:
        return (), [((), "expected lines such as `operation: chat`")]
    conditions: list[ColumnOptions] = []
    problems: Problems = []
    for number, item in enumerate(items):
        name = item.get("column") if isinstance(item, Mapping) else None
        key = (str(name),) if isinstance(data, Mapping) else (str(number),)
        path, tests = parse_path(name), dict[str, Any]()
        if isinstance(item, Mapping):
            tests = {test: item[test] for test in ("equals", "not", "present") if test in item}
        if path is None or len(tests) != 1 or len(item) != 2:
            problems.append(
                (
                    key,
                    "expected a value, a list of values, or one of {equals: …}, {not: …} and "
                    "{present: true}",
                )
            )
        elif not (
            isinstance(tests["present"], bool)
            if "present" in tests
            else scalar_values(next(iter(tests.values())))
        ):
            problems.append((key, "expected a text, a number, true or false, or a list of them"))
        else:
            conditions.append({"column": path} | tests)
    return tuple(conditions), problems
