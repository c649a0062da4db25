"""SQL for the columns that a mapping describes."""

from __future__ import annotations

from typing import Any

from simroute.traces.columns import COLUMNS
from simroute.traces.sql import text_literal

TIMES = ("time", "end", "first_token")

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

MONEY = {"usd": 1.0, "cents": 100.0}

CACHE_HIT = """CASE
    WHEN lower(trim({0})) IN ('exact', 'semantic') THEN lower(trim({0}))
    WHEN lower(trim({0})) = 'hit' OR flag({0}) THEN 'exact'
    WHEN lower(trim({0})) = 'miss' OR NOT flag({0}) THEN 'no' END"""

READ = {"error": "code({})", "cached": CACHE_HIT, "question": "left(sha256(word({})), 32)"}
"""Column -> SQL of a cell. An error is a name, as a message may quote a prompt; a hit of the cache
may be told by yes and no; a prompt is only told from others."""

CASTS = {
    "BIGINT": "whole({})",
    "INTEGER": "whole({})",
    "DOUBLE": "num({})",
    "BOOLEAN": "flag({})",
    "BIGINT[]": "TRY_CAST({} AS BIGINT[])",
}

SPAN_FAILED = "#failed"
"""Field of a span taken out of OTLP: that its status is an error."""

ColumnOptions = dict[str, Any]
"""column (a FieldPath), value, unit, includes_cached, when, equals: None where it is not given."""


def mapped_columns(columns: dict[str, ColumnOptions]) -> dict[str, str]:
    """Column of a format -> SQL over the log's fields."""
    sql = {
        ("after_s" if key == "delay" else key): _column_sql(key, options)
        for key, options in columns.items()
    }
    if columns.get("input_tokens", {}).get("includes_cached") is False:
        apart = (name for name in ("cached_tokens", "written_tokens") if name in sql)
        terms = (f"coalesce({sql[name]}, 0)" for name in apart)
        sql["input_tokens"] = " + ".join((sql["input_tokens"], *terms))
    failed = f'flag("{SPAN_FAILED}")'
    if "status" in sql:
        failed = f"coalesce({sql['status']} >= 400, {failed}, false)"
    sql.setdefault("failed", failed)
    if "trace" in sql:  # rows are attempts
        hit = f"{sql.get('cached', 'NULL')} <> 'no'"
        sql.setdefault("attempts", f"CASE WHEN {hit} THEN 0 ELSE 1 END")
    return sql


def _column_sql(key: str, options: ColumnOptions) -> str:
    path, equals = options["column"], options["equals"]
    text = text_literal(str(options["value"])) if path is None else path.sql
    if key in TIMES:
        return text
    if equals is not None or options["when"] is not None:
        true = _is_truthy(text) if equals is None else _equals_any(text, equals)
        return f"CASE WHEN {true} THEN 'exact' ELSE 'no' END" if key == "cached" else true
    kind = "DOUBLE" if key == "delay" else COLUMNS[key].kind if key in COLUMNS else "VARCHAR"
    sql = READ.get(key, CASTS.get(kind, "word({})")).format(text)
    scale = (UNITS | MONEY).get(options["unit"], 1.0)
    return sql if scale == 1 else f"{sql} / {scale:.0f}"


def _is_truthy(text: str) -> str:
    """SQL: a cell says something, and not no."""
    return f"coalesce(lower(word({text})) NOT IN ('false', '0', 'no', 'none', '{{}}', '[]'), false)"


def _equals_any(text: str, values: Any) -> str:
    """SQL: a cell is one of these values: texts in any case, numbers and truths in any spelling."""
    tests = [
        f"flag({text}) = {str(value).lower()}"
        if isinstance(value, bool)
        else f"num({text}) = TRY_CAST({text_literal(str(value))} AS DOUBLE)"
        if isinstance(value, int | float)
        else f"lower(trim({text})) = {text_literal(value.strip().lower())}"
        for value in scalar_values(values)
    ]
    return f"coalesce({' OR '.join(tests)}, false)"


def condition_sql(condition: ColumnOptions) -> str:
    """SQL: a row satisfies a condition of `where`."""
    text = condition["column"].sql
    if "present" in condition:
        return f"word({text}) IS {'NOT ' if condition['present'] else ''}NULL"
    if "equals" in condition:
        return _equals_any(text, condition["equals"])
    return f"NOT {_equals_any(text, condition['not'])}"


def scalar_values(value: Any) -> list[Any]:
    """One value or a list of them; empty if some are neither text, number nor truth."""
    values = value if isinstance(value, list) else [value]
    return values if all(isinstance(item, str | int | float | bool) for item in values) else []
