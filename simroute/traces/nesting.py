"""Spans within spans: a call counts once, where it was made, and takes names of its caller from the
spans around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WRAPPER = "span around a call that has its own"
INHERITED_COLUMNS = ("user", "team", "session")
MAX_DEPTH = 32
"""Spans around a call that are looked at."""


def resolve_nesting(run: Callable[..., Any], columns: list[str], pass_through: str) -> None:
    """In the table `raw`, whose rows name the span that they are `inside`: fill names from the
    spans around a row, and give calls around calls a `reason` not to count.

    run: executes a query. columns: those that the format fills. pass_through: the reason of spans
    that neither call a model nor contain anything but calls, such as a client's HTTP request. A
    tool or an agent may make calls of its own within a call, which stays one.
    """
    names = [name for name in INHERITED_COLUMNS if name in columns]
    if names:
        nearest = ", ".join(
            f'arg_min(raw."{name}", depth) FILTER (raw."{name}" IS NOT NULL) AS "{name}"'
            for name in names
        )
        run(f"""
            CREATE TEMP TABLE outer_names AS {_levels_query("true")}
            SELECT id, {nearest} FROM levels JOIN raw ON raw.request_id = levels.around
            GROUP BY id""")
        filled = ", ".join(
            f'"{name}" = coalesce(raw."{name}", outer_names."{name}")' for name in names
        )
        run(f"""
            UPDATE raw SET {filled} FROM outer_names
            WHERE raw.request_id = outer_names.id AND raw.reason IS NULL;
            DROP TABLE outer_names""")
    run(
        f"CREATE TEMP TABLE wrappers AS {_levels_query('raw.reason = $passed')}"
        " SELECT DISTINCT around AS id FROM levels",
        {"passed": pass_through},
    )
    run(
        "UPDATE raw SET reason = $why FROM wrappers WHERE raw.request_id = wrappers.id"
        " AND (reason IS NULL OR reason = 'no token counts')",
        {"why": WRAPPER},
    )
    run("DROP TABLE wrappers")


def _levels_query(through: str) -> str:
    """SQL, the beginning of a query: `levels` has a row (id, around, depth) for each request and
    each span around it, the innermost at depth 1, as far as spans that satisfy `through` lead to
    another."""
    return f"""
        WITH RECURSIVE levels(id, around, depth) AS (
            SELECT request_id, inside, 1 FROM raw WHERE inside IS NOT NULL AND reason IS NULL
            UNION
            SELECT levels.id, raw.inside, depth + 1
            FROM levels JOIN raw ON raw.request_id = levels.around
            WHERE depth < {MAX_DEPTH} AND {through})"""
