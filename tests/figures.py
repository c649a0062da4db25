"""What a trace says in all, for tests of formats: small enough to be worked out by hand from a few
rows."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from simroute.traces.importer import read
from simroute.traces.table import RequestTable

FIGURES = {
    "first": "strftime(make_timestamp_ns(min(arrival_ns)), '%Y-%m-%d %H:%M:%S.%g')",
    "last": "strftime(make_timestamp_ns(max(arrival_ns)), '%Y-%m-%d %H:%M:%S.%g')",
    "input": "sum(input_tokens)::BIGINT",
    "cached": "sum(cached_tokens)::BIGINT",
    "output": "sum(output_tokens)::BIGINT",
    "cost": "sum(cost_usd)",
    "attempts": "sum(attempts)::BIGINT",
    "failed": "sum(failed::INTEGER)::BIGINT",
    "users": 'nullif(count(DISTINCT "user"), 0)',
    "sessions": "nullif(count(DISTINCT session), 0)",
    "models": "nullif(count(DISTINCT model), 0)",
    "latency": "avg(latency_s)",
    "ttft": "avg(ttft_s)",
}


def table(folder: Path, content: str | bytes) -> RequestTable:
    """A file with that content, read as what it is recognised as."""
    path = folder / "log"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read([path])


def figures(found: RequestTable) -> dict[str, Any]:
    """Format, requests, skipped ones by reason, and all of FIGURES; None where the log does not
    say. `written` only where it does."""
    *row, written = found.rows(
        "SELECT " + ", ".join(FIGURES.values()) + ", sum(written_tokens)::BIGINT FROM requests"
    )[0]
    told = {"format": found.format, "requests": found.requests, "skipped": found.skipped} | dict(
        zip(FIGURES, row, strict=True)
    )
    return told if written is None else told | {"written": written}


def near(expected: dict[str, Any]) -> dict[str, Any]:
    """The same; fractions need not agree to the last bit (times of 2026 in seconds are good to a
    microsecond)."""
    return {
        name: pytest.approx(value, abs=2e-6) if isinstance(value, float) else value
        for name, value in expected.items()
    }


def lines(rows: Iterable[dict[str, Any]]) -> str:
    """One object a line."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def sheet(rows: list[dict[str, Any]]) -> str:
    """CSV: what is nested as JSON, what is not there empty, truth as Python writes it."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            [
                json.dumps(cell) if isinstance(cell := row.get(name), dict | list) else cell
                for name in names
            ]
        )
    return made.getvalue()
