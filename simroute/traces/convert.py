"""A trace as Parquet with the canonical columns, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from simroute.traces.columns import COLUMNS, VERSION
from simroute.traces.raw_text import TraceError
from simroute.traces.sql import text_literal
from simroute.traces.table import RequestTable

ANONYMIZED = ("request_id", "user", "team", "session", "feature", "question")
"""What names people, conversations or prompts."""

TEXT_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
"""Endings of names that promise something else."""


def check_writable(out: Path, force: bool) -> None:
    """Whether a trace may be written there, asked before it is read. Raises TraceError."""
    if out.is_dir():
        raise TraceError(f"{out}: is a folder; name a file, such as {out / 'trace.parquet'}")
    if out.exists() and not force:
        raise TraceError(f"{out}: is there already; --force overwrites it")


def check_parquet_target(out: Path, force: bool) -> None:
    """The same of a table, which is no text and makes no folder. Raises TraceError."""
    if out.suffix.lower() in TEXT_SUFFIXES:
        raise TraceError(
            f"{out}: the table is written as Parquet; name it {out.with_suffix('.parquet').name}"
        )
    if not out.parent.exists():
        raise TraceError(f"{out}: its folder is not there; make {out.parent} first")
    check_writable(out, force)


def convert(table: RequestTable, out: Path, anonymize: bool = False, force: bool = False) -> None:
    """Write it. `anonymize`: names become hashes with a fresh salt that is kept nowhere, blocks of
    prompts too. Raises TraceError, OSError."""
    import duckdb

    check_parquet_target(out, force)
    salt = secrets.token_hex(32) if anonymize else ""
    made = {name: f'"{name}"' for name in COLUMNS}
    if anonymize:
        made |= {name: f"left(sha256('{salt}' || \"{name}\"), 32)" for name in ANONYMIZED}
        made["blocks"] = (
            f"list_transform(blocks, lambda b: CAST('0x' || left(sha256('{salt}' || b), 15) AS "
            f"BIGINT))"
        )
    chosen = ", ".join(f'{sql} AS "{name}"' for name, sql in made.items())
    said = {
        "version": VERSION,
        "clock": "relative" if table.relative else "utc",
        "source": table.format,
    }
    noted = ", ".join(f"simroute_trace_{key}: '{value}'" for key, value in said.items())
    half = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        half.open("xb").close()  # what the system has against it is told in its own words
        table.connection.execute(
            f"COPY (SELECT {chosen} FROM requests) TO {text_literal(str(half))} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{noted}}})"
        )
        os.replace(half, out)
    except duckdb.Error as error:
        raise TraceError(f"{out}: cannot be written ({str(error).splitlines()[0][:160]})") from None
    finally:
        half.unlink(missing_ok=True)
