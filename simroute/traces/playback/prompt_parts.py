"""The blocks of a trace's prompts as parts that follow each other: equal beginnings have equal
parts."""

from __future__ import annotations

import numpy as np

from simroute.traces.analysis.prefixes import MAX_REQUESTS
from simroute.traces.table import RequestTable


def prompt_parts(table: RequestTable) -> dict[str, np.ndarray] | None:
    """starts: by request, where its parts begin, and the end of all; parts: a number for each block
    that tells all of the prompt up to its end. Of the first `MAX_REQUESTS` requests, the others
    have none. None for a trace without blocks."""
    if not table.value("SELECT count(*) FROM requests WHERE len(blocks) > 0"):
        return None
    known: dict[tuple[int, int], int] = {}
    starts, parts = [0], list[int]()
    for (blocks,) in table.rows(
        f"SELECT coalesce(blocks, []) FROM requests ORDER BY rowid LIMIT {MAX_REQUESTS}"
    ):
        part = -1
        for block in blocks:
            part = known.setdefault((part, block), len(known))
            parts.append(part)
        starts.append(len(parts))
    starts += [len(parts)] * (table.requests + 1 - len(starts))
    return {"starts": np.array(starts, np.int64), "parts": np.array(parts, np.int32)}
