"""The user's words for a column as SQL."""

from __future__ import annotations

from typing import Any

from simroute.traces.columns import COLUMNS
from simroute.traces.field_paths import literal

TIMES = ("time", "end", "first_token")


UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


MONEY = {"usd": 1.0, "cents": 100.0}


HIT = (
    "CASE WHEN lower(trim({0})) IN ('exact', 'semantic') THEN lower(trim({0})) WHEN "
    "lower(trim({0})) = 'hit' OR flag({0}) THEN 'exact'"
    " WHEN lower(trim({0})) = 'miss' OR NOT flag({0}) THEN 'no' END"
)


READ = {"error": "code({})", "cached": HIT, "question": "left(sha256(word({})), 32)"}
"""An error is a name, as a message may quote a prompt; a hit of the cache may be told by yes and
no; a prompt is only told from others."""


CASTS = {
    "BIGINT": "whole({})",
    "INTEGER": "whole({})",
    "DOUBLE": "num({})",
    "BOOLEAN": "flag({})",
    "BIGINT[]": "TRY_CAST({} AS BIGINT[])",
}


SPAN_FAILED = "#failed"
"""Field of a span taken out of OTLP: that its status is an error."""


Told = dict[str, Any]


def _columns(known: dict[str, Told]) -> dict[str, str]:
    made = {("after_s" if key == "delay" else key): _sql(key, told) for key, told in known.items()}
    if known.get("input_tokens", {}).get("includes_cached") is False:
        aside = (
            f"coalesce({made[name]}, 0)"
            for name in ("cached_tokens", "written_tokens")
            if name in made
        )
        made["input_tokens"] = " + ".join((made["input_tokens"], *aside))
    if "status" in made:
        made.setdefault(
            "failed", f'coalesce({made["status"]} >= 400, flag("{SPAN_FAILED}"), false)'
        )
    made.setdefault("failed", f'flag("{SPAN_FAILED}")')
    if "trace" in made:  # rows are attempts
        made.setdefault(
            "attempts", f"CASE WHEN {made.get('cached', 'NULL')} <> 'no' THEN 0 ELSE 1 END"
        )
    return made


def _sql(key: str, told: Told) -> str:
    text = literal(str(told["value"])) if told["column"] is None else told["column"].sql
    if key in TIMES:
        return text
    if told["equals"] is not None or told["when"] is not None:
        true = _says(text) if told["equals"] is None else _equal(text, told["equals"])
        return f"CASE WHEN {true} THEN 'exact' ELSE 'no' END" if key == "cached" else true
    kind = "DOUBLE" if key == "delay" else COLUMNS[key].kind if key in COLUMNS else "VARCHAR"
    sql = READ.get(key, CASTS.get(kind, "word({})")).format(text)
    scale = (UNITS | MONEY).get(told["unit"], 1.0)
    return sql if scale == 1 else f"{sql} / {scale:.0f}"


def _says(text: str) -> str:
    """That a cell says something, and not no."""
    return f"coalesce(lower(word({text})) NOT IN ('false', '0', 'no', 'none', '{{}}', '[]'), false)"


def _equal(text: str, values: Any) -> str:
    """That a cell is one of these values: texts in any case, numbers however they are written,
    truths in any of their spellings."""
    made = [
        f"flag({text}) = {str(one).lower()}"
        if isinstance(one, bool)
        else f"num({text}) = TRY_CAST({literal(str(one))} AS DOUBLE)"
        if isinstance(one, int | float)
        else f"lower(trim({text})) = {literal(one.strip().lower())}"
        for one in _values(values)
    ]
    return f"coalesce({' OR '.join(made)}, false)"


def _condition(asks: Told) -> str:
    text = asks["column"].sql
    if "present" in asks:
        return f"word({text}) IS {'NOT ' if asks['present'] else ''}NULL"
    return _equal(text, asks["equals"]) if "equals" in asks else f"NOT {_equal(text, asks['not'])}"


def _values(value: Any) -> list[Any]:
    """One value or a list of them; nothing if some are neither text, number nor truth."""
    listed = value if isinstance(value, list) else [value]
    return listed if all(isinstance(one, str | int | float | bool) for one in listed) else []
