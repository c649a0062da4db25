"""Spans within spans: a call counts once, where it was made, and what only a span around it tells
of who asked is told of it too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WRAPPER = "span around a call that has its own"
INHERITED = ("user", "team", "session")
DEEPEST = 32
"""Spans around a call that are looked at."""
LEVELS = (
    "WITH RECURSIVE levels(id, around, depth) AS (SELECT request_id, inside, 1 FROM raw WHERE "
    "inside IS NOT NULL AND {of}"
    f" UNION SELECT levels.id, raw.inside, depth + 1 FROM levels JOIN raw ON raw.request_id = "
    f"levels.around WHERE depth < {DEEPEST} AND {{through}})"
)
"""id, of a row `of` which it is asked, and each span around it, inmost first (depth 1), as far as
spans lead `through` to another."""


def settle(run: Callable[..., Any], given: list[str], passed: str) -> None:
    """In the table `raw`, whose rows name the span that they are `inside`: rows get names from
    around them, and calls around calls a reason.

    `passed`: the reason of spans that neither call a model nor lead to anything but calls, such as
    a client's HTTP request; a tool or an agent may make calls of its own within a call, which stays
    one.
    """
    named = [name for name in INHERITED if name in given]
    if named:
        found = ", ".join(
            f'arg_min(raw."{name}", depth) FILTER (raw."{name}" IS NOT NULL) AS "{name}"'
            for name in named
        )
        levels = LEVELS.format(of="reason IS NULL", through="true")
        run(
            f"CREATE TEMP TABLE outer_names AS {levels} SELECT id, {found} FROM levels JOIN raw "
            f"ON raw.request_id = levels.around GROUP BY id"
        )
        filled = ", ".join(
            f'"{name}" = coalesce(raw."{name}", outer_names."{name}")' for name in named
        )
        run(
            f"UPDATE raw SET {filled} FROM outer_names WHERE raw.request_id = outer_names.id AND "
            f"raw.reason IS NULL; DROP TABLE outer_names"
        )
    calls = "(reason IS NULL OR reason = 'no token counts')"
    levels = LEVELS.format(of="reason IS NULL", through="raw.reason = $passed")
    run(
        f"CREATE TEMP TABLE wrappers AS {levels} SELECT DISTINCT around AS id FROM levels",
        {"passed": passed},
    )
    run(
        f"UPDATE raw SET reason = $why FROM wrappers WHERE raw.request_id = wrappers.id AND "
        f"{calls}",
        {"why": WRAPPER},
    )
    run("DROP TABLE wrappers")
