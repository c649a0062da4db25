"""The canonical trace, version 1: what every format is read into, and what `trace convert` writes
as Parquet. One row a request.

A format fills `requested_model` from the field that holds the name asked for, on failed calls too,
and leaves it out where its log has one name only: providers answer under a dated name, and a failed
call knows only the one asked for. A gateway's own name for a group of deployments is `model_group`.
Where `requested_model` or `provider` are missing, the reader fills them from the log's other rows,
if these leave no doubt.
"""

from __future__ import annotations

from typing import NamedTuple

VERSION = 1

TRY = (
    "STRUCT(offset_s DOUBLE, latency_s DOUBLE, provider VARCHAR, model VARCHAR, status "
    "INTEGER, error VARCHAR)"
)


class Column(NamedTuple):
    """kind: DuckDB's type. about: what the values mean; NULL wherever the format does not say."""

    kind: str
    about: str


COLUMNS: dict[str, Column] = {
    "arrival_ns": Column(
        "BIGINT",
        "when the request came: nanoseconds since 1970 in UTC, or since the start where the "
        "clock is relative",
    ),
    "request_id": Column("VARCHAR", "the log's own name of the request"),
    "input_tokens": Column(
        "BIGINT", "tokens sent, those read from or written to the provider's cache included"
    ),
    "cached_tokens": Column("BIGINT", "of them, read from the provider's cache"),
    "written_tokens": Column("BIGINT", "of them, written to the provider's cache"),
    "output_tokens": Column("BIGINT", "tokens received, reasoning included"),
    "provider": Column("VARCHAR", "who answered"),
    "model": Column(
        "VARCHAR",
        "the model's name: of an answered call as its answer says, else as it was asked for",
    ),
    "requested_model": Column(
        "VARCHAR",
        "the model as it was asked for: with the provider, the deployment that the call belongs to",
    ),
    "model_group": Column(
        "VARCHAR", "a gateway's own name for several deployments, one of which was to answer"
    ),
    "streamed": Column("BOOLEAN", "whether the answer came token by token"),
    "failed": Column("BOOLEAN", "whether the caller got no answer"),
    "status": Column("INTEGER", "HTTP-like: 200, 429, 500, …"),
    "error": Column(
        "VARCHAR", "the log's word for what went wrong; never a message, which may quote a prompt"
    ),
    "latency_s": Column("DOUBLE", "seconds from the request to the complete answer or the failure"),
    "ttft_s": Column("DOUBLE", "seconds to the first token, of streamed answers"),
    "cost_usd": Column("DOUBLE", "what the log says it cost"),
    "cached": Column("VARCHAR", "answered by the gateway's cache: no, exact or semantic"),
    "user": Column("VARCHAR", "who asked"),
    "team": Column("VARCHAR", "on whose account"),
    "session": Column("VARCHAR", "conversation"),
    "feature": Column("VARCHAR", "which part of a product asked"),
    "task": Column("VARCHAR", "kind of work"),
    "question": Column("VARCHAR", "the same for requests with the same prompt"),
    "blocks": Column(
        "BIGINT[]", "the prompt as blocks of tokens; equal beginnings are equal prefixes"
    ),
    "attempts": Column("INTEGER", "upstream sends"),
    "attempts_at_least": Column(
        "BOOLEAN",
        "whether there may have been more sends than `attempts`, as the log does not tell of all",
    ),
    "tries": Column(f"{TRY}[]", "those of them that the log describes, in order"),
}
"""name -> type and meaning, in the order in which they are written."""
