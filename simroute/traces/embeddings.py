"""Calls for embeddings in a log: no chat model could answer them, so they are kept apart from its
requests."""

from __future__ import annotations

from simroute.traces.table import RequestTable
from simroute.units import usd

EMBEDS = "coalesce(task = 'embedding' AND coalesce(output_tokens, 0) = 0, false)"
"""SQL over `requests`: what formats make of a call that asks for an embedding."""


def separate_embeddings(table: RequestTable) -> None:
    """Move calls for embeddings to the table `embeddings` and note their number; once, and not
    where the log holds nothing else."""
    count, tokens, cost = table.rows(
        f"SELECT count(*), sum(input_tokens), sum(cost_usd) FROM requests WHERE {EMBEDS}"
    )[0]
    if count in (0, table.requests):
        return
    run = table.connection.execute
    run(f"CREATE TABLE embeddings AS SELECT * FROM requests WHERE {EMBEDS}")
    run(f"CREATE TABLE others AS SELECT * FROM requests WHERE NOT {EMBEDS}")
    run("DROP TABLE requests; ALTER TABLE others RENAME TO requests")
    table.requests -= count
    table.embeddings = count
    spent = "" if cost is None else f", {usd(cost)}"
    table.notes.append(
        f"{count:,} calls for embeddings ({int(tokens or 0):,} input tokens{spent}) are counted "
        f"apart: no other figure holds them, and no routing of chat models concerns them"
    )
