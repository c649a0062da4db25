"""Calls for embeddings in a log: no chat model could answer them, so they are kept apart from its
requests."""

from __future__ import annotations

from simroute.text import usd
from simroute.traces.table import RequestTable

EMBEDS = "coalesce(task = 'embedding' AND coalesce(output_tokens, 0) = 0, false)"
"""What formats make of a call that asks for an embedding: work of that name, without an answer in
tokens."""


def separate_embeddings(table: RequestTable) -> None:
    """Move them to the table `embeddings`, and note it; once, and not where a log holds nothing
    else."""
    count, tokens, cost = table.rows(
        f"SELECT count(*), sum(input_tokens), sum(cost_usd) FROM requests WHERE {EMBEDS}"
    )[0]
    if count in (0, table.requests):
        return
    table.connection.execute(f"CREATE TABLE embeddings AS SELECT * FROM requests WHERE {EMBEDS}")
    table.connection.execute(f"CREATE TABLE others AS SELECT * FROM requests WHERE NOT {EMBEDS}")
    table.connection.execute("DROP TABLE requests; ALTER TABLE others RENAME TO requests")
    table.requests -= count
    table.embeddings = count
    told = (
        f"{count:,} calls for embeddings ({int(tokens or 0):,} input "
        f"tokens{'' if cost is None else f', {usd(cost)}'})"
    )
    table.notes.append(
        f"{told} are counted apart: no other figure holds them, and no routing of chat models "
        f"concerns them"
    )
