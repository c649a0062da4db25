"""A format told by its user: canonical column -> a column of the log, as plain data. Names are quoted; nothing of it is executed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simroute.traces.columns import COLUMNS
from simroute.traces.files import Sample

TIMES = ("time", "end", "first_token")
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
MONEY = {"usd": 1.0, "cents": 100.0}
KEYS = (*TIMES, "trace", *(name for name in COLUMNS if name not in ("arrival_ns", "tries")))
"""What can be mapped: the canonical columns, the times of request, end and first token, and what attempts at one request have in common."""
HIT = (
    "CASE WHEN lower(trim({0})) IN ('exact', 'semantic') THEN lower(trim({0})) WHEN lower(trim({0})) = 'hit' OR flag({0}) THEN 'exact'"
    " WHEN lower(trim({0})) = 'miss' OR NOT flag({0}) THEN 'no' END"
)
READ = {"error": "code({})", "cached": HIT, "question": "left(sha256(word({})), 32)"}
"""An error is a name, as a message may quote a prompt; a hit of the cache may be told by yes and no; a prompt is only told from others."""
CASTS = {"BIGINT": "whole({})", "INTEGER": "whole({})", "DOUBLE": "num({})", "BOOLEAN": "flag({})", "BIGINT[]": "TRY_CAST({} AS BIGINT[])"}


class MappingError(ValueError):
    """All mistakes of a mapping: `problems` holds (key, what is wrong and what would be right)."""

    def __init__(self, problems: list[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(key)}: {text}" for key, text in problems))
        self.problems = problems


@dataclass
class Mapped:
    """A `Format` made from a mapping. `NAMED`: the log's columns in it; `UNIT`: of times that are numbers; without one it is told by their size."""

    FIELDS: tuple[str, ...] = ()
    NAMED: tuple[str, ...] = ()
    COLUMNS: dict[str, str] = field(default_factory=dict)
    UNIT: str | None = None
    ABOUT: str = "as the mapping says"
    CLOCK: Any = "utc"

    @staticmethod
    def recognises(found: Sample) -> bool:
        """A mapping is never guessed."""
        return False

    def absent(self, found: Sample) -> list[tuple[str, str]]:
        """(field, the nearest that is there) for each field of the mapping that the log's first records lack."""
        missing = [name for name in self.NAMED if name not in found.keys and name.partition(".")[0] not in found.keys]
        return [(name, next(iter(difflib.get_close_matches(name, found.keys, 1)), "")) for name in missing]


def mapped(data: Any) -> Mapped:
    """The format that a mapping describes. Raises MappingError."""
    problems: list[tuple[tuple[str, ...], str]] = []
    if not isinstance(data, Mapping):
        raise MappingError([((), "expected lines such as `input_tokens: prompt_tokens`")])
    made, names = Mapped(), list[str]()
    units = set[str]()
    for key, value in data.items():
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, 1)
            problems.append(((str(key),), f"is no column of a trace; {f'did you mean {near[0]}?' if near else 'known: ' + ', '.join(KEYS)}"))
            continue
        told, wrong = _told(key, value)
        problems += [((key, *path), text) for path, text in wrong]
        if wrong:
            continue
        if told["column"] is not None:
            names.append(told["column"])
        if key in TIMES and told["unit"]:
            units.add(told["unit"])
        made.COLUMNS[key] = _sql(key, told)
    if "time" not in data:
        problems.append(((), "time is missing: name the column that tells when a request came, such as `time: created_at`"))
    if len(units) > 1:
        problems.append((("time",), f"the times have several units ({', '.join(sorted(units))}); a log has one clock"))
    if told_apart := _excluded(data):
        if "cached_tokens" in made.COLUMNS and "input_tokens" in made.COLUMNS:
            made.COLUMNS["input_tokens"] = f"{made.COLUMNS['input_tokens']} + coalesce({made.COLUMNS['cached_tokens']}, 0)"
        else:
            problems.append((told_apart, "needs cached_tokens: which column holds those read from the provider's cache?"))
    if "status" in made.COLUMNS:
        made.COLUMNS.setdefault("failed", f"coalesce({made.COLUMNS['status']} >= 400, false)")
    if problems:
        raise MappingError(problems)
    roots = [name.partition(".")[0] for name in names if "." in name]
    made.NAMED, made.FIELDS, made.UNIT = tuple(dict.fromkeys(names)), tuple(dict.fromkeys([*names, *roots])), next(iter(units), None)
    return made


def _told(key: str, value: Any) -> tuple[dict[str, Any], list[tuple[tuple[str, ...], str]]]:
    """What is said of one column, and what is wrong with it."""
    told: dict[str, Any] = {"column": None, "value": None, "unit": None, "includes_cached": None}
    if isinstance(value, str) and value:
        return told | {"column": value}, []
    if not isinstance(value, Mapping):
        return told, [((), "expected the name of a column, or {column: NAME, unit: …}")]
    wrong: list[tuple[tuple[str, ...], str]] = []
    for name in value:
        if name not in told:
            wrong.append(((str(name),), f"is not known here; known: {', '.join(told)}"))
    told |= {name: value[name] for name in told if name in value}
    if (told["column"] is None) == (told["value"] is None):
        wrong.append(((), "needs either column (a name) or value (the same for all rows)"))
    elif told["column"] is not None and not (isinstance(told["column"], str) and told["column"]):
        wrong.append((("column",), "expected the name of a column"))
    if told["value"] is not None and (key in TIMES or not isinstance(told["value"], str | int | float | bool)):
        wrong.append((("value",), "expected one text or number, for a column that is no time"))
    units = UNITS if key in (*TIMES, "latency_s", "ttft_s") else MONEY if key == "cost_usd" else {}
    if told["unit"] is not None and told["unit"] not in units:
        wrong.append((("unit",), f"expected one of {', '.join(units)}" if units else "has no unit; remove it"))
    if told["includes_cached"] is not None and (key != "input_tokens" or not isinstance(told["includes_cached"], bool)):
        wrong.append((("includes_cached",), "true or false, at input_tokens only"))
    return told, wrong


def _excluded(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Where it is said that input tokens do not include those read from a cache."""
    value = data.get("input_tokens")
    return ("input_tokens", "includes_cached") if isinstance(value, Mapping) and value.get("includes_cached") is False else ()


def _sql(key: str, told: dict[str, Any]) -> str:
    text = _literal(str(told["value"])) if told["column"] is None else _column(told["column"])
    if key in TIMES:
        return text
    kind = COLUMNS[key].kind if key in COLUMNS else "VARCHAR"
    sql = READ.get(key, CASTS.get(kind, "word({})")).format(text)
    scale = (UNITS | MONEY).get(told["unit"], 1.0)
    return sql if scale == 1 else f"{sql} / {scale:.0f}"


def _column(name: str) -> str:
    """A field, or, written with dots, one within fields that hold objects."""
    quoted = '"' + name.replace('"', '""') + '"'
    if "." not in name or '"' in name:
        return quoted
    root, *inner = name.split(".")
    path = "".join(f'."{part}"' for part in inner)
    return f'coalesce({quoted}, part("{root}", {_literal("$" + path)}))'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
