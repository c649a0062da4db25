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
"""Columns that name people, conversations or prompts."""

TEXT_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
"""Suffixes of file names that promise another format."""


def check_writable(out: Path, force: bool) -> None:
    """Check that a file may be written there, before a trace is read. Raises TraceError."""
    if out.is_dir():
        raise TraceError(f"{out}: is a folder; name a file, such as {out / 'trace.parquet'}")
    if out.exists() and not force:
        raise TraceError(f"{out}: is there already; --force overwrites it")


def check_parquet_target(out: Path, force: bool) -> None:
    """The same for a Parquet file, whose folder must exist. Raises TraceError."""
    if out.suffix.lower() in TEXT_SUFFIXES:
        raise TraceError(
            f"{out}: the table is written as Parquet; name it {out.with_suffix('.parquet').name}"
        )
    if not out.parent.exists():
        raise TraceError(f"{out}: its folder is not there; make {out.parent} first")
    check_writable(out, force)


def convert(table: RequestTable, out: Path, anonymize: bool = False, force: bool = False) -> None:
    """Write a trace as Parquet.

    anonymize: names become hashes with a new salt that is not kept; blocks of prompts too. force:
    overwrite. Raises TraceError, OSError.
    """
    import duckdb

    check_parquet_target(out, force)
    salt = secrets.token_hex(32) if anonymize else ""
    columns = {name: f'"{name}"' for name in COLUMNS}
    if anonymize:
        columns |= {name: f"left(sha256('{salt}' || \"{name}\"), 32)" for name in ANONYMIZED}
        columns["blocks"] = (
            f"list_transform(blocks, lambda b: CAST('0x' || left(sha256('{salt}' || b), 15) AS "
            f"BIGINT))"
        )
    selected = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
    metadata = {
        "version": VERSION,
        "clock": "relative" if table.relative else "utc",
        "source": table.format,
    }
    values = ", ".join(f"simroute_trace_{key}: '{value}'" for key, value in metadata.items())
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        partial.open("xb").close()  # what the system has against it is told in its own words
        table.connection.execute(
            f"COPY (SELECT {selected} FROM requests) TO {text_literal(str(partial))} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{values}}})"
        )
        os.replace(partial, out)
    except duckdb.Error as error:
        raise TraceError(f"{out}: cannot be written ({str(error).splitlines()[0][:160]})") from None
    finally:
        partial.unlink(missing_ok=True)
