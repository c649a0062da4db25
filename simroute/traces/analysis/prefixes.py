"""The share of prompts that was sent before: what a provider's prompt cache could have read."""

from __future__ import annotations

from simroute.traces.table import RequestTable

MAX_REQUESTS = 200_000
"""Requests looked at, the first ones, since each block of a prompt is remembered."""


def shared_prefix_share(table: RequestTable, lifetime: float | None = None) -> float | None:
    """Share of input tokens in leading blocks with which an earlier request began as well; None for
    a trace without blocks.

    lifetime: seconds for which a beginning is remembered after its last use; None for ever. The
    blocks of a prompt count as equally long.
    """
    if not table.value("SELECT count(*) FROM requests WHERE len(blocks) > 0"):
        return None
    used: dict[int, int] = {}
    keep = None if lifetime is None else round(lifetime * 1e9)
    hit = total = 0.0
    for arrival, tokens, blocks in table.rows(
        f"SELECT arrival_ns, coalesce(input_tokens, 0), coalesce(blocks, []) FROM requests LIMIT "
        f"{MAX_REQUESTS}"
    ):
        total += tokens
        prefix, shared, warm = 0, 0, True
        for block in blocks:
            prefix = hash((prefix, block))
            last = used.get(prefix)
            warm = warm and last is not None and (keep is None or arrival - last <= keep)
            shared += warm
            used[prefix] = arrival
        hit += tokens * shared / max(1, len(blocks))
    return hit / total if total else None
